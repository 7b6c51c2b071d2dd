"""Folders of sounds as sets of clips in one form: the same rate, length, channels, crop and level for all of them."""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.data.labels import label_sounds
from tf_audio_gan.data.sounds import TARGET_RMS, Sounds
from tf_audio_gan.metrics.sets import SoundSet

FORM = ("sample_rate", "length", "channels", "crop", "normalize")


@dataclass(frozen=True)
class Place:
    """One clip of a set: clip `number` of the `Sounds`, its first sample, and what it is called."""

    number: int
    start: int
    name: str


def open_sounds(folder, form, labels=None, progress=None):
    """`Sounds` of a folder in the form of an evaluation.

    Args:
        folder: of audio files or of prepared shards.
        form: dict of sample_rate, length, channels, crop, normalize.
        labels: None, "folder", "prefix" or a CSV table.
        progress: show a bar; None = on a terminal.
    """
    return Sounds(folder, **{name: form[name] for name in FORM}, labels=labels, progress=progress)


def places(sounds):
    """The clips that a folder gives, in order of their paths.

    One a file with `crop="start"`. With `crop="random"` a file gives as many as come up in a pass of training (its
    length over the clip's, rounded, at least one), evenly spread from its start to its end: no chance in it.

    Returns:
        A list of lists of `Place`, one for each file.
    """
    found = []
    for number, clip in enumerate(sounds.clips):
        count = max(1, round(clip.length / sounds.length)) if sounds.crop == "random" else 1
        starts = np.linspace(0, max(0, clip.length - sounds.length), count).astype(int)
        seconds = [f"@{start / sounds.sample_rate:.3f}" if count > 1 else "" for start in starts]
        found.append([Place(number, int(s), clip.path + at) for s, at in zip(starts, seconds, strict=True)])
    return found


def halves(sounds, seed):
    """Two lists of places that share no file, of nearly equal length, each in a shuffled order.

    Raises:
        ValueError: fewer than four files; what two halves of fewer say is chance.
    """
    files = places(sounds)
    if len(files) < 4:
        raise ValueError(
            f"{sounds.path} has {len(files)} usable sounds; expected at least 4: half of them are the reference, the "
            "other half says what real sounds score"
        )
    rng = np.random.default_rng(seed)
    parts = ([], [])
    for number in rng.permutation(len(files)):
        min(parts, key=len).extend(files[number])
    return tuple([part[i] for i in rng.permutation(len(part))] for part in parts)


def chosen(sounds, n, seed):
    """At most n places of all files, drawn without replacement."""
    every = [place for file in places(sounds) for place in file]
    return [every[i] for i in np.random.default_rng(seed).permutation(len(every))[:n]]


def read(sounds, wanted):
    """Reads places as a `SoundSet`, with class numbers where the sounds have labels.

    A file that cannot be read any more is left out, and named in `sounds.skipped`.

    Raises:
        ValueError: not one of them can be read.
    """
    found = [(place, _clip(sounds, place)) for place in wanted]
    found = [(place, audio) for place, audio in found if audio is not None]
    if not found:
        raise ValueError(f"none of the {len(wanted)} sounds chosen from {sounds.path} can be read any more")
    labels = np.array([sounds.clips[place.number].label for place, _ in found]) if sounds.label_names else None
    names = [place.name for place, _ in found]
    return SoundSet(np.stack([audio for _, audio in found]), sounds.sample_rate, names=names, labels=labels)


def _clip(sounds, place):
    """One clip as training sees it, zero-padded on the right: float32 [length, channels]; None if it cannot be read."""
    count = min(sounds.clips[place.number].length, sounds.length)
    samples = sounds.read(place.number, place.start, count)
    if samples is None:
        return None
    return np.pad(np.clip(samples * sounds.gain(place.number), -1, 1), ((0, sounds.length - count), (0, 0)))


def silent(sounds):
    """Paths of the silent files, which `Sounds` leaves out: nothing to learn from, but a generator's silence counts."""
    return [path for path, reason in sounds.skipped if reason.startswith("silent")]


def read_generated(sounds, n, seed, labels=None):
    """At most n sounds of a folder of generated ones, silent files among them as the silence that they are.

    Args:
        sounds: `Sounds`.
        n: how many; they are drawn without replacement.
        seed: of the draw.
        labels: the rule that `sounds` was opened with.

    Returns:
        `(SoundSet, label names)`.
    """
    every = [place for file in places(sounds) for place in file] + silent(sounds)
    drawn = [every[i] for i in np.random.default_rng(seed).permutation(len(every))[:n]]
    quiet = [path for path in drawn if isinstance(path, str)]
    found, names = read(sounds, [place for place in drawn if isinstance(place, Place)]), sounds.label_names
    if not quiet:
        return found, names
    paths = [sounds.clips[place.number].path for place in drawn if isinstance(place, Place)] + quiet
    numbers, names = label_sounds(paths, labels)
    audio = np.concatenate([found.audio, np.zeros((len(quiet), *found.audio.shape[1:]), np.float32)])
    kept = np.array(numbers) if names else None
    return SoundSet(audio, sounds.sample_rate, names=[*found.names, *quiet], labels=kept), names


def for_judge(audio, sample_rate, judge, normalize="none"):
    """Clips as a judge takes them: at its rate, cut or zero-padded on the right to its length, in its channels.

    Args:
        audio: float32 [clips, samples, channels].
        sample_rate: in Hz.
        judge: has sample_rate (Hz), length (samples) and channels.
        normalize: as the judge's training sounds: "none", "peak" (1) or "rms" (0.1, peak 1 at most); silence stays.

    Returns:
        float32 [clips, length, channels].
    """
    if audio.shape[-1] != judge.channels:
        audio = np.repeat(audio.mean(axis=-1, keepdims=True), judge.channels, axis=-1)
    if sample_rate != judge.sample_rate:
        import soxr

        audio = np.stack([soxr.resample(clip, sample_rate, judge.sample_rate) for clip in audio])
    if normalize != "none":
        peak = np.maximum(np.abs(audio).max(axis=(1, 2), keepdims=True), 1e-12)
        rms = np.maximum(np.sqrt(np.mean(audio**2, axis=(1, 2), keepdims=True)), 1e-12)
        audio = audio / peak if normalize == "peak" else audio * np.minimum(1 / peak, TARGET_RMS / rms)
    audio = audio[:, : judge.length]
    return np.pad(audio, ((0, 0), (0, judge.length - audio.shape[1]), (0, 0))).astype(np.float32)
