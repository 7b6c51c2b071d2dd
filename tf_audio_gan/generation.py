"""A preset becomes sounds on disk, with what it takes to make each of them again."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from keras import ops

from tf_audio_gan import durable, pictures
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.finding import find_like
from tf_audio_gan.models.gan import AudioGAN, from_preset


@dataclass
class Generated:
    """What `generate` wrote.

    Attributes:
        audio: float32 [n, length, channels].
        latents: float32 [n, latent_dim].
        names: what each sound is called: its seed, or its place between two.
        labels: float32 [n, classes], the shares of the classes; None for a model without labels.
        files: the WAV files.
        picture: the contact sheet (PNG).
    """

    audio: np.ndarray
    latents: np.ndarray
    names: list
    files: list
    picture: Path
    labels: np.ndarray | None = None


def generate(
    preset, out, *, n=16, seed=0, interpolate=0, latents=None, labels=None, pitch=None, like=None, progress=False
):
    """Makes sounds and writes them: a WAV each, latents.npy, sounds.csv (file, sound, label) and contact_sheet.png.

    In a folder that an earlier call wrote, the sounds of that call (those in its sounds.csv) are replaced.

    Args:
        preset: an `AudioGAN`, or the handle of a preset.
        out: folder, made where missing.
        n: how many sounds.
        seed: of the first; sound i is that of seed + i.
        interpolate: instead of n sounds, this many (at least 2) from the latents of seed to those of seed + 1.
        latents: instead of seeds, a .npy file of float32 [n, latent_dim] as written by an earlier call, or the array.
        labels: one class for all or n of them, or a mixture, {"seven": 0.5, "two": 0.5}; see `LatentGAN.generate`.
            None: every class in turn, of sound i that of (seed + i) modulo the number of classes.
        pitch: of a model of notes, instead of labels: a MIDI number, or several; each timbre makes a note of every one.
        like: instead of n seeds, the n sounds nearest to this recording (`finding.find_like`): the first refined, the
            others of seeds. Their names say how near, in dB.
        progress: show a bar while searching; None = on a terminal.

    Returns:
        `Generated`.

    Raises:
        ValueError: a preset of another task, a class that it has not, labels for one without, latents of another shape.
    """
    model = preset if isinstance(preset, AudioGAN) else from_preset(preset)
    if model.task != "generation":
        command = {"vocoding": "vocode", "enhancement": "enhance"}[model.task]
        raise ValueError(f"a {type(model).__name__} does not generate, it is for {model.task}: use {command} instead")
    if like is not None:
        if interpolate or latents is not None:
            raise ValueError("like looks for latents itself; leave interpolate and latents out")
        latents, names, seeds = _nearest(model, n, seed, labels, like, progress)
    else:
        latents, names, seeds = _latents(model, n, seed, interpolate, latents)
    if pitch is not None:
        latents, names, seeds, labels = _of_pitches(model, pitch, labels, like, (latents, names, seeds))
    rows = model.soft(labels, seeds)
    audio = model.generate_from(latents) if rows is None else model.generate_from(latents, labels=rows)
    called = [""] * len(names) if rows is None else [_called(row, model.labels) for row in rows]
    titles = [f"{name} {label}".strip() for name, label in zip(names, called, strict=True)]
    out = Path(out)
    with durable.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        _remove_earlier(out)
        files = [out / f"{i:04d}_{_in_a_file_name(title)}.wav" for i, title in enumerate(titles)]
        for path, sound in zip(files, audio, strict=True):
            write_audio(path, sound, model.sample_rate)
        with durable.whole(out / "latents.npy") as new:
            np.save(new, latents)
        with durable.whole(out / "sounds.csv") as new, open(new, "w", newline="", encoding="utf-8") as file:
            made = [(p.name, *row) for p, *row in zip(files, names, called, strict=True)]
            csv.writer(file).writerows([("file", "sound", "label"), *made])
        picture = out / "contact_sheet.png"
        pictures.contact_sheet(picture, audio[:32], model.sample_rate, titles=titles[:32])
    return Generated(audio, latents, names, files, picture, rows)


def _of_pitches(model, pitch, labels, like, timbres):
    """(latents, names, seeds, labels): of every timbre each pitch, one after the other."""
    if not hasattr(model, "pitches"):
        raise ValueError(f"a {type(model).__name__} makes no notes of a pitch; leave pitch out")
    if labels is not None or like is not None:
        raise ValueError("pitch is what labels and like would choose; give one of the three")
    pitches = np.atleast_1d(np.asarray(pitch)).astype(str)
    latents, names, seeds = timbres
    each = np.repeat(np.arange(len(names)), len(pitches))
    return latents[each], [names[i] for i in each], np.asarray(seeds)[each], np.tile(pitches, len(names))


def _nearest(model, n, seed, labels, like, progress):
    found = find_like(model, like, n, seed, labels, progress=progress)
    names = [f"seed {s} at {d:.1f} dB" for s, d in zip(found.seeds, found.distances, strict=True)]
    return found.latents, [names[0].replace("seed", "near seed"), *names[1:]], found.seeds


def _called(row, labels):
    """A row of soft labels in words: "seven", or "seven=0.5,two=0.5"."""
    used = [(label, share) for label, share in zip(labels, row, strict=True) if share]
    return used[0][0] if [share for _, share in used] == [1.0] else ",".join(f"{name}={x:g}" for name, x in used)


def _in_a_file_name(title):
    return re.sub(r"[^\w.=,+-]", "_", title)[:100]


def write_previews(model, real, out):
    """Writes what a model makes of given examples, each beside the example itself.

    Args:
        model: an `AudioGAN` that answers sounds: a vocoder or an enhancer.
        real: float32 [n, length, channels], examples as in training.
        out: folder, gets a WAV for each of `model.previews`, e.g. real_0.wav, made_0.wav, ... and contact_sheet.png.

    Returns:
        Path of the picture: a row for each example.
    """
    previews, out = model.previews(real), Path(out)
    rows = list(zip(*previews.values(), strict=True))
    with durable.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for i, row in enumerate(rows):
            for name, sound in zip(previews, row, strict=True):
                write_audio(out / f"{name}_{i}.wav", sound, model.sample_rate)
        picture = out / "contact_sheet.png"
        titles = [f"{name} {i}" for i in range(len(rows)) for name in previews]
        sounds = [sound for row in rows for sound in row]
        pictures.contact_sheet(picture, sounds, model.sample_rate, titles=titles, columns=len(previews))
    return picture


def _remove_earlier(out):
    """Removes the sounds of an earlier call, so that the folder holds what its table says and no more."""
    table = out / "sounds.csv"
    if not table.is_file():
        return
    with open(table, newline="", encoding="utf-8") as file:
        names = [row.get("file") or "" for row in csv.DictReader(file)]
    for name in names:
        if name.endswith(".wav") and Path(name).name == name:
            (out / name).unlink(missing_ok=True)


def _seeds(seed, n):
    if not 0 <= abs(seed) < 2**63 - n:
        raise ValueError(f"a seed must fit into 64 bits. Received: seed={seed}")
    return np.arange(n, dtype="int64") + seed


def _latents(model, n, seed, interpolate, latents):
    """(latents, names, seeds whose classes they have where none is asked for)."""
    if latents is not None:
        array, names = _given(model, latents)
        return array, names, np.arange(len(array))
    if interpolate:
        if interpolate < 2:
            raise ValueError(
                f"interpolate must be at least 2 sounds, from one seed to the next. Received: {interpolate}"
            )
        ends = ops.convert_to_numpy(model.latents(_seeds(seed, 2)))
        weights = np.linspace(0, 1, interpolate, dtype="float32")
        names = [f"seed {seed} to {seed + 1} at {w:.2f}" for w in weights]
        between = ops.convert_to_numpy(model.between(ends[:1], ends[1:], weights[:, None]))
        return between, names, np.full(interpolate, seed)
    if n < 1:
        raise ValueError(f"n must be at least 1 sound. Received: n={n}")
    seeds = _seeds(seed, n)
    return ops.convert_to_numpy(model.latents(seeds)), [f"seed {s}" for s in seeds], seeds


def _given(model, latents):
    source = latents if isinstance(latents, str | Path) else "latents"
    try:
        array = np.load(latents, allow_pickle=False) if isinstance(latents, str | Path) else np.asarray(latents)
    except ValueError:
        raise ValueError(f"{source} is no .npy file of numbers, as `generate` writes them (latents.npy)") from None
    if array.ndim != 2 or array.shape[1] != model.latent_dim or not len(array) or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{source} must hold float32 [n, {model.latent_dim}]. Received: {array.dtype}, shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{source} holds NaN or infinite numbers; latents are finite")
    return array.astype("float32"), [f"latents {i}" for i in range(len(array))]
