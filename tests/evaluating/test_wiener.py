"""The Wiener filter against the published formulas one bin at a time, and what it does to noise and to speech."""

import math

import numpy as np
import pytest

from tf_audio_gan.evaluating.wiener import wiener, wiener_gains
from tf_audio_gan.metrics.enhancement import si_sdr

RATE = 16000


def gains_by_hand(power):
    """Of one bin: Gerkmann and Hendriks 2012, eq. 18, 22-25, then Scalart and Filho 1996, eq. 9 with alpha 0.98."""
    noise, smooth, clean, found = sum(power[:5]) / 5, 0.0, 0.0, []
    for now in power:
        optimal = 10**1.5
        presence = 1 / (1 + (1 + optimal) * math.exp(-now / noise * optimal / (1 + optimal)))
        smooth = 0.9 * smooth + 0.1 * presence
        if smooth > 0.99:
            presence = min(presence, 0.99)
        noise = 0.8 * noise + 0.2 * ((1 - presence) * now + presence * noise)
        prior = 0.98 * clean / noise + 0.02 * max(now / noise - 1, 0)
        prior = max(prior, 10**-2.5)
        found.append(prior / (1 + prior))
        clean = found[-1] ** 2 * now
    return found


def test_gains_are_those_of_the_papers(rng):
    power = rng.exponential(1.0, (6, 90)) * np.array([1e-4, 1, 1, 1, 100, 1])[:, None]
    power[1, 40:60] *= 1000  # speech that comes and goes
    power[2, 30:] *= 300  # so long that it must be noise
    np.testing.assert_allclose(wiener_gains(power), [gains_by_hand(bins) for bins in power], rtol=1e-9)


def voice(seconds=3.0):
    """Syllables of a gliding voice, at -20 dB, and where there are none."""
    t = np.arange(int(seconds * RATE)) / RATE
    loudness = np.sin(2 * np.pi * 1.3 * t - 1.0)
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(4 * t)) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 30)) * np.maximum(loudness, 0)
    return 0.1 * sound / sound.std(), loudness < -0.3


@pytest.mark.parametrize("snr, gain", [(-5, 5), (0, 5), (5, 4), (10, 2)])
def test_white_noise_becomes_softer_and_speech_stays(rng, snr, gain):
    clean, pause = voice()
    noise = rng.standard_normal(len(clean)) * 0.1 * 10 ** (-snr / 20)
    made = wiener(clean + noise, RATE)
    assert si_sdr(clean, made, RATE) > si_sdr(clean, clean + noise, RATE) + gain
    assert 10 * np.log10(np.mean(noise[pause] ** 2) / np.mean(made[pause] ** 2)) > 15


def test_noise_that_grows_louder_is_followed(rng):
    noise = 0.01 * rng.standard_normal(3 * RATE)
    noise[RATE:] *= 4
    made = wiener(noise, RATE)
    before, at_once, later = (
        10 * np.log10(np.mean(noise[part] ** 2) / np.mean(made[part] ** 2))
        for part in (slice(RATE // 2, RATE), slice(RATE, RATE + 3000), slice(2 * RATE, 3 * RATE))
    )
    assert before > 18 and at_once < 8 and later > 18


@pytest.mark.parametrize("samples", [1, 100, 512, 5000])
def test_length_stays_level_does_not_matter_and_silence_is_silent(rng, samples):
    noisy = 0.1 * rng.standard_normal(samples)
    made = wiener(noisy, RATE)
    assert made.shape == (samples,) and np.isfinite(made).all()
    np.testing.assert_allclose(wiener(10 * noisy, RATE), 10 * made, atol=1e-9)
    np.testing.assert_array_equal(wiener(0 * noisy, RATE), 0)
