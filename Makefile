# Two commands: `make run` and `make test`. Both make their environment first; nothing else is needed.
# `make check` also looks for known vulnerabilities of the pinned packages, where the network allows.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test check audit bench clean

run: $(VENV)/.run
	$(BIN)/dolma-pipe sample sample
	$(BIN)/dolma-pipe run configs/quickstart.yaml

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy dolma_pipe taggers mixers
	$(BIN)/pytest -n 2 --dist worksteal

check: test audit

audit:
	$(PYTHON) .ci/audit.py $(VENV)-audit

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks sample

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[report]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-audit work sample build dist *.egg-info
