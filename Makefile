# Needs Python 3.11 or newer with venv. Everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --editable

export FUZZ_SECONDS ?= 60
fuzz: export MACHINE_STEPS ?= 10000
fuzz: export HTTP_EXAMPLES ?= 300

.DEFAULT_GOAL := help
.PHONY: help up test test-compose test-faults fuzz bench pictures lint clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' Makefile

up: .venv/installed ## run Coinslot here; takes HOST= PORT= DATA_DIR= WORKERS=
	@$(BIN)/coinslot up $(if $(HOST),--host '$(HOST)') $(if $(PORT),--port '$(PORT)') \
		$(if $(DATA_DIR),--data-dir '$(DATA_DIR)') $(if $(WORKERS),--workers '$(WORKERS)')

# Most of a test's time is spent waiting for the processes that it starts, so three of them share the machine.
test: .venv/installed-test ## run all tests on servers of their own; takes ARGS= for pytest
	$(BIN)/pytest -n 3 --dist loadfile $(ARGS)

test-compose: .venv/installed-test ## run the compose stack and kill parts of it; needs a Docker engine
	$(BIN)/pytest tests/compose/check_*.py $(ARGS)

fuzz: .venv/installed-fuzz ## fuzz the check of events, the queue's transport and HTTP; takes FUZZ_SECONDS= MACHINE_STEPS= HTTP_EXAMPLES=
	$(BIN)/python -m tests.fuzz.fuzz_events
	$(BIN)/pytest -s tests/integration/test_transport_machine.py
	$(BIN)/pytest tests/acceptance/test_openapi_fuzzed.py

test-faults: .venv/installed-test ## kill, freeze and starve everything, hundreds of times; prints figures, takes long
	$(BIN)/pytest -s tests/faults/check_*.py $(ARGS)

bench: .venv/installed-bench benchmarks/peers/node_modules ## measure Coinslot against what would be used instead; takes ARGS=
	$(BIN)/python -m benchmarks $(ARGS)

pictures: .venv/installed ## draw the pictures of docs/ anew
	$(BIN)/python -m docs.pictures

lint: .venv/installed-test ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove what the other targets made, but no data
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf benchmarks/peers/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) '.[local]'
	@touch $@

.venv/installed-test: pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) '.[local,test]'
	@touch .venv/installed $@

.venv/installed-fuzz: .venv/installed-test
	$(INSTALL) '.[local,test,fuzz]'
	@touch $@

.venv/installed-bench: .venv/installed
	$(INSTALL) '.[local,bench]'
	@touch $@

# Without npm the benchmarks say whom they skip.
benchmarks/peers/node_modules: benchmarks/peers/package.json benchmarks/peers/package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --no-fund --no-audit --prefix benchmarks/peers && touch $@; \
		else echo 'no npm: apt-get install nodejs npm' >&2; fi
