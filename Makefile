# What a fresh Debian 12 machine with Swift 6.3 needs is here: `make demo` and `make test`.
SHELL := /bin/bash
PACKAGES := libpcl-dev libeigen3-dev libjpeg-dev libturbojpeg0-dev libsimdjson-dev libspng-dev libzip-dev libdnnl-dev
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Floating-point sums are not contracted in C, so that results do not depend on the compiler's mood.
SWIFT_FLAGS := -c release -Xcc -ffp-contract=off
APUS := .build/release/apus

.PHONY: setup build test demo bench format lint soak clean

setup:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || { $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES); }

build: setup
	swift build $(SWIFT_FLAGS) --product apus

# The products by name: `--build-tests` would also build every tool of every dependency (protoc, in C++).
test: build
	swift build $(SWIFT_FLAGS) --product ApusPackageTests
	swift test $(SWIFT_FLAGS) --skip-build

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build
