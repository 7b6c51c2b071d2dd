"""Speech and noise at a signal-to-noise ratio, by the active speech level of ITU-T P.56, method B."""

import numpy as np

_TIME_CONSTANT, _HANGOVER = 0.03, 0.2  # seconds
_MARGIN = 15.9  # dB by which the active level lies above its threshold
_POWERS = np.arange(-60, 21)  # of the thresholds, which are those of 2; the recommendation has -15 to -1, for 16 bits


class LevelMeter:
    """Measures the active level of speech that comes in blocks; equal to that of the whole.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate):
        decay = np.exp(-1 / (sample_rate * _TIME_CONSTANT))
        self._filter = [1 - decay], [1.0, -decay]
        self._states = np.zeros((2, 1))
        self._before = np.zeros(int(np.ceil(_HANGOVER * sample_rate)))
        self._counts = np.zeros(len(_POWERS), np.int64)  # of samples by the highest threshold that they reach
        self._energy, self._samples = 0.0, 0

    def add(self, block):
        """Takes the next float ``[samples]``."""
        from scipy.ndimage import maximum_filter1d
        from scipy.signal import lfilter

        block = np.asarray(block, np.float64)
        self._energy, self._samples = self._energy + float(block @ block), self._samples + len(block)
        envelope = np.abs(block)
        for i in (0, 1):
            envelope, self._states[i] = lfilter(*self._filter, envelope, zi=self._states[i])
        hangover, known = len(self._before), np.concatenate([self._before, envelope])
        held = maximum_filter1d(known, hangover + 1, origin=(hangover + 1) // 2)[hangover:]
        self._before = known[len(block) :]
        powers = np.frexp(held[held >= 2.0 ** _POWERS[0]])[1] - 1
        self._counts += np.bincount(np.minimum(powers, _POWERS[-1]) - _POWERS[0], minlength=len(_POWERS))

    def result(self):
        """(active level in dBov, activity factor) of what came; (-inf, 0.0) for silence or nothing."""
        active = np.cumsum(self._counts[::-1])[::-1]
        active = active[active > 0]
        if not len(active) or not self._energy:
            return -np.inf, 0.0
        levels = 10 * np.log10(self._energy / active)
        above = levels - 20 * np.log10(2.0) * _POWERS[: len(levels)]
        level = float(_crossing(above, levels))
        return level, min(1.0, self._energy / self._samples * 10 ** (-level / 10))


def _crossing(above, levels):
    """The level where its distance to its threshold falls to the margin, between two thresholds by a straight line."""
    below = np.flatnonzero(above <= _MARGIN)
    if not len(below) or below[0] == 0:
        return levels[below[0] if len(below) else -1]
    j = below[0]
    share = (above[j - 1] - _MARGIN) / (above[j - 1] - above[j])
    return levels[j - 1] + share * (levels[j] - levels[j - 1])


def active_level(speech, sample_rate):
    """The level of speech while somebody speaks, and how much of the time that is (ITU-T P.56, 2011, method B).

    The envelope is the magnitude through two exponential filters of 0.03 s in a row. For thresholds a factor of two
    apart, a sample counts as active up to 0.2 s after the envelope was at the threshold; the level is that of the
    energy spread over the active samples, at the threshold that lies 15.9 dB below it. The thresholds go on below
    those of the recommendation (2^-15), so quiet recordings have a level too, and go where it interpolates in steps
    of up to half a decibel, to the exact crossing. A sound too short for a crossing, such as a click, has the level
    at the highest threshold that it reaches.

    Args:
        speech: float ``[samples]`` in [-1, 1].
        sample_rate: in Hz.

    Returns:
        (level in dBov: 0 is the mean square of a full-scale square wave; activity factor in [0, 1]); (-inf, 0.0) for
        silence.

    Raises:
        ValueError: for another rank, no samples, or samples that are not finite.
    """
    meter = LevelMeter(sample_rate)
    meter.add(_signal(speech, "speech"))
    return meter.result()


def mix(clean, noise, snr_db, sample_rate):
    """Clean speech in noise: ``clean + g * noise`` at a ratio of the active speech level to the noise's RMS level.

    The sum is not limited to [-1, 1].

    Args:
        clean: float ``[samples]``, speech.
        noise: float ``[samples]``, as long.
        snr_db: ratio in dB.
        sample_rate: in Hz.

    Returns:
        float64 ``[samples]``.

    Raises:
        ValueError: signals of different lengths, or a silent one.
    """
    clean, noise = _signal(clean, "clean"), _signal(noise, "noise")
    if len(clean) != len(noise):
        raise ValueError(f"clean and noise must be equally long; received {len(clean)} and {len(noise)} samples")
    level, power = active_level(clean, sample_rate)[0], np.mean(noise**2)
    if np.isinf(level) or power == 0:
        silent = "clean" if np.isinf(level) else "noise"
        raise ValueError(f"{silent} is silent: there is no gain that makes a ratio of {snr_db} dB")
    return clean + noise_gain(level, power, snr_db) * noise


def noise_gain(level, power, snr_db):
    """The factor for noise of a mean square `power` that puts it `snr_db` below an active `level` in dBov."""
    return 10 ** ((level - snr_db) / 20) / np.sqrt(power)


def _signal(samples, name):
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"{name} has shape {samples.shape}; expected [samples], not none")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name} holds NaN or infinite samples")
    return samples
