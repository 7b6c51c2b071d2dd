import numpy as np
import pytest

from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.metrics.spectral import (
    level_db,
    log_mel,
    mel_distance,
    mel_distances,
    peak_db,
    spectral_flatness,
    time_centroid,
)

RNG = np.random.default_rng(0)
NOISE = RNG.uniform(-0.5, 0.5, (3, 12000, 1)).astype(np.float32)
SINE = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)[None, :, None]


def hits(n, seed):
    clips = [audio[:8192] for _, audio in drum_hits(n, seed=seed)]
    return np.stack([np.pad(clip, ((0, 8192 - len(clip)), (0, 0))) for clip in clips])


def test_flatness_agrees_with_librosa_over_audible_frames():
    import librosa

    expected = [librosa.feature.spectral_flatness(y=clip[:, 0])[0].mean() for clip in NOISE]
    np.testing.assert_allclose(spectral_flatness(NOISE), expected, rtol=1e-4)
    padded = np.pad(NOISE, ((0, 0), (0, 40 * 512), (0, 0)))  # silence after a sound is not part of the sound
    frames = librosa.feature.spectral_flatness(y=padded[0, :, 0])[0]
    loud = librosa.feature.rms(y=padded[0, :, 0])[0] > 0
    assert abs(spectral_flatness(padded)[0] - frames[loud].mean()) < 0.01 and frames.mean() > 0.8


def test_flatness_tells_noise_from_a_sine_and_silence_from_both():
    assert 0.54 < spectral_flatness(RNG.standard_normal((1, 60000, 1)))[0] < 0.58
    assert spectral_flatness(SINE)[0] < 1e-3
    assert np.isnan(spectral_flatness(np.zeros((1, 4000, 1)))[0])


def test_levels_by_hand():
    np.testing.assert_allclose(level_db(SINE), [10 * np.log10(0.5)], atol=1e-4)
    np.testing.assert_allclose(peak_db(0.1 * SINE), [-20.0], atol=1e-4)
    assert level_db(np.zeros((1, 9, 2))) == peak_db(np.zeros((1, 9, 2))) == [-120.0]


def test_time_centroid_by_hand():
    t = np.arange(32000) / 16000
    decay = np.exp(-t / 0.1)[None, :, None]
    np.testing.assert_allclose(time_centroid(decay, 16000), [0.05], rtol=1e-3)
    np.testing.assert_allclose(time_centroid(SINE, 16000), [0.5], rtol=1e-3)
    assert np.isnan(time_centroid(np.zeros((1, 10, 1)), 16000)[0])


def test_log_mel_agrees_with_librosa():
    import librosa

    mel = log_mel(NOISE, 22050, n_fft=512, hop_length=128, n_mels=40)
    expected = librosa.feature.melspectrogram(y=NOISE[1, :, 0], sr=22050, n_fft=512, hop_length=128, n_mels=40)
    np.testing.assert_allclose(mel[1], librosa.power_to_db(expected, top_db=None).T, atol=1e-3)


def test_a_gain_is_its_decibels_away():
    np.testing.assert_allclose(mel_distances(NOISE[:1], 0.5 * NOISE[:1], 16000), [[6.0206]], atol=1e-3)
    assert mel_distance(NOISE, NOISE[::-1], 16000) == 0.0
    distances = mel_distances(NOISE, NOISE, 16000)
    np.testing.assert_allclose(distances, distances.T, atol=1e-4)


def test_silence_around_a_sound_does_not_dilute_the_distance():
    pad = ((0, 0), (0, 60 * 256), (0, 0))
    short = mel_distances(NOISE[:1], NOISE[1:2], 16000)[0, 0]
    long = mel_distances(np.pad(NOISE[:1], pad), np.pad(NOISE[1:2], pad), 16000)[0, 0]
    assert abs(long - short) < 0.15 * short
    assert mel_distance(np.zeros((1, 900, 1)), np.zeros((1, 900, 1)), 16000) == 0.0


def test_it_orders_drum_sets_and_finds_a_repeated_hit():
    real, other, repeated = hits(30, 0), hits(30, 1), np.repeat(hits(1, 2), 30, axis=0)
    noise = 0.1 * RNG.standard_normal(real.shape)
    like, unlike, silent = (mel_distance(x, real, 16000) for x in (other, noise, np.zeros_like(real)))
    assert like < 0.6 * unlike and like < 0.5 * silent
    assert mel_distance(real, repeated, 16000) > 2 * mel_distance(real, other, 16000)


def test_refusals():
    with pytest.raises(ValueError, match=r"shape \(3, 12000\); expected \[clips, samples, channels\]"):
        level_db(NOISE[..., 0])
    with pytest.raises(ValueError, match=r"clips \[1\] hold NaN"):
        log_mel(np.where(np.arange(3)[:, None, None] == 1, np.nan, NOISE), 16000)
    with pytest.raises(ValueError, match="clips of 12000 and 11000 samples; expected two sets of one length"):
        mel_distance(NOISE, NOISE[:, :11000], 16000)
