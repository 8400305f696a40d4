# Thin on purpose: what each target does is one or two commands to read and to run by hand.
PYTHON ?= python3
BIN := .venv/bin
NEXTEST := $(shell command -v cargo-nextest)

.PHONY: busy demo test test-crewai test-frameworks test-langgraph-upstream torture torture-identity lint wheel bench build build-release

demo: build-release
	$(BIN)/omium demo

test: build
	$(if $(NEXTEST),cargo nextest run --workspace --no-tests=warn,cargo test --workspace --all-targets)
	cargo test --workspace --doc
	$(BIN)/pytest

# CrewAI pins libraries that the other tests need newer, and weighs a gigabyte: an environment of its own, by hand.
test-crewai: build .venv-crewai/installed
	PYTHONPATH=$(CURDIR)/omium-py/python .venv-crewai/bin/python -m pytest -q -W ignore::DeprecationWarning omium-py/tests/crewai
	PYTHONPATH=$(CURDIR)/omium-py/python .venv-crewai/bin/python omium-py/tests/crewai/sweep.py
	PYTHONPATH=$(CURDIR)/omium-py/python .venv-crewai/bin/python -m omium.cli torture examples/python/crewai_crew.py

# One agent on seven frameworks, killed and resumed; an environment for each major version of the model clients.
FRAMEWORKS := openai3 crewai
test-frameworks: build $(FRAMEWORKS:%=.venv-frameworks-%/installed)
	for set in $(FRAMEWORKS); do PYTHONPATH=$(CURDIR)/omium-py/python OMIUM_TEST_REQUIREMENTS=$(CURDIR)/omium-py/tests/frameworks/requirements-$$set.txt \
	  .venv-frameworks-$$set/bin/python -m pytest -q omium-py/tests/frameworks omium-py/tests/wire || exit 1; done

.venv-crewai/installed: omium-py/tests/crewai/requirements.txt
.venv-frameworks-openai3/installed: omium-py/tests/frameworks/requirements-openai3.txt
.venv-frameworks-crewai/installed: omium-py/tests/frameworks/requirements-crewai.txt
.venv-%/installed:
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet -r $<
	touch $@

# LangGraph's own test suite, with omium's saver in place of its SQLite savers, then of the one in memory.
test-langgraph-upstream: build
	for savers in sqlite memory; do $(BIN)/python omium-py/tests/langgraph/upstream/run.py --in-place-of $$savers || exit 1; done

# One thread of LangGraph invoked by several at once, with kills, cancels, deletions and timeouts.
busy: build
	cd omium-py/tests/langgraph && ../../../$(BIN)/python -m busy --rounds 2000

# The examples that are right, killed at every moment; wrong_on_purpose.py is the tests' own.
torture: build
	for example in workflow effects langgraph_agent langgraph_tools; do $(BIN)/omium torture examples/python/$$example.py || exit 1; done
	$(BIN)/omium torture --answer yes examples/python/langgraph_approval.py
	$(BIN)/omium torture examples/python/worker_pool.py --alone

# Generated programs, killed and run again: no call is answered with the record of another. About a quarter of an hour.
torture-identity: build
	cd omium-py/tests && ../../$(BIN)/python -m identity --programs 20000 --jobs 2

lint: build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets
	@if command -v cargo-deny >/dev/null; then cargo deny check --hide-inclusion-graph licenses bans sources; \
	else echo "cargo-deny is not installed: licences, bans and sources were not checked"; fi
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=omium-py/python $(BIN)/stubtest omium._omium --mypy-config-file pyproject.toml --allowlist omium-py/stubtest-allowed.txt

wheel: .venv/installed
	$(BIN)/maturin build --release --locked --out dist

bench: build-release
	cargo bench -p omium-benches
	$(BIN)/python benches/python/langgraph_vs_sqlite.py
	$(BIN)/python benches/python/langgraph_history.py
	$(BIN)/python benches/python/step_cost.py

# The package, importable in .venv from its sources, with what tests and the demo need.
build: .venv/installed
	PIP_QUIET=1 $(BIN)/maturin develop --locked --extras demo,dev

build-release: .venv/installed
	PIP_QUIET=1 $(BIN)/maturin develop --locked --release --extras demo

.venv/installed: pyproject.toml | system
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet "$$(grep -o 'maturin==[0-9.]*' pyproject.toml)"
	touch $@

# SQLite and zstd are compiled from source, so a C compiler is needed; Debian ships venv on its own.
.PHONY: system
system:
	@{ command -v cc && $(PYTHON) -c 'import ensurepip, venv'; } >/dev/null 2>&1 || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "hint: install a C compiler and $(PYTHON)'s venv module" >&2; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y gcc libc6-dev python3-venv; }
