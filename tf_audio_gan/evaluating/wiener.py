"""The classical floor of enhancement: a Wiener filter that follows the noise."""

import numpy as np

WINDOW, HOP = 0.032, 0.008  # seconds
_SPEECH = 10**1.5  # 15 dB: ratio in the presence of speech that the noise tracker assumes
_LEAST_RATIO, _DECISION, _NOISE, _PRESENCE = 10**-2.5, 0.98, 0.8, 0.9


def wiener(noisy, sample_rate):
    """Wiener filtering with decision-directed ratios (Scalart and Filho 1996) over a tracked noise spectrum.

    The noise is followed by its expectation given the probability of speech (Gerkmann and Hendriks 2012, with their
    constants), from the mean of the first five frames. Windows of 32 ms every 8 ms, periodic Hann.

    Args:
        noisy: float [samples], at least one window.
        sample_rate: in Hz.

    Returns:
        float64 [samples]. Silence stays silent.
    """
    from scipy.signal import istft, stft

    size, hop = round(WINDOW * sample_rate), round(HOP * sample_rate)
    noisy = np.asarray(noisy, np.float64)
    frames = {"nperseg": size, "noverlap": size - hop}
    spectrum = stft(np.pad(noisy, (0, max(0, size - len(noisy)))), **frames)[2]
    gains = wiener_gains(np.abs(spectrum) ** 2)
    return istft(spectrum * gains, **frames)[1][: len(noisy)]


def wiener_gains(power):
    """The filter of every frame: power [bins, frames] -> gains in [0, 1), same shape."""
    power = np.maximum(power, 1e-20)
    noise, presence = power[:, :5].mean(axis=1), np.zeros(len(power))
    before, gains = np.zeros(len(power)), np.empty_like(power)
    for i in range(power.shape[1]):
        ratio = np.minimum(power[:, i] / noise, 1e4)
        speech = 1 / (1 + (1 + _SPEECH) * np.exp(-ratio * _SPEECH / (1 + _SPEECH)))
        presence = _PRESENCE * presence + (1 - _PRESENCE) * speech
        speech = np.where(presence > 0.99, np.minimum(speech, 0.99), speech)  # or it could stick to speech
        noise = _NOISE * noise + (1 - _NOISE) * (speech * noise + (1 - speech) * power[:, i])
        ratio = power[:, i] / noise
        prior = _DECISION * before / noise + (1 - _DECISION) * np.maximum(ratio - 1, 0)
        prior = np.maximum(prior, _LEAST_RATIO)
        gains[:, i] = prior / (1 + prior)
        before = gains[:, i] ** 2 * power[:, i]
    return gains
