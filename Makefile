# Everything a newcomer needs, on a machine with only Python >= 3.11 and make.
# `make` alone lists the targets. PYTHON, PORT and KITH_REQUIRE may be given: `make demo PORT=9000`.

PYTHON ?= python3
PORT ?= 8000
MEMBERS ?= 30000
BIN := .venv/bin
PIP_WHEEL := bootstrap/pip-25.3-py3-none-any.whl
PIP_SHA256 := 9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd
COMPILE := .cache/lock/bin/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --universal
PYTEST := KITH_REQUIRE=$(KITH_REQUIRE) $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint serve faults bench docs lock

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: .venv/ready ## Set up .venv with everything pinned by hash

# Debian's python3 comes without ensurepip, so pip itself is in the repository, and checked.
.venv/ready: requirements-dev.txt $(PIP_WHEEL)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Kith needs Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import hashlib, sys; sys.exit(hashlib.sha256(open("$(PIP_WHEEL)", "rb").read()).hexdigest() != "$(PIP_SHA256)")' \
		|| { echo "$(PIP_WHEEL) is not the file it should be."; exit 1; }
	@echo "Setting up .venv (once; a minute or two) ..."
	@$(PYTHON) -m venv --without-pip --clear .venv
	@$(BIN)/python $(PIP_WHEEL)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python $(PIP_WHEEL)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q webapp migrations # whoever runs Kith as a service may not write here, and would compile it at each start
	@touch $@

demo: setup ## Start a living sample community; prints where to click
	@$(BIN)/kith demo --port $(PORT)

serve: setup ## Run Kith with the data in ./instance
	@MALLOC_ARENA_MAX=2 $(BIN)/kith serve --port $(PORT)

test: setup ## Run every test (KITH_REQUIRE=all: what cannot run here is a failure)
	@$(PYTEST)

faults: setup ## Run the faults that Kith has to survive (docs/faults.md)
	@$(PYTEST) tests/faults

bench: setup ## Measure speed, as ratios of one run (MEMBERS=100000 for a large community)
	@$(BIN)/python -m tests.bench --members $(MEMBERS)

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/djlint webapp/templates --lint --quiet

check: lint ## Format, lint, types, import contracts, templates, then every test, and every branch of relationships and contacts
	@rm -f .coverage .coverage.*
	@COVERING=yes $(MAKE) --no-print-directory test
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --show-missing --fail-under=100 --include="webapp/domain/relationships/*,webapp/domain/contacts/*"

docs: setup ## Write the generated pages of docs/
	@$(BIN)/python -m webapp docs
	@$(BIN)/python -m tests.trust.sentences

lock: setup ## Resolve the dependencies anew and write the hash-pinned lists
	@$(BIN)/python $(PIP_WHEEL)/pip install --quiet --disable-pip-version-check --upgrade --target .cache/lock uv
	@$(COMPILE) --upgrade pyproject.toml -o requirements.txt
	@$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
