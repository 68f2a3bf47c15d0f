# Everything a checkout needs: python3 (3.11 or later, with venv and pip), make, a package index.
# PYTHON=… takes another interpreter, ARGS=… goes to the command behind a target.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-$(shell $(PYTHON) -c 'import sys; print(*sys.version_info[:3], sep=".")' 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := gateway connectors contracts headrace.py
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench lock schemas clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## build .venv from the lock (quick when nothing changed)

$(STAMP): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
		echo "there is no $(PYTHON) here; install Python 3.11 or later (on Debian and Ubuntu:" \
			"apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "headrace needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
			"install a newer one, and name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv or pip; install them (on Debian and Ubuntu: apt-get install python3-venv)" >&2; \
		exit 1; }
	@test -e $@ || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole system at work on real servers (KEEP=1 leaves it up until Ctrl-C)
	@$(BIN)/headrace demo $(if $(KEEP),--keep) $(ARGS)

test: setup ## all tests; what this machine cannot run is skipped with its reason
	@$(BIN)/pytest $(ARGS)

check: setup ## format, lint, types, import rules, published schemas
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES) tests benchmarks
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/headrace contracts check --shipped --schemas schemas/contracts

bench: setup ## what is claimed, measured here, peers beside it (NAME=… for one)
	@$(BIN)/python -m benchmarks $(NAME) $(ARGS)

schemas: setup ## write the JSON Schemas of new contract versions and of the project file
	$(BIN)/headrace contracts export --shipped --schemas schemas/contracts
	$(BIN)/headrace check --schema > schemas/project.json

# Names, versions and hashes for every platform and Python; where they come from is pip's business.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: setup ## resolve the dependencies anew (UPGRADE=1: to their newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra kafka --extra postgresql --output-file requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove what tools left behind (ALL=1: the environment and the demo's servers too)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	$(if $(ALL),rm -rf $(VENV) .demo .cache .headrace)
