"""Two logical CPU devices for the replica tests, and small things every test may use."""

import functools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Two processes that fill one cache of numba's at once (librosa's, in a new environment) leave an index that names
    # code of other types: a segmentation fault, then and ever after.
    cache = os.path.join(os.path.dirname(__file__), "..", ".pytest_cache", "numba", os.environ["PYTEST_XDIST_WORKER"])
    os.environ.setdefault("NUMBA_CACHE_DIR", os.path.abspath(cache))

import numpy as np
import pytest


@pytest.fixture(scope="session")
def two_devices():
    """Names of two logical CPU devices; they have to be asked for before TensorFlow's first operation."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("replicas are TensorFlow's")
    import tensorflow as tf

    return [d.name.replace("/device:", "") for d in tf.config.list_logical_devices("CPU")][:2]


def pytest_configure(config):
    runs_none = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")  # its workers do
    if runs_none or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # As data/tf_sounds.py, for Keras' own pipelines too: to free one would take as long as it lived, up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    begin = tf.data.Dataset.__iter__
    tf.data.Dataset.__iter__ = lambda dataset: begin(dataset.with_options(options))


@pytest.fixture(scope="session", autouse=True)
def small_sheets():
    """Every training and generation ends with a contact sheet: of one sound here, but for what `large_sheets` does."""
    from tf_audio_gan import pictures

    with pytest.MonkeyPatch.context() as patch:
        draw = pictures._draw
        patch.setattr(pictures, "_draw", lambda path, cells, *rest: draw(path, cells[:1], *rest))
        yield draw


@pytest.fixture
def large_sheets(small_sheets, monkeypatch):
    """Contact sheets of all the sounds, as users get them."""
    from tf_audio_gan import pictures

    monkeypatch.setattr(pictures, "_draw", small_sheets)


@pytest.fixture
def one_process(monkeypatch):
    """Evaluations measure pairs here: processes take their time to start, and have tests of their own."""
    from tf_audio_gan import pair_evaluation

    measure = functools.partial(pair_evaluation.evaluate_pairs, workers=1)
    monkeypatch.setattr(pair_evaluation, "evaluate_pairs", measure)


@pytest.fixture
def untraced():
    """TensorFlow runs operation by operation: for few steps of a model, tracing graphs would take most of the time."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def command(monkeypatch, capfd):
    """Runs a command in this process: (exit status, standard output, standard error)."""

    from tf_audio_gan.cli import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tf-audio-gan", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "300")
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(autouse=os.environ.get("KERAS_BACKEND") == "torch")
def no_gradients():
    """PyTorch's tensors become arrays only where nothing records gradients, as in a training step."""
    from tf_audio_gan import backend

    with backend.no_gradients():
        yield
