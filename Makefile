# Two commands: `make run` and `make test`. Both make their environment first; nothing else is needed.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test check bench clean

run: $(VENV)/.run
	$(BIN)/dolma-pipe sample sample
	$(BIN)/dolma-pipe run configs/quickstart.yaml

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy dolma_pipe taggers mixers
	$(BIN)/pytest -n 2 --dist worksteal

check: test

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks sample

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) work sample build dist *.egg-info
