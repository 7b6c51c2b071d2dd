"""BS.1770-4 against the figures of the standard, of EBU Tech 3341, and its filters run sample by sample."""

import numpy as np
import pytest
from scipy.signal import lfilter

from tf_audio_gan.audio.loudness import integrated_loudness, k_weighted


def sine(hz, seconds, rate, level=0.0, channels=1):
    wave = 10 ** (level / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_the_standards_sine_reads_minus_3_01_at_every_rate(rate):
    assert integrated_loudness(sine(997, 2, rate), rate) == pytest.approx(-3.01, abs=0.02)
    assert integrated_loudness(sine(997, 2, rate, channels=2), rate) == pytest.approx(0.0, abs=0.02)


def test_the_gates_do_what_ebu_tech_3341_expects():
    pieces = [(-36, 10), (-23, 60), (-36, 10)]  # its case 3: -23 within 0.1 LU; its case 4 adds -72 at both ends
    case = np.concatenate([sine(1000, seconds, 8000, level, 2) for level, seconds in pieces])
    silence = sine(1000, 10, 8000, -72, 2)
    assert integrated_loudness(case, 8000) == pytest.approx(-23.0, abs=0.1)
    assert integrated_loudness(np.concatenate([silence, case, silence]), 8000) == pytest.approx(-23.0, abs=0.1)


def test_the_filters_equal_the_recursion_of_the_tables(rng):
    noise = rng.standard_normal((20000, 2))
    shelf = lfilter([1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585], noise, axis=0)  # fmt: skip # noqa: E501
    expected = lfilter([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], shelf, axis=0)
    np.testing.assert_allclose(k_weighted(noise, 48000), expected, atol=1e-6)


def test_short_sounds_are_followed_by_silence_and_silence_has_no_loudness():
    burst = sine(997, 0.1, 16000)
    assert integrated_loudness(burst, 16000) == pytest.approx(-3.01 - 6.02, abs=0.1)
    assert integrated_loudness(np.zeros(9), 16000) == -np.inf
    with pytest.raises(ValueError, match=r"audio has shape \(0,\); expected \[samples\]"):
        integrated_loudness(np.zeros(0), 16000)
