"""Loudness of a sound in LUFS (ITU-R BS.1770-4): K-weighting, blocks of 400 ms, two gates."""

import numpy as np

# The two K-weighting filters of BS.1770-4, tables 1 and 2, for 48 kHz: numerator, denominator.
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_TABLE_RATE = 48000
_OFFSET = -0.691  # dB; makes a 997 Hz sine of full scale in one channel read -3.01
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, LU
_BLOCK, _STEP = 0.4, 0.1  # seconds: blocks of 400 ms that overlap by 75 %


def integrated_loudness(audio, sample_rate):
    """Integrated loudness of BS.1770-4 with equal channel weights.

    The filters are those of the standard's 48 kHz tables at every rate, evaluated at the same frequency in Hz and
    applied in the frequency domain. A sound shorter than a block of 400 ms, of which the standard says nothing, is
    followed by silence to that length.

    Args:
        audio: float ``[samples]`` or ``[samples, channels]``: mono or left and right. The energies of the channels
            add up, so a mono sound that will play on two loudspeakers is 3.01 LU louder than its one channel reads.
        sample_rate: in Hz.

    Returns:
        LUFS as a float; ``-inf`` where every block is below the absolute gate of -70 LUFS.

    Raises:
        ValueError: for no samples or another rank.
    """
    audio = np.asarray(audio, np.float64)
    if audio.ndim not in (1, 2) or not audio.size:
        raise ValueError(f"audio has shape {audio.shape}; expected [samples] or [samples, channels], none of them 0")
    weighted = k_weighted(audio.reshape(len(audio), -1), sample_rate)
    power = _block_powers(weighted, sample_rate)
    loudness = _lufs(power)
    loud = loudness > _ABSOLUTE_GATE
    if not loud.any():
        return -np.inf
    loud &= loudness > _lufs(power[loud].mean()) + _RELATIVE_GATE
    return float(_lufs(power[loud].mean()))


def k_weighted(audio, sample_rate):
    """Audio through the head's high shelf and the low cut of BS.1770-4: float64 ``[samples, channels]``."""
    padded = len(audio) + int(sample_rate) // 2  # the low cut (38 Hz) has died away: no wrap into the start
    frequencies = np.minimum(np.fft.rfftfreq(padded, 1 / sample_rate), _TABLE_RATE / 2)
    z = np.exp(-2j * np.pi * frequencies / _TABLE_RATE)
    response = np.ones(len(z), complex)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)
    return np.fft.irfft(np.fft.rfft(audio, padded, axis=0) * response[:, None], padded, axis=0)[: len(audio)]


def _block_powers(weighted, sample_rate):
    """Power of each whole block of 400 ms, summed over the channels: ``[blocks]``."""
    length = round(_BLOCK * sample_rate)
    weighted = np.pad(weighted, ((0, max(0, length - len(weighted))), (0, 0)))
    blocks = int(np.floor((len(weighted) / sample_rate - _BLOCK) / _STEP + 1e-9)) + 1
    starts = np.round(np.arange(blocks) * _STEP * sample_rate).astype(int)
    total = np.concatenate([[0.0], np.cumsum(np.sum(weighted**2, axis=1))])
    return (total[np.minimum(starts + length, len(weighted))] - total[starts]) / length


def _lufs(power):
    return _OFFSET + 10 * np.log10(np.maximum(power, 1e-20))
