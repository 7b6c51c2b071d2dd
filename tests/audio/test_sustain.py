"""Notes longer than they were made."""

import numpy as np
import pytest

from tf_audio_gan.audio.sustain import sustained

RATE = 8000
TIME = np.arange(40_000) / RATE


@pytest.mark.parametrize("frequency", [55.0, 110.3, 261.63, 523.25, 1975.5])
def test_a_tone_goes_on_without_a_click(frequency):
    tone = np.sin(2 * np.pi * frequency * TIME)
    made = sustained(tone[:RATE], 6000, 40_000)
    np.testing.assert_array_equal(made[:4000], tone[:4000])
    assert np.abs(np.diff(made)).max() < 1.02 * np.abs(np.diff(tone)).max()
    power = np.convolve(made**2, np.ones(1600) / 1600, "valid")
    np.testing.assert_allclose(power, 0.5, rtol=0.05)
    found = np.fft.rfftfreq(32_768, 1 / RATE)[np.abs(np.fft.rfft(made[6000:38_768])).argmax()]
    assert abs(1200 * np.log2(found / frequency)) < max(5.0, 1200 * np.log2(1 + 0.5 * RATE / 32_768 / frequency))


def test_a_decaying_note_decays_on():
    note = np.exp(-2 * TIME[:RATE]) * np.sin(2 * np.pi * 220 * TIME[:RATE])
    made = sustained(note, 6000, 40_000)
    level = np.log(np.sqrt(np.mean(made.reshape(-1, 2000) ** 2, axis=1)))
    np.testing.assert_allclose(np.diff(level), -2 * 2000 / RATE, atol=0.02)


def test_a_growing_note_does_not_grow_on():
    note = np.exp(TIME[:RATE]) * np.sin(2 * np.pi * 220 * TIME[:RATE])
    made = sustained(note, 6000, 40_000)
    assert np.abs(made).max() <= np.abs(note[:6000]).max() * (1 + 1e-9)


def test_noise_goes_on_as_loud(rng):
    made = sustained(rng.normal(size=RATE), 6000, 40_000)
    assert 0.7 < np.sqrt(np.mean(made.reshape(-1, 800) ** 2, axis=1)).min()


def test_silence_short_notes_and_refusals():
    assert not sustained(np.zeros(100), 64, 1000).any()
    np.testing.assert_array_equal(sustained(TIME[:100], 64, 40), TIME[:40])
    for held in (31, 101):
        with pytest.raises(ValueError, match=f"from 32 to the note's 100 samples. Received: held={held}"):
            sustained(TIME[:100], held, 1000)
