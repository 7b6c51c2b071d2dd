"""What a GANSynth takes from its data before the first step: how often each pitch comes, how far pictures reach."""

import numpy as np

from tf_audio_gan import backend
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import Sounds

NORMALIZERS = ("magenta", "simple", "frequency", "none")
MEASURED = ("simple", "frequency")
MARGIN = 0.8  # what the largest values become; the rest is tanh's headroom
EXAMPLES = 1000  # that are measured
_AT_ONCE = 10


def check(normalizer, representation, consistency):
    """Raises ValueError for an unknown normalizer, and for what waves cannot have."""
    if normalizer not in NORMALIZERS:
        raise ValueError(f"normalizer must be one of {', '.join(NORMALIZERS)}. Received: normalizer={normalizer!r}")
    if representation == "wave" and (normalizer == "magenta" or consistency):
        raise ValueError(
            'representation="wave" has neither log magnitudes, which normalizer="magenta" is for (take "none": waves '
            'lie in [-1, 1]; or "simple"), nor a consistency of them (0). '
            f"Received: normalizer={normalizer!r}, consistency={consistency}"
        )


def checked_pitches(labels):
    """Pitches as a list of texts; ValueError unless they are MIDI numbers in ascending order."""
    texts = [str(label) for label in labels]
    numbers = [int(text) if text.isdecimal() else -1 for text in texts]
    if not numbers or numbers != sorted(set(numbers)) or not 0 <= numbers[0] <= numbers[-1] <= 127:
        raise ValueError(
            'labels must be MIDI pitches from 0 to 127 in ascending order ([data] labels = "pitch" finds them). '
            f"Received: {texts[:20]}"
        )
    return texts


def set_constants(facts, normalizer):
    """Gives `NoteFacts` what a normalizer is before any measurement; "none" is the identity, without clipping."""
    facts.clipped = normalizer != "none"
    if normalizer == "none":
        facts.assign(slope=np.ones(facts.slope.shape), offset=np.zeros(facts.offset.shape))


def facts_of(model, sounds, progress=None):
    """New values of a model's `NoteFacts`, by name.

    Args:
        model: a `GANSynth`.
        sounds: see `GANSynth.adapt`.
        progress: show a bar.
    """
    audio, count, numbers = _parts(model, sounds)
    facts = {} if numbers is None else {"counts": np.bincount(numbers, minlength=len(model.labels))}
    if model.normalizer not in MEASURED:
        return facts
    count = min(count, EXAMPLES)
    axes, low, high = (0, 1) if model.normalizer == "frequency" else (0, 1, 2), np.inf, -np.inf
    analysed = backend.compiled(model.seen)
    for part in bar(_first(audio, count), -(-count // _AT_ONCE), "Measuring pictures", progress):
        pictures = analysed(part).reshape(len(part), model.pictures.frames, model.pictures.bins, 2)
        low = np.minimum(low, pictures.min(axis=axes).reshape(-1, 2))
        high = np.maximum(high, pictures.max(axis=axes).reshape(-1, 2))
    slope, offset = scale(low.astype("float64"), high.astype("float64"))
    return facts | {"slope": slope, "offset": offset, "measured": count}


def scale(low, high):
    """(a, b) of a x + b that brings [low, high] to [-0.8, 0.8]; of what never changes, to 0 with slope 1."""
    apart = high - low
    slope = np.where(apart > 0, 2 * MARGIN / np.where(apart > 0, apart, 1.0), 1.0)
    return slope, np.where(apart > 0, -MARGIN - slope * low, -low)


def _first(batches, count):
    for part in batches:
        if count <= 0:
            return
        yield part[:count]
        count -= len(part)


def _parts(model, sounds):
    """(iterable of audio [up to 10, length, 1], how many examples, numbers of all pitches or None)."""
    if isinstance(sounds, Sounds):
        wanted = {name: getattr(model, name) for name in ("sample_rate", "length", "channels")}
        wanted["label_names"] = list(model.labels)
        for name, value in wanted.items():
            if getattr(sounds, name) != value:
                raise ValueError(f"the sounds must have the model's {name}, {value}. Received: {getattr(sounds, name)}")
        return sounds.one_pass(_AT_ONCE), sounds.examples, sounds.labels_of(range(len(sounds)))
    audio, numbers = sounds if isinstance(sounds, tuple) else (sounds, None)
    audio = np.asarray(audio)
    if audio.dtype.kind != "f" or audio.shape[1:] != (model.length, 1) or not len(audio):
        raise ValueError(
            f"adapt takes `Sounds`, float audio [n, {model.length}, 1], or a pair of that and numbers of pitches [n]. "
            f"Received: {type(sounds).__name__}, {audio.dtype} {list(audio.shape)}"
        )
    starts = range(0, len(audio), _AT_ONCE)
    return (audio[i : i + _AT_ONCE].astype("float32") for i in starts), len(audio), numbers
