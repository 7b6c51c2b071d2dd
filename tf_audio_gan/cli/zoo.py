"""The commands `zoo ...`: presets to have, to check, to measure again and to publish."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tf_audio_gan.cli.common import load_keras

app = typer.Typer(help="The presets of the zoo.", no_args_is_help=True)


@app.callback()
def root():
    """The presets of the zoo."""


_UNTRAINED = "no weights: train it"


def _about(name, entry):
    """What `zoo list` says of a preset: {column: value}; no megabytes of one without weights."""
    size = sum(file["bytes"] for file in entry["files"].values())
    model = str(entry.get("class", "")).rpartition(">")[2]
    size = round(size / 1e6, 1) if entry.get("trained", True) else None
    return {"name": name, "model": model, "sample_rate": entry.get("sample_rate"), "megabytes": size}


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")] = False):
    """List the presets there are.

    tf-audio-gan zoo list --json
    """
    from rich.console import Console
    from rich.table import Table

    from tf_audio_gan import hub

    rows = [_about(name, entry) for name, entry in sorted(hub.zoo_index().items())]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    if not rows:
        raise ValueError(f"there is no zoo at {hub.ZOO}. Set TF_AUDIO_GAN_ZOO_URL to the address of one")
    table = Table("preset", "model", "Hz", "MB", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_UNTRAINED if value is None else str(value) for value in row.values()))
    Console().print(table)
    if hint := hub.how_to_get():
        print(f"\n{hint}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Of a preset; or its folder or address.")]):
    """Print a preset's card: what it makes, of which data, how good it is, and its licence.

    tf-audio-gan zoo show wavegan_drums
    """
    from tf_audio_gan import hub, preset_folder

    folder = hub.resolve(name)
    card = folder / "README.md"
    if not card.is_file():
        raise FileNotFoundError(f"{card} does not exist: the preset {name} has no card")
    if preset_folder.untrained(folder):
        print(f"{_UNTRAINED}: tf-audio-gan train {name} DATA --run-dir runs/{folder.name}\n")
    print(card.read_text(encoding="utf-8"))


@app.command()
def fetch(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names or addresses of presets.")]):
    """Download presets, check them, and print the folders they are kept in.

    tf-audio-gan zoo fetch wavegan_drums judge_digits
    """
    from tf_audio_gan import hub

    for name in names:
        print(hub.resolve(name))


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: every preset.")] = None,
):
    """Check the size and SHA-256 of every file of presets; exit 1 where one differs.

    tf-audio-gan zoo verify wavegan_drums
    """
    from tf_audio_gan import hub

    problems = []
    for name in names or hub.list_presets():
        try:
            print(f"{name}: {hub.resolve(name)}: right")
        except (OSError, ValueError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        sys.exit("\n".join(problems))


@app.command()
def publish(
    preset: Annotated[Path, typer.Argument(help="Folder of a preset with card, recipe, results and data.csv.")],
    zoo: Annotated[Path, typer.Argument(help="Folder that any server of static files can offer.")],
    float16: Annotated[bool, typer.Option("--float16", help="Weights of half the size, if it makes the same.")] = False,
):
    """Put a preset into a zoo: checked, copied, and its index written.

    tf-audio-gan zoo publish runs/mine/preset zoo
    """
    if float16:
        load_keras()
    from tf_audio_gan.publishing import publish_preset

    made = publish_preset(preset, zoo, float16)
    if float16:
        found = json.loads((made / "metadata.json").read_text(encoding="utf-8"))["float16"]
        print(f"float16: outputs differ by {found['outputs_db']:.1f} dB of their level")
    print(f"{made}\nuse it: TF_AUDIO_GAN_ZOO_URL=https://... with the address of {zoo}")


@app.command()
def evaluate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: every preset.")] = None,
    data: Annotated[Path | None, typer.Option(help="Holds the folders of sounds that results.json names.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where something differs.")] = False,
):
    """Measure presets again by their recorded settings, and write their results and cards.

    With --check and no data: do cards show what results.json holds? With data: does a new run give the same numbers?

    tf-audio-gan zoo evaluate wavegan_drums --data RECORDINGS

    tf-audio-gan zoo evaluate --check
    """
    if not check and data is None:
        raise ValueError("say where the recordings are: --data DIR; or --check the cards without measuring")
    load_keras()
    from tf_audio_gan import hub, zoo_evaluation
    from tf_audio_gan.publishing import write_zoo_index

    names = names or zoo_evaluation.evaluated_presets()
    if not names:
        raise ValueError(f"there is no zoo at {hub.ZOO}; its presets come with a checkout of the sources")
    problems = [problem for name in names for problem in zoo_evaluation.evaluate_again(name, data, check=check)]
    for name in names:
        print(f"{name}: {'checked' if check else 'evaluated'}")
    if problems:
        sys.exit("\n".join(problems))
    if not check:
        write_zoo_index(hub.ZOO)
