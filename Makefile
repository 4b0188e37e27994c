# What a fresh Debian 12 machine with Swift 6.3 needs is here: `make demo` and `make test`.
SHELL := /bin/bash
PACKAGES := libpcl-dev libeigen3-dev libjpeg-dev libturbojpeg0-dev libsimdjson-dev libspng-dev libzip-dev libdnnl-dev
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Floating-point sums are not contracted in C, so that results do not depend on the compiler's mood.
SWIFT_FLAGS := -c release -Xcc -ffp-contract=off
APUS := .build/release/apus
DEMO := runs/demo

# Installing. The installed program carries Swift's libraries in itself (a build of its own, as that changes every object).
PREFIX ?= /usr/local
DESTDIR ?=
STATIC_BUILD ?= .build/static
MANUAL_BUILD ?= .build/manual
STAGE := .build/stage
VERSION := $(shell sed -n 's/^let programVersion = "\(.*\)"$$/\1/p' Sources/apus/Version.swift)

.PHONY: setup build test test-sets demo bench format lint soak clean static stage install uninstall deb

setup:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES); }

build: setup
	swift build $(SWIFT_FLAGS) --product apus

# The products by name: `--build-tests` would also build every tool of every dependency (protoc, in C++).
test: build
	swift build $(SWIFT_FLAGS) --product ApusPackageTests
	swift test $(SWIFT_FLAGS) --skip-build

# Tests whose results depend on the instruction set, at those below the machine's own.
SET_TESTS := NeuralEngineTests|LiftSplatTests|PerceptionTests|TrajectoryRefinerTests|NetworkReplayTests
test-sets: test
	@for set in sse4.2 $$(grep -o -m1 -w avx2 /proc/cpuinfo); do echo "at $$set:"; \
	  APUS_ISA=$$set swift test $(SWIFT_FLAGS) --skip-build --filter '$(SET_TESTS)' || exit 1; done

demo: build
	@rm -rf $(DEMO)
	$(APUS) replay scenes/simulated --out $(DEMO)
	$(APUS) evaluate $(DEMO) --truth scenes/simulated
	@echo
	@echo "The run is in $(DEMO): detections.json, tracks.json, trajectories/, bev/, occupancy/, metrics.json."
	@echo "Look at $$(ls $(DEMO)/preview/*/*.jpg | sed -n 10p) first."

# Side by side with peers; prints the machine and ratios. Needs no network.
bench: setup
	swift build $(SWIFT_FLAGS) --package-path Benchmarks
	Benchmarks/.build/release/voxel-benchmark $$(ls scenes/simulated/samples/LIDAR_TOP/*.pcd.bin | head -1)
	Benchmarks/.build/release/lift-splat-benchmark alone

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

static: setup
	swift build $(SWIFT_FLAGS) --static-swift-stdlib --scratch-path $(STATIC_BUILD) --product apus

# Everything that is installed, below $(STAGE) as it will be below PREFIX: program, manual, completions, rigs, networks.
stage: static
	swift build --package-path $(STATIC_BUILD)/checkouts/swift-argument-parser --scratch-path $(MANUAL_BUILD) \
	  --product generate-manual
	tools/packaging/stage.sh $(STATIC_BUILD)/release/apus $(MANUAL_BUILD)/debug/generate-manual $(STAGE)

install: stage
	tools/packaging/install.sh $(STAGE) "$(DESTDIR)$(PREFIX)"

uninstall:
	tools/packaging/install.sh --remove $(STAGE) "$(DESTDIR)$(PREFIX)"

# apus_VERSION_ARCHITECTURE.deb in .build, for the Debian release that it is built on.
deb: stage
	tools/packaging/deb.sh $(STAGE) $(VERSION) .build

-include soak.mk

clean:
	rm -rf .build
