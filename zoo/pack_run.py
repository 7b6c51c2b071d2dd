"""Trains the packed recipe on this machine, without a network: python run.py RESULTS --minutes 25.

The same command again goes on where the last one stopped. RESULTS/run gets preset/, log.csv, logs/ (TensorBoard),
generated/, contact_sheet.png and checkpoints/. Needs Python with numpy and PyTorch; all else is beside this file.
"""

import argparse
import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="gets everything the run makes")
    parser.add_argument("--minutes", type=float, help="stop, saved, after so long; default: the recipe's steps")
    parser.add_argument("--steps", type=int, help="generator steps in all, instead of the recipe's")
    parser.add_argument("--precision", help="float32, tf32 or bfloat16, instead of the recipe's")
    options = parser.parse_args()
    check()
    unpack(options.results / "packages")
    os.environ["KERAS_BACKEND"] = "torch"
    sys.path[:0] = [str(HERE / "source"), str(options.results / "packages")]
    import torch

    import tf_audio_gan

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"
    print(f"training on {device}, PyTorch {torch.__version__}", flush=True)
    result = tf_audio_gan.train(
        str(HERE / "recipe.toml"), HERE / "data", options.results / "run", steps=options.steps,
        max_minutes=options.minutes, precision=options.precision, progress=sys.stdout.isatty(),
    )  # fmt: skip
    print(f"{result.ended} at step {result.step}: {result.preset}")


def check():
    """Refuses another Python than the wheels are for, and damaged files."""
    manifest = json.loads((HERE / "manifest.json").read_text())
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != manifest["python"]:
        sys.exit(f"this pack is for Python {manifest['python']}, this is {here}: pack again with --python {here}")
    for name, digest in manifest["sha256"].items():
        path = HERE / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            sys.exit(f"{path} is missing or damaged: copy the folder again")


def unpack(folder):
    """Wheels are zip files; unpacked once, they need no installer."""
    for wheel in sorted((HERE / "wheels").glob("*.whl")):
        done = folder / f"{wheel.name}.done"
        if not done.exists():
            with zipfile.ZipFile(wheel) as file:
                file.extractall(folder)
            done.touch()


if __name__ == "__main__":
    main()
