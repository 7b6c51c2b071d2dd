"""Sounds of tensorflow-datasets become a folder of WAV files, as any other folder of sounds."""

from pathlib import Path

import numpy as np

from tf_audio_gan import backend, durable
from tf_audio_gan.data.scan import bar


def extract_sounds(name, out, *, audio="audio", label=None, labels=(), split="train", data_dir=None, progress=None):
    """Writes each sound of a data set as OUT/[LABEL/]<id>.wav (16-bit PCM).

    Files that are there already are not written again, so a call that was interrupted can be repeated.

    Args:
        name: of the data set in tensorflow-datasets (extra `datasets`), which downloads and prepares it, e.g.
            "ljspeech", whose audio is "speech".
        out: folder, made where missing.
        audio: the feature that holds samples: whole numbers of 16 bits, or floating point in [-1, 1].
        label: a feature of class labels that become folders; None: none.
        labels: those to keep; empty: all.
        split: of the data set.
        data_dir: where tensorflow-datasets keeps what it prepared; None: its own default.
        progress: show a bar; None = on a terminal.

    Returns:
        {"written": sounds there now, "left out": others}.

    Raises:
        ImportError: tensorflow-datasets is not installed.
        RuntimeError: another backend than TensorFlow.
        ValueError: no such feature, or the data set does not say the sample rate.
    """
    backend.require_tensorflow("tensorflow-datasets")
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(f"{name} needs tensorflow-datasets ({error}): pip install 'tf-audio-gan[datasets]'") from None
    data, about = tfds.load(name, split=split, data_dir=data_dir, with_info=True, shuffle_files=False)
    rate, names = _features(name, about.features, audio, label)
    counts = {"written": 0, "left out": 0}
    for number, sound in enumerate(bar(tfds.as_numpy(data), None, f"Extracting to {out}", progress)):
        kind = names.int2str(int(sound[label])) if label else ""
        kept = not labels or kind in labels
        counts["written" if kept else "left out"] += 1
        target = Path(out) / kind / f"{_called(sound.get('id'), number)}.wav"
        if kept and not target.exists():
            _write(target, sound[audio], rate)
    return counts


def _features(name, features, audio, label):
    """(sample rate in Hz, the class labels or None) of a data set."""
    missing = [feature for feature in (audio, label) if feature is not None and feature not in features]
    if missing:
        raise ValueError(f"{name} has no feature {', '.join(missing)}. Its features: {', '.join(features)}")
    rate = getattr(features[audio], "sample_rate", None)
    if not rate:
        raise ValueError(f"{name} does not say the sample rate of {audio!r}, so it cannot be written as WAV")
    return int(rate), features[label] if label else None


def _called(identity, number):
    """A sound's name as a file's: its id if that is one, else its number."""
    text = identity.decode() if isinstance(identity, bytes) else ""
    return text if text and Path(text).name == text else f"{number:07d}"


def _write(target, audio, rate):
    import soundfile

    samples = np.asarray(audio)
    if samples.dtype.kind == "i":
        samples = samples.astype(np.int16)
    else:
        samples = np.clip(samples, -1, 1)
    target.parent.mkdir(parents=True, exist_ok=True)
    with durable.whole(target) as new, open(new, "wb") as file:
        soundfile.write(file, samples, rate, subtype="PCM_16", format="WAV")
