# One definition of clean: pre-commit and .ci/run call these targets, nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The first interpreter that runs and is new enough (a pyenv shim may exist and still not run).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

# Nothing reports home, whatever a library's default is.
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PYTHONUTF8 := 1
# Compiled modules are kept, wherever make is called from: compiling the tests' assertions anew is half of what collecting them takes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup check test demo bench docs clean lock system-packages

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.installed  ## .venv from the lock, with .venv/bin/cchc

$(VENV)/.locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Cài thư viện từ requirements.lock / installing from requirements.lock (a few minutes the first time)" >&2
	# The lock is complete, so nothing is resolved here: what is installed is exactly what is listed.
	$(PY) -m pip install -qq --require-hashes --no-deps --requirement requirements.lock
	touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(PY) -m pip install -qq --no-deps --no-build-isolation --editable .
	touch $@

check: setup  ## seconds: style, types, import directions, criteria lint, SQL, fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict criteria scoring
	$(BIN)/lint-imports
	$(PY) -m criteria.lint
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar warehouse/sql
	$(PY) -m pytest -q -n 2 --ignore tests/benchmarks -m "not slow and not db and not e2e"

# Three at a time on two cores: many tests wait for servers, clocks and other processes.
test: setup system-packages  ## everything, on a real PostgreSQL
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

demo: setup  ## a believable district year through the whole chain
	$(BIN)/cchc demo

bench: setup  ## the benchmarks, with machine and sizes
	$(PY) -m pytest tests/benchmarks -s -m bench

docs: setup  ## rewrites the generated pages under docs/
	$(PY) -m criteria.schema
	$(PY) -m criteria.docs
	$(PY) -m warehouse.docs

lock: setup  ## requirements.in -> requirements.lock (needs uv)
	uv pip compile --quiet --generate-hashes --no-strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 requirements.in --output-file requirements.lock

system-packages:
	@bash .ci/system-packages

clean:  ## caches and build leftovers; keeps .venv and .cchc
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
