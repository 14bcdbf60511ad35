# Everything runs in .venv, made here. `make demo` and `make test` need nothing before them.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test slow lint wheel results clean
.DELETE_ON_ERROR:

# torch comes first and pinned: any open range could bring a build with several GB of CUDA libraries.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "extrapolate needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@

# Two multiplication units, nine ranges, 25 seeds each: about two minutes on two cores.
demo: .venv/installed
	$(BIN)/extrapolate run single-module --units NMU,StochasticNMU

test: .venv/installed
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist worksteal

# What needs more than five seconds a test, and nothing else.
slow: .venv/installed
	$(BIN)/python -m pytest -m slow

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

# The wheel holds every file that the command needs: it runs unpacked, away from the sources.
UNPACKED := build/unpacked
wheel: .venv/installed
	rm -rf build dist
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(UNPACKED) dist/*.whl
	cd $(UNPACKED) && export PYTHONPATH="$$PWD" \
		&& test "$$(../../$(BIN)/python -c 'import extrapolate; print(extrapolate.__file__)')" = "$$PWD/extrapolate/__init__.py" \
		&& bin/extrapolate compute "2 + 3" \
		&& bin/extrapolate run single-module --preset smoke

# Every experiment at its laptop preset (some of them for long: each goes on where it was stopped), then the document.
results: .venv/installed
	for name in $$($(BIN)/extrapolate list --json | $(BIN)/python -c 'import json, sys; print(*(e["name"] for e in json.load(sys.stdin)))'); do \
		$(BIN)/extrapolate run $$name && $(BIN)/python scripts/make_results.py runs/$$name-laptop || exit; \
	done

clean:
	rm -rf .venv build dist src/*.egg-info
