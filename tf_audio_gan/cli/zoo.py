"""The commands `zoo ...`: the presets that come with the package."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from tf_audio_gan.cli.common import load_keras

app = typer.Typer(help="The presets of the zoo.", no_args_is_help=True)


@app.callback()
def root():
    """The presets of the zoo."""


@app.command()
def evaluate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: every preset.")] = None,
    data: Annotated[Path | None, typer.Option(help="Holds the folders of sounds that results.json names.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where something differs.")] = False,
):
    """Measure presets again by their recorded settings, and write their results and cards.

    With --check and no data: do cards show what results.json holds? With data: does a new run give the same numbers?
    """
    if not check and data is None:
        raise ValueError("say where the recordings are: --data DIR; or --check the cards without measuring")
    load_keras()
    from tf_audio_gan import evaluation, hub

    names = names or evaluation.zoo_presets()
    if not names:
        raise ValueError(f"there is no zoo at {hub.ZOO}; its presets come with a checkout of the sources")
    problems = [problem for name in names for problem in evaluation.evaluate_zoo(name, data, check=check)]
    for name in names:
        print(f"{name}: {'checked' if check else 'evaluated'}")
    if problems:
        sys.exit("\n".join(problems))
    if not check:
        _make_index(hub.ZOO / "make_index.py")


def _make_index(script):
    """The index holds the hashes of the files that have just changed."""
    if script.is_file():
        subprocess.run([sys.executable, str(script)], check=True)
    else:
        print("now run zoo/make_index.py")
