import numpy as np
import pytest

from tf_audio_gan.metrics.pitch import VOICED_BELOW, cents, note_f0, pitch_errors, yin

RNG = np.random.default_rng(0)


def note(pitch, sample_rate=16000, seconds=0.6, partials=10):
    """A decaying note of harmonics 1/k below half the sample rate."""
    t, hz = np.arange(int(seconds * sample_rate)) / sample_rate, 440 * 2 ** ((pitch - 69) / 12)
    harmonics = [k for k in range(1, partials + 1) if k * hz < 0.45 * sample_rate]
    return np.exp(-3 * t) * sum(0.2 / k * np.sin(2 * np.pi * k * hz * t + k) for k in harmonics)


@pytest.mark.parametrize("hz", [55.0, 120.0, 441.3, 780.0])
def test_tones(hz):
    t = np.arange(16000) / 16000
    f0, aperiodicity = yin(0.1 * np.sin(2 * np.pi * hz * t), 16000)
    inner = slice(4, -4)
    assert f0.shape == aperiodicity.shape == (63,)
    np.testing.assert_allclose(f0[inner], hz, rtol=2e-3)
    assert aperiodicity[inner].max() < 0.01


def test_a_glide_is_followed_in_time():
    t = np.arange(16000) / 16000
    glide = np.sin(2 * np.pi * np.cumsum(150 + 100 * t) / 16000)
    f0, _ = yin(glide, 16000, hop_length=160)
    at = np.arange(len(f0)) * 0.01
    np.testing.assert_allclose(f0[5:-5], (150 + 100 * at)[5:-5], rtol=0.006)


def test_noise_and_silence_are_not_voiced():
    for sound in (0.1 * RNG.standard_normal(16000), np.zeros(16000)):
        assert np.mean(yin(sound, 16000)[1] < VOICED_BELOW) < 0.02
    assert (yin(np.zeros(3000), 16000)[1] == 1).all()


@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_notes_over_the_keyboard_to_a_few_cents(sample_rate):
    pitches = np.arange(21, 109, 8)
    clips = np.stack([note(p, sample_rate) for p in pitches])[..., None]
    np.testing.assert_allclose(cents(note_f0(clips, sample_rate), pitches), 0, atol=4)


def test_cents_by_hand():
    np.testing.assert_allclose(cents([440, 880, 440 * 2 ** (1 / 12)], [69, 69, 70]), [0, 1200, 0], atol=1e-9)


def test_pitch_errors_tell_octaves_from_wrong_notes():
    clips = np.stack([note(60), note(60), note(60), 0 * note(60), 0.1 * RNG.standard_normal(9600)])[..., None]
    errors = pitch_errors(clips, [60, 72, 61, 60, 60], 16000)
    np.testing.assert_allclose(errors["cents"][:3], [0, -1200, -100], atol=4)
    assert np.isnan(errors["cents"][3:]).all() and np.isnan(errors["f0_hz"][3:]).all()
    np.testing.assert_array_equal(errors["correct"], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(errors["octave_error"], [0, 1, 0, 0, 0])


def test_refusals():
    with pytest.raises(ValueError, match="f0 from 40 to 9000 Hz; expected 0 < f0_min < f0_max < 8000"):
        yin(np.ones(1000), 16000, f0_min=40, f0_max=9000)
    with pytest.raises(ValueError, match=r"shape \(9600,\); expected \[clips, samples, channels\]"):
        note_f0(note(60), 16000)
    with pytest.raises(ValueError, match="1 clips and pitches of shape .2,.; expected one pitch for each clip"):
        pitch_errors(note(60)[None, :, None], [60, 61], 16000)
