# checkly-bridge: `make help` lists what there is. Every target that needs the virtual environment makes it first;
# one that is there and has the right Python is used, one with another Python is made anew.

PYTHON  ?= python3
VENV    ?= .venv
JOBS    ?= 3
ARGS    ?=
FLOOR   ?= 95
BIN     := $(VENV)/bin
QUICK   := $(addprefix tests/unit/,core config texts senders test_model.py)
CREATED := $(VENV)/.created-by-$(notdir $(PYTHON))
READY   := $(VENV)/.ready
LOCKED  := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-config \
	--custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage quick check format docs bench chaos soak mutants lock audit newest lowest unlocked

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter, VENV=path where it is installed, JOBS=1 how many tests run at a time,"
	@echo "  ARGS=... is passed to pytest and the benchmark."

setup: $(READY) ## Create the virtual environment with everything in it

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test "$$($(BIN)/python -V 2>&1)" = "$$($(PYTHON) -V)" || \
	  (set -x; $(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV))
	@touch $@

$(READY): pyproject.toml development.lock $(CREATED)
	$(LOCKED) --require-hashes --only-binary :all: --requirement development.lock
	$(LOCKED) --no-index --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Play an outage on this machine (ONESHOT=1: exit when it is over)
	$(BIN)/bridge demo $(if $(ONESHOT),--oneshot)

test: $(READY) ## Run the whole test suite
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(ARGS)

coverage: export COVERAGE_FILE = $(CURDIR)/$(VENV)/coverage/data
coverage: $(READY) ## Run the suite and measure what of bridge/ it reaches: at least FLOOR % of the lines
	rm -rf $(VENV)/coverage && mkdir $(VENV)/coverage
	$(BIN)/coverage run -m pytest --numprocesses=$(JOBS) --dist=worksteal $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage json --quiet -o $(VENV)/coverage/report.json
	@$(BIN)/python -c 'import json, sys; sums = json.load(open(sys.argv[1]))["totals"]; \
	  share, branches = (100 * sums[f"covered_{each}"] / sums[f"num_{kind}"] \
	  for each, kind in (("lines", "statements"), ("branches", "branches"))); \
	  print(f"lines: {share:.1f} % (at least $(FLOOR)), branches: {branches:.1f} %"); \
	  sys.exit(share < $(FLOOR))' $(VENV)/coverage/report.json

quick: $(READY) ## Run the fast tests: the pure core, the configuration, the senders
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(QUICK) $(ARGS)

check: $(READY) ## Check format, lint (Python and Lua), types, imports and dead code
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m tests.lua_lint

format: $(READY) ## Format the code and apply the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(READY) ## Write the generated parts of the documentation
	$(BIN)/python docs/generate.py

bench: $(READY) ## Compare the bridge with a bare endpoint on this machine
	$(BIN)/python -m tests.bench $(ARGS)

chaos: $(READY) ## Run the fault campaigns (ARGS='--help' lists them; without ARGS half an hour)
	$(BIN)/python -m tests.chaos $(ARGS)

soak: $(READY) ## Half an hour of traffic with all that is hostile in it (ARGS='--minutes 5 --rate 100')
	$(BIN)/python -m tests.chaos.soak $(ARGS)

mutants: $(READY) ## Break each promise by one line, and see that a test notices
	$(BIN)/python -m tests.chaos.mutants $(ARGS)

lock: $(READY) ## Lock the newest versions, with hashes: of the image, of what builds it, and of this environment
	$(COMPILE) --extra embedded --output-file requirements.lock pyproject.toml
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
	  $(COMPILE) --python-version 3.11 --output-file deploy/build.lock -
	$(COMPILE) --extra embedded --group dev --constraint requirements.lock --constraint deploy/build.lock \
	  --output-file development.lock pyproject.toml

audit: $(READY) ## Look the locked versions up among known vulnerabilities (skipped where those cannot be read)
	@$(BIN)/python deploy/audit.py $(BIN)/uv $(VENV)/audit

newest: RESOLUTION = highest
newest: unlocked ## Run the unit tests with the newest versions there are
lowest: RESOLUTION = lowest-direct
lowest: unlocked ## Run the unit tests with the lowest versions that pyproject.toml allows

unlocked: $(READY)
	$(BIN)/uv venv --quiet --no-config --clear --python $(BIN)/python $(VENV)/unlocked
	$(BIN)/uv pip install --quiet --no-config --python $(VENV)/unlocked --resolution $(RESOLUTION) --group dev --editable '.[embedded]'
	$(VENV)/unlocked/bin/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(or $(ARGS),tests/unit)
