"""`tf-audio-gan judge ...`: training a classifier that generated sounds are measured with."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli.common import load_keras, quoted, say_skipped

app = typer.Typer(help="Classifiers of labelled recordings, to measure generated ones with.", no_args_is_help=True)
_WORST = 5


@app.callback()
def root():
    """Classifiers of labelled recordings, to measure generated ones with."""


@app.command("train")
def train(
    data: Annotated[Path, typer.Argument(help="A folder of labelled sounds, or of shards made by prepare.")],
    out: Annotated[Path, typer.Option(help="The judge's folder: weights, results.json, confusion.png.")],
    test: Annotated[Path | None, typer.Option(help="Held-out labelled sounds: what its accuracy is told of.")] = None,
    labels: Annotated[str, typer.Option(help="folder, prefix, or a CSV file with columns path,label.")] = "folder",
    test_labels: Annotated[str | None, typer.Option(help="The same for --test; default: as --labels.")] = None,
    group_by: Annotated[
        str | None, typer.Option(help="Validate on whole groups, e.g. speakers: folder, prefix, or a CSV file.")
    ] = None,
    validation: Annotated[float, typer.Option(min=0.0, help="Least share to validate on; 0: none.")] = 0.2,
    network: Annotated[str, typer.Option(help="light, pitch (labels are pitches) or sc09.")] = "light",
    sample_rate: Annotated[int, typer.Option(help="Hz.")] = 16000,
    length: Annotated[int, typer.Option(help="Samples that the judge hears.")] = 16384,
    channels: Annotated[int, typer.Option(help="Audio channels.")] = 1,
    crop: Annotated[str, typer.Option(help="start: the first samples of each sound; random: any.")] = "start",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the sounds, each of 50 steps or more.")] = None,
    transpose: Annotated[
        int | None, typer.Option(min=0, help="Labels are pitches: move sounds and labels by up to so many semitones.")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop training after so long.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split, order and augmentation.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print results.json instead of words.")] = False,
):
    """Train a judge on labelled sounds. Ctrl-C keeps the best so far.

    tf-audio-gan judge train DIGITS --out judge --test OTHER_SPEAKERS

    tf-audio-gan judge train NOTES --out pitches --network pitch --labels notes.csv --group-by prefix --json
    """
    load_keras()
    result = tf_audio_gan.train_judge(
        data, out, test=test, labels=labels, test_labels=test_labels, group_by=group_by, validation=validation,
        network=network, sample_rate=sample_rate, length=length, channels=channels, crop=crop, epochs=epochs,
        transpose=transpose, max_minutes=max_minutes, seed=seed, progress=not json,
    )  # fmt: skip
    if json:
        print((result.folder / "results.json").read_text(encoding="utf-8"), end="")
    else:
        _say(result)
    if result.ended == "interrupted":
        sys.exit(130)


def _say(result):
    done = result.results["training"]
    print(
        f"{result.ended} after {done['epochs']} epochs ({done['steps']} steps), {result.results['minutes']:g} minutes"
    )
    for which in ("validation", "test"):
        _say_accuracy(which, result.results[which])
    say_skipped(result.skipped, "the folders named above")
    print(f"judge:      {result.folder}\npicture:    {result.folder / 'confusion.png'}")
    if not result.results["test"]:
        print(f"held out:   nothing; name sounds it has never heard: --test FOLDER --out {quoted(result.folder)}")


def _say_accuracy(which, facts):
    if not facts:
        return
    low, high = 100 * facts["low"], 100 * facts["high"]
    print(
        f"{which + ':':<11} {100 * facts['accuracy']:.1f} % right ({low:.1f} to {high:.1f} %, 95 % interval), "
        f"{facts['right']} of {facts['n']}"
    )
    heard = {name: c["accuracy"] for name, c in facts["per_class"].items() if c["n"]}
    worst = sorted((n for n in heard if heard[n] < 1), key=heard.get)[:_WORST]
    if worst:
        print("            worst: " + ", ".join(f"{name} {100 * heard[name]:.0f} %" for name in worst))
