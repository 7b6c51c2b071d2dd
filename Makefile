# Two commands for a bare machine with Python 3.11+ and make: `make demo` and `make test`.
VENV ?= .venv
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN = $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2


.PHONY: help setup demo test soak lint test-io bench clean

help:
	@echo "make demo     install into $(VENV), then sounds -> training -> REST prediction -> a listening page"
	@echo "make test     install into $(VENV), then the tests (under 12 minutes on 2 cores)"
	@echo "make lint     ruff"
	@echo "make soak     the tests with full counts"
	@echo "make test-io  the data tests with TensorFlow 2.17.1 and tensorflow-io 0.37.1 (Python 3.11 or 3.12)"
	@echo "make bench    steps per second, examples per second, peak memory"

setup: $(VENV)/.installed

$(VENV)/.installed: setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@

demo: setup
	$(BIN)/tf-audio-gan demo

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

soak: setup
	$(BIN)/python -m pytest -m "soak or not soak"

test-io: $(VENV)-io/.installed
	$(VENV)-io/bin/python -m pytest tests/data

$(VENV)-io/.installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo "tensorflow-io 0.37.1 has wheels for Python 3.11 and 3.12 only: make test-io PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)-io
	$(VENV)-io/bin/python -m pip install -q 'tensorflow==2.17.1' 'tensorflow-io==0.37.1' 'keras~=3.15.0'
	$(VENV)-io/bin/python -m pip install -q -e '.[dev]' 'tensorflow==2.17.1'
	@touch $@

bench: setup
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/input_pipeline.py

clean:
	rm -rf $(VENV) $(VENV)-io build *.egg-info demo
