# `make demo` and `make test` need git, a C compiler, make and Rust; everything else they get themselves.

CARGO ?= cargo
ETCD_GOOD ?= latest
ETCD_BAD ?= 3.5.1
# Defects that no release of etcd has fixed.
HUNT_FLAGS ?= --for 20m --waive etcd\#22294,etcd/prev-kv-at-creation
TICKETCD = target/debug/ticketcd

.PHONY: demo test hunt build etcd check format schemas anomalies figures clean

demo: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) demo

test: build etcd
	$(CARGO) test --workspace

build:
	$(CARGO) build

# Random scenarios on the newest known-good release, for 20 minutes: HUNT_FLAGS="--seed 7 --runs 50" for others.
hunt: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) hunt --etcd $(ETCD_GOOD) $(HUNT_FLAGS)

# The newest known-good release for the tests that sell, and a known-bad one that must be convicted.
etcd: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) etcd install $(ETCD_BAD)

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

format:
	$(CARGO) fmt --all

# The published schemas and the reference of scenario files; a test compares them with the types.
schemas: build
	$(TICKETCD) schema scenario > docs/scenario.schema.json
	$(TICKETCD) schema reference > docs/scenarios.md
	$(TICKETCD) schema result > docs/result.schema.json
	$(TICKETCD) schema matrix > docs/matrix.schema.json
	$(TICKETCD) schema hunt > docs/hunt.schema.json

# The guide to anomalies, from made-up runs; a test holds it against what the program says.
anomalies: build
	$(TICKETCD) history anomalies > docs/anomalies.md

# The figure of docs/performance.md and its table, measured on this machine: some minutes and 2 GB in /tmp.
figures:
	$(CARGO) run --profile dist -p ticketcd-judge --example growth -- 7 docs/performance.svg

clean:
	$(CARGO) clean
