# `make` lists the targets. Continuous integration runs `make check`, word for word.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo examples test check bench doc fmt

help: ## List the targets.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## Build and serve on the embedded database; a new one starts with the example configuration.
	cargo build --release
	@examples/run target/release/countersign

demo: ## Run the README's tour against a fresh server, and check every answer.
	cargo build
	@examples/with-server examples/demo README.md

examples: ## Run the senders and signers of examples/ against a fresh server.
	cargo build --bin countersign --example sign
	@COUNTERSIGN_RATE_LIMIT=1 examples/with-server examples/check

test: ## Run all tests, on both databases. PostgreSQL is started for them and thrown away.
	tests/with-postgres cargo test --workspace --all-targets

check: ## Everything that must hold before a change is merged.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(MAKE) doc
	$(MAKE) demo
	$(MAKE) examples
	$(MAKE) test

bench: ## Measure speed and memory; BENCH="--quick" or BENCH="--database-url postgres://…" are passed on.
	cargo build --release
	cargo run --release --example bench -- $(BENCH)

doc: ## Build the crate documentation.
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

fmt: ## Format the code.
	cargo fmt --all
