# `make` alone lists what there is. Everything runs from .venv, which `make setup` builds.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
UV := .tools/bin/uv
BIN := .venv/bin
# Compiled byte code is part of being fast: a set PYTHONDONTWRITEBYTECODE would make every process start slow.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test check bench bench-vs-airflow bench-vs-peers vectors providers names compat lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: .venv/.ready ## build .venv with everything in it

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found $$($(PYTHON) --version)"; exit 1; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .tools-requirements.txt

.venv/.ready: $(UV) requirements.lock pyproject.toml
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . 
	$(BIN)/python -m compileall -q control_plane runner sync infra
	@touch $@

demo: setup ## the main job, end to end, with visible progress
	@$(BIN)/aerodrome demo

up: setup ## the whole service in the foreground
	@$(BIN)/aerodrome up

test: setup ## all tests (those that need a missing service are skipped with a reason)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rs

check: setup ## format, lint, types, layer contracts, size budgets
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_architecture.py

bench: setup ## the benchmark suite, raw JSON under .bench/
	$(BIN)/python -m tests.benchmarks

bench-vs-airflow: setup ## the same DAG files on Apache Airflow, stock and tuned, interleaved
	$(BIN)/python -m tests.benchmarks.vs_airflow

bench-vs-peers: setup ## wm-light and a fan-out as Prefect, Dagster and Luigi do them
	$(BIN)/python -m tests.benchmarks.vs_peers

vectors: setup ## expected values: make vectors VECTORS=DIR
	$(BIN)/python -m tests.vectors $(VECTORS)

providers: setup ## install 37 provider packages (1.7 GB) and import every module of theirs
	$(BIN)/python -m tests.names.providers

names: setup ## write the tables of names again: make names RELEASES="1.10.15=DIR 2.11.0=DIR 3.3.2=DIR" PROVIDERS=DIR
	$(BIN)/python -m tests.names.write $(RELEASES) --providers $(PROVIDERS)

compat: setup ## our Airflow beside a real one: make compat [CORPUS=DIR] [ORACLE="VENV VENV"]
	$(BIN)/python -m tests.compat $(if $(CORPUS),--corpus $(CORPUS)) $(foreach venv,$(ORACLE),--oracle $(venv))

lock: $(UV) ## resolve the dependencies again into requirements.lock
	$(UV) pip compile --quiet --upgrade --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements.lock pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header -c requirements.lock --excludes runner/sdk/excludes.txt -o runner/sdk/requirements.lock runner/sdk/requirements.in

clean: ## remove what setup built
	rm -rf .venv .tools .bench .compat
