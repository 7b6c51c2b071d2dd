import numpy as np
import pytest

from tf_audio_gan.audio.reverberation import impulse_response, longest_response, reverberate


@pytest.mark.parametrize(
    "time, ratio, rt60, db", [(0.0, 0.0, 0.1, 0.0), (0.5, 0.25, 0.3, 3.0), (0.999, 1.0, 0.5, 12.0)]
)
def test_a_room_has_the_time_and_the_ratio_that_were_drawn(rng, time, ratio, rt60, db):
    response = impulse_response(np.array([time, ratio, *rng.uniform(size=longest_response(16000))]), 16000)
    assert response[0] == 1 and not response[1:40].any() and len(response) <= longest_response(16000)
    assert -10 * np.log10(np.sum(response[1:] ** 2)) == pytest.approx(db, abs=1e-6)
    left = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1])  # Schroeder's decay curve
    times = np.arange(len(response)) / 16000
    decay = (left > left[40] - 25) & (left < left[40] - 5)
    assert -60 / np.polyfit(times[decay], left[decay], 1)[0] == pytest.approx(rt60, rel=0.1)


def test_sound_in_a_room_is_the_convolution(rng):
    audio, response = rng.uniform(-0.5, 0.5, 300), rng.uniform(-0.5, 0.5, 77)
    wet = reverberate(audio, response)
    assert wet.dtype == np.float32
    np.testing.assert_allclose(wet, np.convolve(audio, response)[:300], atol=1e-5)
