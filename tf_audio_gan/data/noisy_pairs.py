"""Clean speech and the same recordings in noise, from two folders."""

from pathlib import PurePosixPath

import numpy as np

from tf_audio_gan.data.noisy import NoisySpeech, put

TOLERANCE = 0.01  # seconds by which the files of a pair may differ in length


class NoisyPairs(NoisySpeech):
    """Pairs of files, matched by their paths below the two folders without the extension.

    Files without a partner, and pairs that differ in sample rate or by more than 10 ms in length, are skipped and
    named in `skipped`. Of a pair the same crop is taken; nothing aligns one file with the other.

    Args:
        clean: path of the folder of clean speech, or of its shards.
        noisy: path of the folder of noisy speech, or of its shards.
        gain: (lowest, highest) factor of both channels, drawn uniformly.
        normalize: of the clean file; the noisy one is multiplied by the same factor. See `Sounds`.
        sample_rate, length, crop, weighting, decoder, cache_mb, seed, progress: see `Sounds`.
        channels: 2.

    Attributes:
        clean, noisy: `Sounds` of the files that have a partner, in the same order.
        skipped, seconds, fingerprint, facts: see `Sounds`; seconds are those of clean speech.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no usable pair, a setting out of range, or folders one of which holds the other.
    """

    def __init__(
        self, clean, noisy, *, sample_rate=16000, length=16385, channels=2, gain=(1.0, 1.0), crop="random",
        normalize="none", weighting="duration", decoder="soundfile", cache_mb=512, seed=0, progress=None,
    ):  # fmt: skip
        super().__init__(
            clean, noisy, gain=gain, sample_rate=sample_rate, length=length, channels=channels, decoder=decoder,
            cache_mb=cache_mb, seed=seed, progress=progress, crop=crop, normalize=normalize, weighting=weighting,
        )  # fmt: skip
        self._match()
        self.noisy = self.other

    def _match(self):
        """Leaves the clips that have a partner, each as long as the shorter of the two."""
        unusable = {_name(path) for sounds in (self.clean, self.other) for path, _ in sounds.skipped}
        partners, pairs = _by_name(self.other), []
        for name, mine in _by_name(self.clean).items():
            theirs = partners.pop(name, None)
            reason = _alone(self.other, name in unusable) if theirs is None else self._mismatch(mine, theirs)
            if reason:
                self.clean.skipped.append((self.clean.clips[mine].path, reason))
            else:
                pairs.append((mine, theirs))
        for name, theirs in partners.items():
            self.other.skipped.append((self.other.clips[theirs].path, _alone(self.clean, name in unusable)))
        if not pairs:
            raise ValueError(
                f"no file of {self.clean.path} has a partner in {self.other.path}: the files of a pair have the same "
                f"path below their folders. For example, {': '.join(self.clean.skipped[-1])}"
            )
        lengths = [min(self.clean.clips[a].length, self.other.clips[b].length) for a, b in pairs]
        self.clean = self.clean.subset([a for a, _ in pairs], lengths)
        self.other = self.other.subset([b for _, b in pairs], lengths)

    def _mismatch(self, mine, theirs):
        """Why two files are no pair; empty if they are."""
        rates = self.clean.rates[mine], self.other.rates[theirs]
        if None not in rates and rates[0] != rates[1]:
            return f"differs from its noisy file in sample rate: {rates[0]} and {rates[1]} Hz"
        lengths = self.clean.clips[mine].length, self.other.clips[theirs].length
        if abs(lengths[0] - lengths[1]) > TOLERANCE * self.sample_rate:
            seconds = " and ".join(f"{n / self.sample_rate:.3f} s" for n in lengths)
            return f"differs from its noisy file in length: {seconds}"
        return ""

    @property
    def settings(self):
        """How examples are made."""
        return {"noisy": {"clips": len(self.noisy), "seconds": round(self.noisy.seconds, 3)}, "gain": list(self.gain)}

    def _words(self):
        return f"Noisy speech of {self.noisy.path}: {len(self.noisy)} pairs."

    def _fill(self, out, draws, number, start, count):
        clean, noisy = self.clean.read(number, start, count), self.noisy.read(number, start, count)
        if clean is None or noisy is None:
            return False
        factor = np.float32(self.clean.gain(number) * self.drawn_gain(draws(1)[0]))
        put(out, factor * clean[:, 0], factor * noisy[:, 0])
        return True


def _by_name(sounds):
    """{path without extension: number}; of equal ones the first, the others are skipped."""
    found = {}
    for number, clip in enumerate(sounds.clips):
        first = found.setdefault(_name(clip.path), number)
        if first != number:
            sounds.skipped.append((clip.path, f"has the same name as {sounds.clips[first].path}"))
    return found


def _alone(sounds, unusable):
    """What to say of a file whose partner is not among the clips of `sounds`, or there and unusable."""
    return "the other file of the pair cannot be used" if unusable else f"has no partner in {sounds.path}"


def _name(path):
    return str(PurePosixPath(path).with_suffix(""))
