# `make help` lists what there is. Needed: make and Python 3.11 or newer; uv is used where it is installed.

PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
INSTALLED := .venv/.installed

MONTH ?=
ARCHIVE ?=
ONCE ?=
DIR ?= .demo/packs
DATABASE ?=

.DEFAULT_GOAL := help
.PHONY: help install lock demo test migrate lint format typecheck checks pictures benchmarks clean system-packages

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## Make .venv and install everything that requirements.txt pins
	@:

demo: install ## Run a month-end through Airflow on this machine; MONTH=2017-06 ARCHIVE=download.zip ONCE=1
	@exec $(BIN)/python -m monthend.demo $(if $(MONTH),--month '$(MONTH)') $(if $(ARCHIVE),--archive '$(ARCHIVE)') $(if $(ONCE),--once)

test: install system-packages lint typecheck ## Install what the tests need and run all of them
	@exec $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

migrate: install ## Bring a database to this version; DATABASE=URL that logs in as monthend_owner
	@test -n '$(DATABASE)' || { echo 'make migrate: say which database: DATABASE=postgresql+psycopg://monthend_owner@host/monthend'; exit 2; }
	@MONTHEND_OWNER='$(DATABASE)' $(BIN)/python -m monthend.warehouse
	@echo 'The database is at this version.'

lint: install ## Check the code's style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: install ## Correct the code's style where that can be done by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

typecheck: install ## Check the code's types
	@$(BIN)/mypy

checks: install ## Write docs/checks.md from the suites and the register of checks
	@$(BIN)/python -m monthend.validate.catalogue

pictures: system-packages ## Draw each pack's pages into build/pictures; DIR=.demo/packs
	@.ci/pictures '$(DIR)' build/pictures

benchmarks: install ## Measure against the references, in the same run
	@exec $(BIN)/python -m benchmarks

lock: $(if $(UV),,install) ## Compile requirements.in into requirements.txt, for every platform
	@$(if $(UV),,$(BIN)/python -m pip install --quiet uv)
	$(or $(UV),$(BIN)/uv) pip compile --quiet --universal --python-version 3.11 requirements.in -o requirements.txt

clean: ## Remove what can be made again; the demo's home too
	rm -rf .venv .demo build .pytest_cache .mypy_cache .ruff_cache include/*.egg-info

$(INSTALLED): requirements.txt requirements.in pyproject.toml
	@test -x $(BIN)/python || { \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "monthend needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there). Name another one: make PYTHON=python3.12 ..."; \
	exit 2; }; \
	rm -rf .venv; $(if $(UV),uv venv --quiet --python $(PYTHON) .venv,$(PYTHON) -m venv .venv); }
	@echo 'Installing into .venv; the first time this takes a few minutes.'
ifdef UV
	@uv pip install --quiet --python $(BIN)/python -r requirements.txt
	@uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@touch $@

system-packages:
	@.ci/system-packages
