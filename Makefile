# make train: set up and train the first experiment.  make test: set up and test.
# make quick: the linters and the tests of arrays alone, for while one writes; programs are kept from run to run.

# The first of these that ganjax runs on; set PYTHON to choose another.
GOOD = -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python $(GOOD) && echo $$python && break; done)
PIP = .venv/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt

# Tests of arrays and configs, which train nothing and start no process.
QUICK = $(patsubst %,tests/test_%.py, \
	config experiment validation losses objectives penalties optim measures nonparametric ranks testing)

# Three at a time on two cores, as who waits for Slurm or for another process needs none.
PYTEST = .venv/bin/python -m pytest -n 3 --timeout=600

.PHONY: train test quick lint system

train: .venv/installed
	.venv/bin/python -m ganjax.main --config=experiments/ring.py --workdir=runs/ring

test: system lint
	.venv/bin/mypy
	$(PYTEST) --dist loadfile --no-loadscope-reorder

quick: lint
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.pytest_cache/programs $(PYTEST) --dist worksteal $(QUICK)

# What pip cannot install.
system: .venv/tested
	.venv/bin/python tests/system.py

lint: .venv/tested
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e .
	@touch $@

.venv/tested: pyproject.toml constraints.txt .venv/installed
	$(PIP) -e '.[dev]'
	@touch $@

.venv/bin/python:
	@$(or $(PYTHON),false) $(GOOD) || { echo "ganjax needs Python 3.11, 3.12 or 3.13 with its venv module;" \
		"say where one is: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	$(PYTHON) -m venv .venv
