"""The command `vocode`."""

from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli.common import Json, Preset, load_keras, say_json, say_skipped, words_aside


def vocode(
    preset: Preset,
    source: Annotated[Path, typer.Argument(help="A sound, a .npy file of mels [frames, bands], or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Folder; gets a WAV file for each.")],
    settings: Annotated[
        str | None, typer.Option(help="What made the mels: melgan, kan_bayashi, kan_bayashi_24k or hifigan.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the noise, for Parallel WaveGAN.")] = 0,
    chunk_frames: Annotated[int, typer.Option(min=1, help="Mel frames at a time; memory grows with it.")] = 256,
    precision: Annotated[str, typer.Option(help="float32, or bfloat16 for the network's arithmetic.")] = "float32",
    json: Json = False,
):
    """Turn recordings, or mel spectrograms of your own, into audio by a vocoder.

    tf-audio-gan vocode multiband_melgan_speech in.wav --out vocoded

    tf-audio-gan vocode runs/voice/preset mels --settings hifigan --out spoken      (.npy files of mels)
    """
    load_keras()
    options = {"settings": settings, "seed": seed, "chunk_frames": chunk_frames, "precision": precision}
    with words_aside(json):
        made = tf_audio_gan.vocode(preset, source, out, **options)
    if json:
        return say_json(**vars(made))
    print(f"{len(made.files)} files, {made.seconds:.1f} s of audio in {out}")
    if made.clipped:
        print(f"clipped {made.clipped} samples beyond full scale")
    say_skipped(made.skipped, "this list")
