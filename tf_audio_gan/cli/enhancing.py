"""The command `enhance`."""

from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli.common import Json, Preset, load_keras, say_json, say_skipped, words_aside


def enhance(
    preset: Preset,
    source: Annotated[Path, typer.Argument(help="A recording of any rate and channels, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder; gets a WAV file for each.")],
    blend: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the recording that is kept.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the latents: the same seed, the same sound.")] = 0,
    zeros: Annotated[bool, typer.Option("--zeros", help="Latents of 0 instead of a seed's.")] = False,
    sample_rate: Annotated[int | None, typer.Option(help="Of the WAV files, Hz; default: the recordings' own.")] = None,
    float32: Annotated[bool, typer.Option("--float", help="Write 32-bit floats, which do not clip.")] = False,
    json: Json = False,
):
    """Take the noise out of recordings of speech.

    tf-audio-gan enhance segan_speech in.wav --out enhanced --blend 0.3

    tf-audio-gan enhance runs/clean/preset RECORDINGS --out enhanced --float
    """
    load_keras()
    options = {"seed": seed, "zeros": zeros, "blend": blend, "sample_rate": sample_rate, "float32": float32}
    with words_aside(json):
        made = tf_audio_gan.enhance(preset, source, out, **options)
    if json:
        return say_json(**vars(made) | {"clipped": {str(path): n for path, n in made.clipped.items()}})
    print(f"{len(made.files)} files, {made.seconds:.1f} s of audio in {out}")
    for path, samples in made.clipped.items():
        print(f"clipped {samples} samples beyond full scale in {path}: lower the recording, or write --float")
    say_skipped(made.skipped, "this list")
