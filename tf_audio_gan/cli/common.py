"""What the commands share: the preset argument, loading Keras quietly, what is said to people and to programs."""

import contextlib
import json
import os
import shlex
import sys
from typing import Annotated

import typer

Preset = Annotated[str, typer.Argument(metavar="PRESET", help="A preset's folder, or its name in the zoo.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: print one JSON object instead of words.")]
SHOWN_SKIPPED = 10


def load_keras(tensorflow_for=None):
    """Imports Keras; refuses another backend than TensorFlow where `tensorflow_for` names what needs that."""
    if "keras" not in sys.modules:
        with working("loading TensorFlow"):
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


@contextlib.contextmanager
def working(what):
    """Says on a terminal that something without a bar goes on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextlib.contextmanager
def words_aside(as_json):
    """With `--json`, what a function prints while it works goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield


def say_json(skipped=(), **facts):
    """Prints facts as one JSON object; paths are strings, skipped files [{"file", "reason"}]."""
    facts["skipped"] = [{"file": str(path), "reason": str(reason)} for path, reason in skipped]
    print(json.dumps(facts, indent=1, default=str))


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
