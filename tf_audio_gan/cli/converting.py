"""The command `convert`."""

from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli.common import Json, load_keras, quoted, say_json, words_aside, working


def convert(
    project: Annotated[
        str, typer.Argument(metavar="FROM", help="melgan-neurips, kan-bayashi, tensorflowtts or magenta-gansynth.")
    ],
    file: Annotated[
        Path,
        typer.Argument(help="The checkpoint: netG.pt, checkpoint-...steps.pkl, generator-....h5; Magenta's folder."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the preset.")],
    config: Annotated[
        Path | None,
        typer.Option(help="kan-bayashi: its config.yml, if not beside it; tensorflowtts: its mel settings."),
    ] = None,
    stats: Annotated[Path | None, typer.Option(help="Its stats.h5 or stats.npy, if not beside it.")] = None,
    discriminator: Annotated[Path | None, typer.Option(help="melgan-neurips: netD.pt, to train on.")] = None,
    generator_only: Annotated[
        bool, typer.Option("--generator-only", help="kan-bayashi: leave the discriminator out.")
    ] = False,
    json: Json = False,
):
    """Make a preset of another project's checkpoint. Nothing in the file is run; PyTorch is not needed.

    tf-audio-gan convert melgan-neurips netG.pt --discriminator netD.pt --out melgan

    tf-audio-gan convert kan-bayashi checkpoint-1000000steps.pkl --out voice

    tf-audio-gan convert tensorflowtts generator.h5 --stats stats.npy --out voice

    tf-audio-gan convert magenta-gansynth acoustic_only --out notes
    """
    load_keras()
    from tf_audio_gan.convert.checkpoint import TERMS

    options = {"config": config, "stats": stats, "discriminator": discriminator, "generator_only": generator_only}
    with words_aside(json), working(f"converting {file}"):
        made = tf_audio_gan.convert_checkpoint(project, file, out, **options)
    size, model = made.model.served_network().count_params(), type(made.model).__name__
    if json:
        facts = {"preset": out, "model": model, "parameters": size, "sample_rate": made.model.sample_rate}
        return say_json(**facts, discriminator=bool(made.discriminator), terms=TERMS)
    print(f"{out}: {model}, {size:,} parameters, {made.model.sample_rate} Hz")
    print(
        "with its discriminator" if made.discriminator else "without a discriminator: training on begins with a new one"
    )
    print(TERMS)
    use = f"vocode {quoted(out)} RECORDING.wav --out vocoded"
    if made.model.task == "generation":
        use = f"generate {quoted(out)} --out made --pitch C4"
    print(f"try it: tf-audio-gan {use}")
