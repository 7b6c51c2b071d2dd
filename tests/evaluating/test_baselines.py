"""The floors: noise with the right levels and decays, Griffin-Lim against librosa's slower way."""

import numpy as np

from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.evaluating import baselines
from tf_audio_gan.metrics.spectral import level_db, log_mel, time_centroid


def hits(n):
    return np.stack([np.pad(a[:8000], ((0, 8000 - len(a[:8000])), (0, 0))) for _, a in drum_hits(n)])


def test_noise_has_the_levels_and_decays_of_the_real_clips(rng):
    real = np.concatenate([hits(10), np.zeros((1, 8000, 1), np.float32)])
    shaped, steady = baselines.shaped_noise(real, 16000, rng), baselines.steady_noise(real, rng)
    for noise in (shaped, steady):
        np.testing.assert_allclose(level_db(noise), level_db(real), atol=0.3)
        assert noise.dtype == np.float32 and np.abs(noise).max() <= 1
    np.testing.assert_allclose(time_centroid(shaped, 16000)[:10], time_centroid(real, 16000)[:10], rtol=0.25)
    np.testing.assert_allclose(time_centroid(steady, 16000)[:10], 0.25, atol=0.02)


def voice(seconds=0.6, rate=16000):
    """Harmonics of a gliding 120 Hz, softer upwards: speech enough for a vocoder."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(4 * t)) / rate
    return (0.3 * sum(np.sin(k * phase) / k for k in range(1, 30))).astype(np.float32) / 2


def test_griffin_lim_keeps_the_mel_spectrogram_about_as_well_as_librosas_slow_inverse():
    import librosa

    audio = voice()
    known = baselines.griffin_lim_settings(16000)
    assert (known["n_fft"], known["hop_length"], known["n_mels"]) == (1024, 256, 80)
    ours = baselines.griffin_lim(audio, 16000)
    options = {"sr": 16000, "n_fft": 1024, "hop_length": 256}
    mel = librosa.feature.melspectrogram(y=audio, power=1.0, n_mels=80, **options)
    theirs = librosa.feature.inverse.mel_to_audio(mel, power=1.0, length=len(audio), **options)

    def error(estimate):
        a, b = (np.maximum(log_mel(x[None, :, None], 16000), -40) for x in (audio, estimate))
        return np.abs(a - b).mean()

    assert len(ours) == len(audio) and error(ours) < 1.2 * error(theirs) < error(np.zeros_like(audio)) / 3
    np.testing.assert_array_equal(ours, baselines.griffin_lim(audio, 16000))
    assert np.abs(ours - baselines.griffin_lim(audio, 16000, seed=1)).max() > 0.01
    assert len(baselines.griffin_lim(audio[:100], 16000)) == 100, "shorter than a window"


def test_the_noisy_floor_is_at_0_db(rng):
    clean = 0.1 * voice()
    noise = baselines.noisy(clean, rng) - clean
    assert abs(10 * np.log10(np.mean(clean**2) / np.mean(noise**2))) < 0.2
    assert np.abs(baselines.noisy(voice() / np.abs(voice()).max(), rng)).max() <= 1
