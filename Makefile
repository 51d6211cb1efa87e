# `make demo` and `make test` set up everything they need in .venv. Needed beforehand: Python 3.11
# or newer with venv, make, and for `make test` also a C++ compiler and network access. The browser
# that `make test` installs is one for Linux on x86-64.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet
CLIENTS := tests/clients/node_modules
PYTEST_ARGS ?=

# Where byte code is switched off, as in many containers, every start of the coordinator would
# compile its imports again: it is written here, once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint bench bench-search bench-routing bench-learning \
	bench-operations clean
.NOTPARALLEL:

demo: $(VENV)/.runtime
	$(VENV)/bin/hybrid-coordinator demo

test: $(VENV)/.test $(CLIENTS)/.installed
	$(PY) -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) scripts/check_gates.py
	$(PY) scripts/generate_docs.py --check

bench: $(VENV)/.test
	$(PY) benchmarks/main_job.py

# DATA: the questions; PACKAGES: the unpacked source that they are about. See
# docs/benchmarks/search.md for where to get both.
bench-search: $(VENV)/.bench
	@test -n "$(DATA)" || { echo "Say where the data is: make bench-search DATA=DIR" >&2; exit 1; }
	$(PY) -m benchmarks.search --data "$(DATA)" $(if $(PACKAGES),--packages "$(PACKAGES)")

# DATA: recorded answers and labelled prompts. See docs/benchmarks/routing.md for where to get them.
bench-routing: $(VENV)/.test
	@test -n "$(DATA)" || { echo "Say where the data is: make bench-routing DATA=DIR" >&2; exit 1; }
	$(PY) -m benchmarks.routing --data "$(DATA)"

# DATA: tasks that recur, and questions about code with their packages in DATA/packages. See
# docs/benchmarks/learning.md.
bench-learning: $(VENV)/.test
	@test -n "$(DATA)" || { echo "Say where the data is: make bench-learning DATA=DIR" >&2; exit 1; }
	$(PY) -m benchmarks.learning --data "$(DATA)"

bench-operations: $(VENV)/.test
	$(PY) -m benchmarks.operations

clean:
	rm -rf $(VENV) $(CLIENTS) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not one." \
			"Name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# Python 3.11 still puts setuptools there; nothing of ours uses it.
	$(PIP) --quiet uninstall --yes setuptools
	@touch $@

# Byte code is left to the first run: it then covers what is used, a third of what there is.
$(VENV)/.runtime: pyproject.toml | $(VENV)/.python
	$(PIP) install --no-compile --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.python
	@echo "Installing what the tests need. The first time on a machine, llama-server is compiled" \
		"from source: ten minutes on two cores."
	$(PIP) install --editable '.[test]'
	@# Warnings are errors in tests, and compiling some dependencies warns: not in the middle of one.
	@$(PY) -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.python
	$(PIP) install --editable '.[bench]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.python
	$(PIP) install --editable '.[dev]'
	@touch $@

$(CLIENTS)/.installed: tests/clients/package.json tests/clients/package-lock.json | $(VENV)/.test
	scripts/install_clients.sh
	@touch $@
