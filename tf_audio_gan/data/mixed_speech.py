"""Clean speech that noise is mixed into, anew for every example."""

import numpy as np

from tf_audio_gan.audio.mixing import noise_gain
from tf_audio_gan.audio.reverberation import impulse_response, longest_response, reverberate
from tf_audio_gan.data.levels import Levels
from tf_audio_gan.data.noisy import NoisySpeech, finite, put

_PUBLISHED_SNR = (0.0, 5.0, 10.0, 15.0)  # dB, of the training set of VoiceBank-DEMAND


class MixedSpeech(NoisySpeech):
    """Pairs of clean and noisy speech, mixed while training: every pass over the speech hears other noise.

    An example is a crop of what mixing the whole files would give: noise as long as the clean file is drawn, its
    level is set against the active level of the whole file (ITU-T P.56), and the same window of both is taken. So a
    window of silence keeps the noise of its file, and a window of loud speech has a better ratio than one of soft
    speech, as in noisy recordings. Noise shorter than the speech goes round from where it was drawn; one that is
    almost silent there counts as 20 dB below its whole file, so no gain is without limit. Where a sum exceeds full
    scale, both channels of the example are scaled down.

    Chance depends on (seed, step, place in the batch) alone.

    Args:
        clean: path of a folder of clean speech, or of its shards.
        noise: path of a folder of noise recordings, or of its shards; any file is as likely as any other.
        snr: ratios in dB: two are the lowest and the highest, between which one is drawn uniformly; otherwise those
            of which one is drawn.
        gain: (lowest, highest) factor of both channels, drawn uniformly.
        reverberation: share of the examples, 0 to 1, whose noisy channel has the speech in a room: the direct sound
            and a tail that dies away by 60 dB in 0.1 to 0.5 s (`audio.reverberation`). The clean channel is the direct
            sound alone, and the ratio is that of the direct sound, so a model learns to remove the tail too.
        sample_rate, length, crop, weighting, decoder, cache_mb, seed, progress: see `Sounds`.
        normalize: of the clean files, before mixing; see `Sounds`.
        channels: 2.

    Attributes:
        clean, noise: `Sounds`.
        skipped, seconds, fingerprint, facts: see `Sounds`; seconds are those of clean speech.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no usable file in a folder, a setting out of range, or folders one of which holds the other.
    """

    def __init__(
        self, clean, noise, *, sample_rate=16000, length=16385, channels=2, snr=_PUBLISHED_SNR, gain=(1.0, 1.0),
        reverberation=0.0, crop="random", normalize="none", weighting="duration", decoder="soundfile", cache_mb=512,
        seed=0, progress=None,
    ):  # fmt: skip
        self.snr = finite("snr", snr, "a list of ratios in dB, two of them the lowest and the highest")
        if len(self.snr) == 2 and self.snr[0] > self.snr[1]:
            raise ValueError(f"snr must be the lowest and the highest ratio, in this order; received {snr!r}")
        if isinstance(reverberation, bool) or not 0 <= reverberation <= 1:
            raise ValueError(f"reverberation must be a share from 0 to 1; received {reverberation!r}")
        self.reverberation = float(reverberation)
        super().__init__(
            clean, noise, gain=gain, sample_rate=sample_rate, length=length, channels=channels, decoder=decoder,
            cache_mb=cache_mb, seed=seed, progress=progress, crop=crop, normalize=normalize, weighting=weighting,
        )  # fmt: skip
        self.noise = self.other
        self._speech_levels, self._noise_levels = Levels(self.clean), Levels(self.noise)

    @property
    def settings(self):
        """How examples are mixed."""
        return {
            "noise": {"clips": len(self.noise), "seconds": round(self.noise.seconds, 3)},
            "snr": list(self.snr),
            "gain": list(self.gain),
            "reverberation": self.reverberation,
        }

    def _words(self):
        ratios = f"{self.snr[0]:g} to {self.snr[1]:g}" if len(self.snr) == 2 else ", ".join(f"{r:g}" for r in self.snr)
        noise = f"{self.noise.path}: {len(self.noise)} sounds, {self.noise.seconds / 60:.1f} minutes"
        text = f"Mixed with noise of {noise}, at {ratios} dB."
        return text + (f" {100 * self.reverberation:g} % of the speech in rooms." if self.reverberation else "")

    def _fill(self, out, draws, number, start, count):
        gain, snr, which, where, wet = draws(5)
        level, dry = self._speech_levels.speech(number), self._speech(number, start, count, 0)
        if level is None or dry is None:
            return False
        speech = dry if wet >= self.reverberation else self._in_a_room(draws, number, start, count)
        noise, power = self._excerpt(which, where, start, max(self.length, self.clean.clips[number].length))
        if speech is None:
            return False
        noisy = speech + np.float32(noise_gain(level, power, self._ratio(snr))) * noise
        factor = np.float32(self.clean.gain(number) * self.drawn_gain(gain))
        put(out, factor * dry, factor * noisy)
        return True

    def _ratio(self, uniform):
        if len(self.snr) == 2:
            return self.snr[0] + (self.snr[1] - self.snr[0]) * uniform
        return self.snr[int(uniform * len(self.snr))]

    def _speech(self, number, start, count, before):
        """A crop and up to `before` samples before it, zeros after it: float32 [before + length]; None if broken."""
        first = max(0, start - before)
        samples = self.clean.read(number, first, start - first + count)
        if samples is None:
            return None
        return np.pad(samples[:, 0], (before - (start - first), self.length - count))

    def _in_a_room(self, draws, number, start, count):
        longest = longest_response(self.sample_rate)
        response = impulse_response(draws(7 + longest)[5:], self.sample_rate)
        speech = self._speech(number, start, count, len(response) - 1)
        return None if speech is None else reverberate(speech, response)[len(response) - 1 :]

    def _excerpt(self, which, where, start, span):
        """(the window of noise from `start`, mean square over `span` samples of it); of the next file if one breaks."""
        first = int(which * len(self.noise))
        for number in (*range(first, len(self.noise)), *range(first)):
            length = self.noise.clips[number].length
            place = int(where * (length - span + 1 if length >= span else length))
            power = self._noise_levels.power(number, place, span)
            samples = None if power is None else self._looped(number, place + start)
            if samples is not None:
                return samples, power
        raise RuntimeError(
            f"none of the {len(self.noise)} sounds in {self.noise.path} can be read any more "
            f"(the last: {': '.join(self.noise.skipped[-1])}); is the disk still mounted?"
        )

    def _looped(self, number, first):
        """`length` samples of a clip in a loop: float32; None if it cannot be read."""
        length = self.noise.clips[number].length
        first %= length
        if length < self.length:
            whole = self.noise.read(number, 0, length)
            return None if whole is None else np.resize(np.roll(whole[:, 0], -first), self.length)
        parts = [self.noise.read(number, first, min(self.length, length - first))]
        if first + self.length > length:
            parts.append(self.noise.read(number, 0, first + self.length - length))
        return None if any(part is None for part in parts) else np.concatenate(parts)[:, 0]
