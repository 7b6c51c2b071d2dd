"""Rooms that are drawn: impulse responses, and sound in them."""

import numpy as np

RT60 = (0.1, 0.5)  # seconds in which a room's reverberation falls by 60 dB, shortest and longest
DIRECT_TO_REVERBERANT = (0.0, 12.0)  # dB, lowest and highest
_FIRST_REFLECTION = 0.0025  # seconds after the direct sound: a detour of 86 cm


def longest_response(sample_rate):
    """Samples of the longest impulse response there can be."""
    return int(RT60[1] * sample_rate)


def impulse_response(uniform, sample_rate):
    """The impulse response of a room, from numbers that are drawn: the direct sound, then noise that dies away.

    Args:
        uniform: float ``[2 + longest_response(sample_rate)]`` in [0, 1): the reverberation time between 0.1 and 0.5 s,
            the ratio of direct to reverberant energy between 0 and 12 dB, and the noise.
        sample_rate: in Hz.

    Returns:
        float64 ``[samples]``, from the direct sound (1.0, without delay) until the reverberation has fallen by 60 dB.
    """
    rt60 = RT60[0] + uniform[0] * (RT60[1] - RT60[0])
    ratio = DIRECT_TO_REVERBERANT[0] + uniform[1] * (DIRECT_TO_REVERBERANT[1] - DIRECT_TO_REVERBERANT[0])
    samples = int(rt60 * sample_rate)
    response = (2 * uniform[2 : 2 + samples] - 1) * 10 ** (-3 * np.arange(samples) / samples)
    response[: int(np.ceil(_FIRST_REFLECTION * sample_rate))] = 0
    response *= np.sqrt(10 ** (-ratio / 10) / np.sum(response**2))
    response[0] = 1
    return response


def reverberate(audio, response):
    """Float32 ``[samples]`` of audio in a room, as long as float ``[samples]`` audio."""
    from scipy.signal import fftconvolve

    return fftconvolve(np.asarray(audio, np.float32), np.asarray(response, np.float32))[: len(audio)]
