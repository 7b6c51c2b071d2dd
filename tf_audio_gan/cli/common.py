"""What the commands share: the preset argument, loading Keras quietly, words about skipped files."""

import os
import shlex
import sys
from typing import Annotated

import typer

Preset = Annotated[str, typer.Argument(metavar="PRESET", help="A preset's folder, or its name in the zoo.")]
SHOWN_SKIPPED = 10


def load_keras(tensorflow_for=None):
    """Imports Keras; refuses another backend than TensorFlow where `tensorflow_for` names what needs that."""
    if "keras" not in sys.modules:
        _import_quietly()
    if tensorflow_for:
        from tf_audio_gan import backend

        backend.require_tensorflow(tensorflow_for)


def _import_quietly():
    """Imports Keras without the start-up notes that TensorFlow's C++ side writes past every log level."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        import keras  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ImportError("TensorFlow is not installed. Install it, or set KERAS_BACKEND=torch for PyTorch.") from None
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def quoted(path):
    """A path as the shell takes it."""
    return shlex.quote(str(path))


def say_skipped(skipped, full_list):
    """Prints the first of [(file, reason)] and where the rest stand."""
    if not skipped:
        return
    print(f"skipped {len(skipped)} files:")
    for path, reason in skipped[:SHOWN_SKIPPED]:
        print(f"  {path}: {reason}")
    if len(skipped) > SHOWN_SKIPPED:
        print(f"  ... and {len(skipped) - SHOWN_SKIPPED} more, all in {full_list}")
