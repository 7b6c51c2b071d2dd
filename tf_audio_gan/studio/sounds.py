"""What pads and keys play: sounds of seeds and classes, notes of a pitch between four timbres."""

import math
import re

import numpy as np
from keras import ops

from tf_audio_gan.audio.analysis import png_bytes, spectrogram_rgb
from tf_audio_gan.audio.io import wav_bytes
from tf_audio_gan.listening import data_uri, facts, outline

PADS = 16
LARGEST_SEED = 2**53 - 1  # a browser's largest exact whole number
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def sounds(model, preset, seeds, label=None):
    """Sounds of seeds.

    Args:
        model: an `AudioGAN` that generates.
        preset: what it is called, for the names of files.
        seeds: whole numbers from 0.
        label: the class of all; None or "": each seed's own (`LatentGAN.generate`).

    Returns:
        A list of dicts, see `heard`, with `seed` and `label` ("" without classes).

    Raises:
        ValueError: seeds or a class that there are not.
    """
    seeds = [whole_seed(seed) for seed in seeds]
    rows = model.soft(label or None, seeds)
    names = [""] * len(seeds) if rows is None else [model.labels[int(np.argmax(row))] for row in rows]
    latents = ops.convert_to_numpy(model.latents(np.array(seeds, "int64")))
    made = model.generate_from(latents) if rows is None else model.generate_from(latents, labels=rows)
    return [
        {"seed": seed, "label": name, **heard(audio, model.sample_rate, f"{preset} seed {seed} {name}")}
        for seed, name, audio in zip(seeds, names, made, strict=True)
    ]


def note(model, preset, pitch, seeds, across, down):
    """A note between four timbres.

    Args:
        model: a `GANSynth`.
        preset: what it is called.
        pitch: MIDI number, one of the model's.
        seeds: of the timbres top left, top right, bottom left, bottom right.
        across: from left, 0, to right, 1.
        down: from top, 0, to bottom, 1.

    Returns:
        A dict, see `heard`, with `pitch`.

    Raises:
        ValueError: a pitch that the model has not, not four seeds, or a place off the pad.
    """
    if pitch not in model.pitches.tolist():
        raise ValueError(
            f"this model plays {pitch_name(model.pitches.min())} to {pitch_name(model.pitches.max())} "
            f"({model.pitches.min()} to {model.pitches.max()}). Received: {pitch!r}"
        )
    latents = timbre(model, seeds, across, down)
    audio = model.generate_from(latents[None], labels=model.soft(np.array([str(pitch)]), [0]))[0]
    corners = "-".join(str(seed) for seed in seeds)
    place = f"{preset} {pitch_name(pitch)} seeds {corners} at {across:.2f} {down:.2f}"
    return {"pitch": pitch, **heard(audio, model.sample_rate, place)}


def timbre(model, seeds, across, down):
    """The latents [latent_dim] at a place between four seeds': between left and right above and below, then those two.

    Raises:
        ValueError: as `note`.
    """
    seeds = [whole_seed(seed) for seed in seeds]
    if len(seeds) != 4:
        raise ValueError(f"a timbre lies between four seeds. Received: {len(seeds)}")
    for name, place in (("across", across), ("down", down)):
        if not isinstance(place, int | float) or not 0 <= place <= 1:
            raise ValueError(f"{name} must be from 0 to 1. Received: {name}={place!r}")
    top_left, top_right, bottom_left, bottom_right = ops.convert_to_numpy(model.latents(np.array(seeds, "int64")))
    above = model.between(top_left, top_right, across)
    below = model.between(bottom_left, bottom_right, across)
    return ops.convert_to_numpy(model.between(above, below, down))


def heard(audio, sample_rate, called):
    """A sound for a browser.

    Args:
        audio: float32 [samples, channels].
        sample_rate: Hz.
        called: words, for the file's name.

    Returns:
        A dict of texts: `wav` and `picture` (addresses that hold a WAV file and a PNG), `outline` (an SVG path in a box
        of 240 x 100), `facts` (length and rate) and `file` (a name).
    """
    return {
        "wav": data_uri("audio/wav", wav_bytes(audio, sample_rate)),
        "picture": data_uri("image/png", png_bytes(spectrogram_rgb(audio, sample_rate, max_width=320))),
        "outline": outline(audio),
        "facts": facts(audio, sample_rate),
        "file": file_name(called) + ".wav",
    }


def pitch_name(pitch):
    """The name of a MIDI pitch: 60 is "C4"."""
    return f"{_STEPS[pitch % 12]}{pitch // 12 - 1}"


def file_name(text):
    """Words as part of a file's name."""
    return re.sub(r"[^\w.#-]+", "_", text.strip())[:80].strip("_.") or "sound"


def whole_seed(seed):
    """A seed as a number; ValueError for what is none, or could not be typed into the page again."""
    if isinstance(seed, float) and math.isfinite(seed) and seed == int(seed):
        seed = int(seed)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"a seed is a whole number from 0 to {LARGEST_SEED}. Received: {seed!r}")
    return seed
