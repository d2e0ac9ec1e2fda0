# `make demo` and `make test` need git, a C compiler, make and Rust; they fetch everything else.

CARGO ?= cargo
ETCD_GOOD ?= latest
ETCD_BAD ?= 3.5.1
# Defects that no release of etcd has fixed.
HUNT_FLAGS ?= --for 20m --waive etcd\#22294,etcd/prev-kv-at-creation
TICKETCD = target/debug/ticketcd
# What `make dist` packs; another binary that exists is packed as it is: DIST_BINARY=target/debug/ticketcd.
DIST_BINARY ?= target/dist/ticketcd
EXAMPLES = reports/example

.PHONY: demo test hunt build etcd check format schemas anomalies snapshots figures example dist target/dist/ticketcd clean

demo: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) demo

test: build etcd
	$(CARGO) test --workspace

build:
	$(CARGO) build

# The screens that snapshot tests hold; review the difference before you commit it.
snapshots:
	INSTA_UPDATE=always $(CARGO) test --test it -- screens

# Random scenarios on the newest known-good release, for 20 minutes: HUNT_FLAGS="--seed 7 --runs 50" for others.
hunt: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	$(TICKETCD) hunt --etcd $(ETCD_GOOD) $(HUNT_FLAGS)

# The newest known-good release for the tests, and a known-bad one whose defect the tests must detect.
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
	$(TICKETCD) schema comparison > docs/comparison.schema.json
	$(TICKETCD) schema hunt > docs/hunt.schema.json

# The reference of anomalies, from synthetic runs; a test compares it with the program's output.
anomalies: build
	$(TICKETCD) history anomalies > docs/anomalies.md

# The figure of docs/performance.md and its table, measured on this machine: some minutes and 2 GB in /tmp.
figures:
	$(CARGO) run --profile dist -p ticketcd-synth --example growth -- 7 docs/performance.svg

# The two runs that are under version control, for readers who do not run anything: one that passes, one that fails.
example: build
	$(TICKETCD) etcd install $(ETCD_GOOD)
	rm -rf $(EXAMPLES)/pass $(EXAMPLES)/violation
	$(TICKETCD) run $(EXAMPLES)/pass.toml --seed 1 --etcd $(ETCD_GOOD) --expect pass --out $(EXAMPLES)/pass
	$(TICKETCD) run $(EXAMPLES)/violation.toml --seed 1 --etcd $(ETCD_GOOD) --expect violation:oversell --out $(EXAMPLES)/violation

# What is given to people who do not compile: binary, completions, manual pages and documentation in one archive, and its checksum.
dist: $(DIST_BINARY)
	deploy/dist.sh $(DIST_BINARY) dist

target/dist/ticketcd:
	$(CARGO) build --locked --profile dist

clean:
	$(CARGO) clean
	rm -rf dist
