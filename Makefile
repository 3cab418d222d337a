# What there is to make. Needs a Rust toolchain; `make deps` installs the rest (Debian).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# RocksDB is 343 C++ files: compiled once where ccache is installed. Compilers that the environment names stay.
ifneq ($(shell command -v ccache),)
ifeq ($(origin CC),default)
CC := ccache cc
endif
ifeq ($(origin CXX),default)
CXX := ccache c++
endif
export CC CXX
endif

TARGET_DIR = $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
NEXTEST := $(shell cargo nextest --version > /dev/null 2>&1 && echo yes)
# Ethereum's tests: a folder with GeneralStateTests, BlockchainTests, ... in any arrangement.
FIXTURES ?=

##@ Running
# Folder and size of the network of `make devnet`; started again with the same folder it goes on with the same chain.
DEVNET ?= devnet
VALIDATORS ?= 4
.PHONY: devnet dev
devnet: deps ## Builds and starts four validators at http://127.0.0.1:8545 to 8548
	cargo build --release --package pervade-node
	exec $(TARGET_DIR)/release/pervade devnet --validators $(VALIDATORS) --dir $(DEVNET)

dev: deps ## Builds and starts a development node of its own at http://127.0.0.1:8545
	cargo build --release --package pervade-node
	exec $(TARGET_DIR)/release/pervade node --dev

##@ Testing
.PHONY: test test-slow sim fuzz clients conformance conformance-iot
test: build ## All fast tests
ifeq ($(NEXTEST),yes)
	cargo nextest run --workspace
else
	cargo test --workspace --no-fail-fast -- --skip slow_
endif

test-slow: build ## The slow ones: fifty crashes, fifty power losses, millions of accounts
ifeq ($(NEXTEST),yes)
	cargo nextest run --workspace --profile slow --no-capture
else
	cargo test --workspace --no-fail-fast -- slow_ --nocapture --test-threads 1
endif

# One seed; without it, the first SEEDS of them.
SEED ?=
SEEDS ?= 20000
# A cluster broken on purpose: no-sync, signatures-unchecked or f-plus-one.
MUTANT ?=
sim: deps ## Simulated clusters, with all that can go wrong: make sim, or make sim SEED=N
	cargo run --release --package pervade-tests --bin sim -- $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(if $(MUTANT),--mutant $(MUTANT))

# Targets of fuzz/, and seconds of each.
FUZZ ?= genesis agreement payload mapping evidence
FUZZ_SECONDS ?= 60
FUZZ_CORPUS = $(TARGET_DIR)/fuzz
fuzz: deps ## Made-up input from outside: make fuzz FUZZ=payload FUZZ_SECONDS=600
	cargo fuzz --version > /dev/null 2>&1 || cargo install --locked cargo-fuzz
	fuzz/seeds.sh $(FUZZ_CORPUS)
	for target in $(FUZZ); do \
		cargo fuzz run --sanitizer none "$$target" "$(FUZZ_CORPUS)/$$target" -- -max_total_time=$(FUZZ_SECONDS) -max_len=32768 \
			-timeout=10 -print_final_stats=1; \
	done

clients: build ## Unmodified clients (ethers, viem, web3.py, cast, forge) against a development node
	tests/clients/run.sh $(TARGET_DIR)/debug/pervade

conformance: ## Ethereum's own tests: make conformance FIXTURES=FOLDER
	@[ -n "$(FIXTURES)" ] || { echo "name the folder with the tests: make conformance FIXTURES=FOLDER"; exit 1; }
	cargo run --release --package pervade-tests --bin ef-tests -- $(FIXTURES)

conformance-iot: ## Others' tests of what devices say: make conformance-iot FIXTURES=FOLDER
	@[ -n "$(FIXTURES)" ] || { echo "name the folder with the tests: make conformance-iot FIXTURES=FOLDER"; exit 1; }
	cargo run --package pervade-tests --bin iot-tests -- $(FIXTURES)

##@ Measuring
# One of: transfers, erc20, fresh-slots, reads; several with commas.
WORKLOADS ?= transfers,erc20
RUNS ?= 5
.PHONY: bench bench-components bench-gas bench-compare bench-cluster bench-gateway bench-due
bench: bench-components bench-compare bench-cluster bench-gateway bench-due bench-gas ## Parts of a node, the node beside anvil, four validators, a gateway, what waits, gas against time

bench-build:
	cargo build --release --package pervade-node --package pervade-tests --bins

bench-components: bench-build ## Sender recovery, execution, state root and commit
	$(TARGET_DIR)/release/bench components

# Accounts of the state, and rows of the large table.
ACCOUNTS ?= 1000000
bench-gas: bench-build ## Time and disk of a unit of gas in every function of the precompiles
	$(TARGET_DIR)/release/bench gas --accounts $(ACCOUNTS) --rows $(ACCOUNTS)

bench-compare: bench-build ## The same load on pervade and anvil (from npm), alternating
	anvil="$$(tests/install-anvil.sh)" && $(TARGET_DIR)/release/bench compare \
		--pervade $(TARGET_DIR)/release/pervade --anvil "$$anvil" --workloads $(WORKLOADS) --runs $(RUNS)

bench-cluster: bench-build ## Four validators on this machine next to a single node
	$(TARGET_DIR)/release/bench cluster --workloads $(WORKLOADS)

bench-due: bench-build ## Blocks while 100,000 requests and triggers wait, and 50,000 due at once
	$(TARGET_DIR)/release/bench due

bench-gateway: bench-build ## Messages from MQTT to the chain, requests to their callbacks (mosquitto)
	PATH="$$PATH:/usr/sbin" $(TARGET_DIR)/release/gateway throughput

##@ Around it
.PHONY: build deps format lint help
# With the tests: another set of targets would need its dependencies with other features, all built again.
build: ## Programs and tests
	cargo build --workspace --all-targets

deps: ## Installs what is missing for a build, with apt
	@scripts/install-deps.sh

format: ## Formats the Rust code
	cargo fmt --all

lint: ## Format and lints, as they must be
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
