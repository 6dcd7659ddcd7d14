# Every chore of the project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name one with: make $(MAKECMDGOALS) PYTHON=python3.12")'
DEV_OPTIONS = --make $(if $(PORT),--port $(PORT)) $(if $(DEMO_PORT),--demo-port $(DEMO_PORT)) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The environment is exactly what the hash-pinned files name: nothing is resolved, whatever the index offers by now, and
# nothing is built from source, since what a build needs is pinned by nobody.
PIP_LOCKED := $(PIP) install --no-deps --require-hashes --only-binary :all: -r
PIP_PROJECT := $(PIP) install --no-deps --no-build-isolation --editable .
# $(1) is the file that was installed. A package that an older file left behind is the likeliest stranger.
CHECK_LOCK = found=$$($(BIN)/python -m pip --disable-pip-version-check check) || { echo "The packages of $(1) do not fit together: $${found//$$'\n'/; } Run: make clean, and try again; if it stays, choose another Python with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Otherwise each process of `make run` and of the tests compiles the whole program before it starts.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: help run preflight test test-faults soak check bench bench-sync bench-writes migrate schema fmt lock docs dist release-check clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: preflight $(VENV)/run.stamp ## start everything on this machine and print its URL; PORT, DEMO_PORT and DATA_DIR choose others
	@exec $(BIN)/identity-api dev $(DEV_OPTIONS)

# What is in the way is told at once, not after a minute of installing. Needs the standard library alone.
preflight: PYTHON := $(firstword $(wildcard $(BIN)/python) $(PYTHON))
preflight:
	@$(CHECK_PYTHON)
	@$(PYTHON) -m identity_api.cli.dev.preflight $(DEV_OPTIONS)

test: $(VENV)/dev.stamp ## run the tests on their own PostgreSQL and Valkey
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-faults: $(VENV)/dev.stamp ## kill, stop, cut and fill real processes, links and disks; writes docs/faults.md (FULL=1: as often as it says)
	FAULTS_PAGE=1 $(BIN)/python -m pytest -n 2 --dist load -m faults tests/faults

soak: $(VENV)/dev.stamp ## work and random faults on real processes for MINUTES (30), then what must hold; SEED repeats a run
	MINUTES="$(MINUTES)" SEED="$(SEED)" $(BIN)/python -m tests.operations.soak

check: $(VENV)/dev.stamp ## lint, types, layers, dead code, figures, and drift of schema.graphql, migrations and generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.dead_code
	$(BIN)/python -m tests.figures
	$(BIN)/python -m tests.drift

bench: $(VENV)/dev.stamp ## measure reads beside others and a floor, in one run; writes docs/benchmarks.md (USERS, ROUNDS, CASES)
	USERS="$(USERS)" ROUNDS="$(ROUNDS)" SECONDS="$(SECONDS)" CONNECTIONS="$(CONNECTIONS)" CASES="$(CASES)" $(BIN)/python -m benchmarks

bench-sync: $(VENV)/dev.stamp ## measure one worker's syncs beside their floor; BENCH_PEOPLE, BENCH_SECONDS, BENCH_MODES and BENCH_QUEUE
	$(BIN)/python -m benchmarks.sync

bench-writes: $(VENV)/dev.stamp ## measure logins, edits that concern everybody and what others wait meanwhile; BENCH_LOGINS, BENCH_USERS, BENCH_RATE
	$(BIN)/python -m benchmarks.writes.logins
	$(BIN)/python -m benchmarks.writes

migrate: $(VENV)/run.stamp ## bring the configured database to the newest schema
	$(BIN)/identity-api migrate

schema: $(VENV)/dev.stamp ## rewrite schema.graphql, docs/schema.sql and the generated parts of docs/
	$(BIN)/python -m tests.drift --write

fmt: $(VENV)/dev.stamp ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/dev.stamp ## rewrite the hash-pinned requirement files
	$(UV_COMPILE) $(LOCK_ARGS) --extra embedded --group build pyproject.toml -o requirements/run.txt
	$(UV_COMPILE) $(LOCK_ARGS) --all-extras --group build --group dev pyproject.toml -o requirements/dev.txt -c requirements/run.txt
	$(UV_COMPILE) $(LOCK_ARGS) --extra telemetry pyproject.toml -o requirements/production.txt -c requirements/dev.txt
	$(UV_COMPILE) $(LOCK_ARGS) --group tools -o requirements/tools.txt -c requirements/dev.txt

docs: $(TOOLS)/stamp ## build the documentation site into build/site; a link that leads nowhere stops it
	NO_MKDOCS_2_WARNING=true $(TOOLS)/bin/mkdocs build --strict --quiet --site-dir build/site

dist: $(VENV)/dev.stamp $(TOOLS)/stamp ## build wheel, sdist and bill of materials (CycloneDX) into dist/, with the production lock
	$(BIN)/python -m tests.release dist --tools $(TOOLS)

release-check: check test docs ## whether this commit can be released: every step is named, and the first that fails ends it
	$(BIN)/python -m tests.release check --tools $(TOOLS)

clean: ## remove the environment and caches (never data)
	rm -rf $(VENV) $(TOOLS) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(CHECK_PYTHON)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "Preparing the environment (once) ..."
	@$(PIP_LOCKED) requirements/run.txt
	@$(PIP_PROJECT)
	@$(call CHECK_LOCK,requirements/run.txt)
	@touch $@

$(VENV)/dev.stamp: $(BIN)/python requirements/dev.txt pyproject.toml
	@echo "Preparing the development environment (once) ..."
	@$(PIP_LOCKED) requirements/dev.txt
	@$(PIP_PROJECT)
	@$(call CHECK_LOCK,requirements/dev.txt)
	@touch $@ $(VENV)/run.stamp

# Tools that the product and its tests do not need.
$(TOOLS)/stamp: requirements/tools.txt
	@echo "Preparing the tools' environment (once) ..."
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --only-binary :all: -r requirements/tools.txt
	@touch $@
