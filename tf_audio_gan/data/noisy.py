"""Pairs of clean and noisy speech: what both readers share."""

import hashlib
import json
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from tf_audio_gan.data.draws import Draws
from tf_audio_gan.data.sounds import Sounds, check_numbers, folder_at


class NoisySpeech(ABC):
    """Examples of two channels, clean speech and the same in noise, with the interface that training uses of `Sounds`.

    A subclass writes `_fill`, `settings` and `_words`.

    Args:
        clean: path of the folder of clean speech, or of shards made from it.
        other: path of the folder that makes it noisy; neither lies in the other.
        gain: (lowest, highest) factor by which both channels of an example are multiplied, drawn uniformly.
        sample_rate: Hz; files at other rates are resampled.
        length: samples of an example.
        channels: 2, what an enhancement model says.
        decoder, cache_mb: see `Sounds`; the cache is for each folder.
        seed: with the step, all that chance depends on.
        progress: show bars on opening; None = on a terminal.
        options: of `Sounds`, for the clean speech alone.
    """

    label_names = ()

    def __init__(
        self, clean, other, *, gain, sample_rate, length, channels, decoder, cache_mb, seed, progress, **options
    ):
        if channels != 2:
            raise ValueError(f"clean and noisy speech are 2 channels of an example; received channels={channels!r}")
        low, high = finite("gain", gain, "two factors, 0 < lowest <= highest", lambda g: len(g) == 2)
        if not 0 < low <= high:
            raise ValueError(f"gain must be two factors, 0 < lowest <= highest; received {gain!r}")
        check_numbers(sample_rate=sample_rate, length=length, seed=seed, cache_mb=cache_mb)
        _apart(folder_at(clean), folder_at(other))
        self.sample_rate, self.length, self.channels, self.seed, self.gain = sample_rate, length, 2, seed, (low, high)
        same = {"sample_rate": sample_rate, "length": length, "decoder": decoder, "cache_mb": cache_mb, "seed": seed}
        self.clean = Sounds(clean, **same, progress=progress, **options)
        self.other = Sounds(other, **same, progress=progress)
        self.path, self._draws = self.clean.path, Draws(1, seed)

    @abstractmethod
    def _fill(self, out, draws, number, start, count):
        """Writes an example of clip `number` of the clean speech into zeros `out` [length, 2].

        `draws(n)` are the example's own n uniform numbers, the first of which is the gain's. Returns whether the clip
        could be read.
        """

    @property
    @abstractmethod
    def settings(self):
        """How an example is made from its files: a dict of plain values."""

    @abstractmethod
    def _words(self):
        """What `other` is to the clean speech, for people."""

    def __len__(self):
        return len(self.clean)

    @property
    def seconds(self):
        """Seconds of clean speech."""
        return self.clean.seconds

    @property
    def skipped(self):
        """List of `(path with its folder, reason)`."""
        return [(str(s.path / path), why) for s in (self.clean, self.other) for path, why in s.skipped]

    @property
    def fingerprint(self):
        """16 hexadecimal digits that stand for the data of both folders and the settings."""
        value = [self.clean.fingerprint, self.other.fingerprint, self.settings]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def facts(self):
        """See `Sounds.facts`; with what made the speech noisy."""
        return self.clean.facts | {"fingerprint": self.fingerprint, **self.settings}

    def check_batches(self, batch_size, start_step, labels):
        """See `Sounds.check_batches`."""
        self.clean.check_batches(batch_size, start_step, labels)

    def batch(self, step, batch_size, rows=None):
        """The examples of one step: a pure function of the data, the settings, the seed and the step.

        Args:
            step: 0, 1, 2 ...
            batch_size: examples.
            rows: integers, to make these examples of the batch alone; None: all of them.

        Returns:
            `(audio, labels)`: float32 `[batch_size, length, 2]` in [-1, 1], clean and noisy, and int32 zeros
            `[batch_size]`; `len(rows)` of them with `rows`.

        Raises:
            ValueError: a negative step or a batch size below 1.
            RuntimeError: no file of a folder can be read any more.
        """
        self.check_batches(batch_size, step, False)
        rows = np.arange(batch_size) if rows is None else rows
        audio = np.zeros((len(rows), self.length, 2), np.float32)

        def take(place, *crop):
            example = step * batch_size + int(rows[place])
            return self._fill(audio[place], lambda n: self._draws.own(example, n), *crop)

        numbers = self.clean.choose(step, batch_size, take, rows)
        return audio, self.clean.labels_of(numbers)

    def drawn_gain(self, uniform):
        """The factor of an example for a number in [0, 1)."""
        return self.gain[0] + (self.gain[1] - self.gain[0]) * uniform

    def summary(self):
        """What is here, in two paragraphs for people."""
        text = f"{self.clean.summary()}\n{self._words()}"
        if self.other.skipped:
            text += f" Skipped {len(self.other.skipped)} of its files: {self.other.skipped[0][1]}, ..."
        return text


def put(out, clean, noisy):
    """Writes both channels into `out` [length, 2]; where one exceeds full scale, both are scaled down together."""
    count = len(clean)
    out[:count, 0], out[: len(noisy), 1] = clean, noisy
    peak = np.abs(out).max()
    if peak > 1:
        out /= peak


def finite(name, value, right, fits=len):
    """Finite floats of a list."""
    try:
        numbers = tuple(float(x) for x in value)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not fits(numbers) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be {right}; received {value!r}")
    return numbers


def _apart(clean, other):
    """Refuses folders of which one holds the other: noise would be taken for speech, or speech for noise."""
    inner, outer = sorted((Path(clean).resolve(), Path(other).resolve()), key=lambda p: -len(p.parts))
    if inner == outer or outer in inner.parents:
        raise ValueError(f"{clean} and {other} must be two folders, neither inside of the other")
