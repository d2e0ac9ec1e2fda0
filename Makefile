# `make demo` and `make test` need git, a C compiler, make and Rust; everything else they get themselves.

CARGO ?= cargo
ETCD_GOOD ?= latest
ETCD_BAD ?= 3.5.1
TICKETCD = target/debug/ticketcd

.PHONY: demo test build etcd check format schemas anomalies figures clean

demo: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) demo

test: build etcd
	$(CARGO) test --workspace

build:
	$(CARGO) build

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

# The published schemas; a test holds them against the types.
schemas: build
	$(TICKETCD) schema scenario > docs/scenario.schema.json
	$(TICKETCD) schema result > docs/result.schema.json
	$(TICKETCD) schema matrix > docs/matrix.schema.json

# The page of anomalies, in the words of the checks; a test holds it against them.
anomalies:
	$(CARGO) run -p ticketcd-judge --example anomalies > docs/anomalies.md.new
	mv docs/anomalies.md.new docs/anomalies.md

# The figure of docs/performance.md and its table, measured on this machine: some minutes and 2 GB in /tmp.
figures:
	$(CARGO) run --profile dist -p ticketcd-judge --example growth -- 7 docs/performance.svg

clean:
	$(CARGO) clean
