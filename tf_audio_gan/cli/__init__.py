"""The command line: `tf-audio-gan COMMAND`. Importing it loads no TensorFlow; each command loads what it needs."""

import os
import sys


def main():
    """Runs the command line; an error a person can mend is one line on standard error and exit status 1."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tf_audio_gan.cli.commands import app

    try:
        app(prog_name="tf-audio-gan")
    except Exception as error:
        expected = isinstance(error, (ValueError, OSError, ImportError, RuntimeError, OverflowError))
        of_tensorflow = type(error).__module__.split(".")[0] == "tensorflow"  # e.g. out of memory
        if not (expected or of_tensorflow) or os.environ.get("TF_AUDIO_GAN_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
