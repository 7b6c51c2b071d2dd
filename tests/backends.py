"""Running code under PyTorch from tests that run under TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

HERE = Path(__file__).parents[1]


def torch_python():
    """A Python that has PyTorch: TF_AUDIO_GAN_TORCH_PYTHON (`make test-torch` sets it), or this one; skips without."""
    named = os.environ.get("TF_AUDIO_GAN_TORCH_PYTHON")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares TensorFlow with PyTorch: needs KERAS_BACKEND=tensorflow here")
    if not named and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed here; `make test-torch` installs it and runs this")
    return named or sys.executable


def run_torch(*arguments, check=True):
    """Runs Python under PyTorch's backend: the completed process, its output as text."""
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    command = [torch_python(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=HERE)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
