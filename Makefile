# One command for each habit; CI runs the same ones.
#
# RocksDB is compiled once per set of compiler flags (15 to 18 minutes on two cores). Everything here
# therefore uses one set, `ccache` where it is installed, and the target directory of the environment
# where it names one.

SHELL := /bin/bash
CARGO ?= cargo
DATA ?= ./demo-data
SIZE ?= small
SEED ?= 1
COUNT ?= 100000
MINUTES ?= 30
TCK_DIR ?= ../shared/tck
DATA_DIR ?= ../shared/data
export TCK_DIR DATA_DIR

TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)

ifneq ($(shell command -v ccache 2>/dev/null),)
export CC := ccache gcc
export CXX := ccache g++
endif

.PHONY: help setup build demo test test-rust tck differential drivers crash soak siege check-data bench lint fmt fuzz clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what a fresh Debian or Ubuntu lacks, or say what to install
	@scripts/setup.sh

build: setup ## Build the retrograph command (release)
	$(CARGO) build --release -p retrograph-cli

demo: build ## Generate the demo case, load it and take the guided tour
	$(TARGET)/release/retrograph demo --data $(DATA) --size $(SIZE)

test: setup test-rust tck drivers ## Run every test

test-rust:
	$(CARGO) test --workspace --no-fail-fast

tck: setup ## Run the openCypher TCK scenarios under TCK_DIR with the strict comparator
	$(CARGO) run -p retrograph-tck -- --dir "$(TCK_DIR)" --json $(TARGET)/tck.json

differential: setup ## Compare the engine with a naive evaluator on COUNT random queries from SEED
	$(CARGO) run --release -p retrograph-differential -- --seed $(SEED) --count $(COUNT)

drivers: setup ## Run the drivers and tools of examples/ against a server
	$(CARGO) build -p retrograph-cli
	scripts/test_drivers.sh $(TARGET)/debug/retrograph

crash: setup ## Long crash tests: kill, power cut and full disk (as root), bit rot
	$(CARGO) run --release -p retrograph-jepsen

soak: setup ## Clients against a server that is killed and started again, for MINUTES
	$(CARGO) build --release -p retrograph-cli -p retrograph-jepsen
	$(TARGET)/release/retrograph-jepsen soak --minutes $(MINUTES)

siege: setup ## Bad clients against a server, a hundred times as long as in the tests (SIEGE changes that)
	SIEGE=$${SIEGE:-100} $(CARGO) test --release -p retrograph-cli --test bounds -- --nocapture

check-data: build ## Check answers on real data under DATA_DIR against scripts (GIT_REPO=path adds a history)
	python3 scripts/check_real_data.py --binary $(TARGET)/release/retrograph --data $(DATA_DIR) \
		$(if $(GIT_REPO),--git $(GIT_REPO))
	python3 scripts/check_algorithms.py --binary $(TARGET)/release/retrograph --data $(DATA_DIR)

bench: setup ## Micro-benchmarks, then the macro benchmark beside its limits
	$(CARGO) bench --workspace
	$(CARGO) run --release -p retrograph-bench --bin retrograph-bench
	$(CARGO) run --release -p retrograph-bench --bin retrograph-bench-bolt

lint: setup ## Formatting and clippy with warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

fmt: ## Format the code
	$(CARGO) fmt --all

fuzz: ## Ten minutes of each fuzz target (SECONDS_EACH and TARGETS change that; installs cargo-fuzz)
	scripts/fuzz.sh

clean: ## Remove build output and the demo data
	$(CARGO) clean
	rm -rf $(DATA)
