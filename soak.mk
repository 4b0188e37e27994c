# Long runs that are no part of `make test`. SOAK_SECONDS: how long each reader is fuzzed.
# SOAK_SEEDS: how many dataroots, networks and models are broken by seed.
SOAK_SECONDS ?= 600
SOAK_SEEDS ?= 10000
FUZZ := tools/fuzz
FUZZ_FLAGS := -c release -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld -Xlinker -ldnnl -Xcc -ffp-contract=off
FUZZ_READERS := safetensors npy npz onnx

soak: soak-readers soak-corrupted

soak-build:
	swift build --package-path $(FUZZ) $(FUZZ_FLAGS) --product FuzzReaders

# Finds are written as crash-..., timeout-... or oom-... beside the working corpus, and fail the run.
soak-readers: soak-build
	@for reader in $(FUZZ_READERS); do \
	  mkdir -p $(FUZZ)/.build/corpus/$$reader && \
	  APUS_READER=$$reader SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 \
	    $(FUZZ)/.build/release/FuzzReaders $(FUZZ)/.build/corpus/$$reader $(FUZZ)/corpus/$$reader \
	    -max_total_time=$(SOAK_SECONDS) -max_len=16384 -timeout=25 -rss_limit_mb=4096 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/.build/corpus/$$reader- || exit 1; \
	done

soak-corrupted: build
	swift build $(SWIFT_FLAGS) --product ApusPackageTests
	APUS_CORRUPTED=$(SOAK_SEEDS) swift test $(SWIFT_FLAGS) --skip-build --filter CorruptionTests

.PHONY: soak soak-build soak-readers soak-corrupted
