from pathlib import Path

import numpy as np
import pytest

from tests.metrics.voices import noisy, voice
from tf_audio_gan.metrics.cepstral import mcd, mel_cepstra
from tf_audio_gan.metrics.pair_rules import UndefinedMetric
from tf_audio_gan.metrics.vocoding import (
    RESOLUTIONS,
    f0_harvest,
    f0_yin,
    log_magnitude,
    log_spectral_distance,
    mel_l1,
    multi_resolution_stft,
    spectral_convergence,
    stft_magnitude,
)

FIXTURE = Path(__file__).parents[1] / "fixtures" / "multi_resolution_stft_loss.npz"
RATE = 22050
CLEAN = voice(1.0, RATE)
NOISY = noisy(CLEAN, 10)


@pytest.fixture
def pysptk():
    return pytest.importorskip("pysptk", reason="MCD needs the extra eval")


@pytest.fixture(params=[f0_harvest, f0_yin], ids=["harvest", "yin"])
def f0(request):
    """A metric of pitch contours as (log f0 RMSE, V/UV error, voiced overlap)."""
    if request.param is f0_harvest:
        pytest.importorskip("pyworld", reason="Harvest needs the extra eval")
    return lambda a, b: tuple(request.param(a, b, 16000).values())


def buzz(hz, seconds=1.0):
    """A tone with 8 harmonics at 16 kHz."""
    t = np.arange(int(seconds * 16000)) / 16000
    return 0.3 * sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 9))


def test_multi_resolution_stft_agrees_with_the_reference_implementation():
    with np.load(FIXTURE) as data:
        prediction, target = data["prediction"], data["target"]
        expected = data["spectral_convergence"], data["log_magnitude"]
    pairs = [[stft_magnitude(x, *r) for x in (target, prediction)] for r in RESOLUTIONS]
    for measure, value in zip((spectral_convergence, log_magnitude), expected, strict=True):
        np.testing.assert_allclose(np.mean([measure(a, b) for a, b in pairs]), value, atol=1e-5)
    rows = [multi_resolution_stft(a, b, RATE) for a, b in zip(target, prediction, strict=True)]
    np.testing.assert_allclose(np.mean([row["log_magnitude"] for row in rows]), expected[1], atol=1e-5)
    ratios = sorted(row["spectral_convergence"] for row in rows)  # the fixture's is of the whole batch: between the two
    assert ratios[0] < expected[0] < ratios[1]


def test_mel_l1_agrees_with_librosa():
    import librosa

    mels = [
        librosa.feature.melspectrogram(y=x, sr=RATE, n_fft=1024, hop_length=256, n_mels=80, power=1)
        for x in (CLEAN, NOISY)
    ]
    expected = np.abs(np.diff(np.log(np.maximum(mels, 1e-5)), axis=0)).mean()
    np.testing.assert_allclose(mel_l1(CLEAN, NOISY, RATE), expected, rtol=1e-4)
    loud = NOISY + 0.1  # nowhere near the floor
    np.testing.assert_allclose(mel_l1(loud, 2 * loud, RATE), np.log(2), rtol=1e-3)


def test_log_spectral_distance_agrees_with_librosa_and_a_gain():
    import librosa

    levels = [10 * np.log10(np.maximum(np.abs(librosa.stft(x)) ** 2, 1e-10)) for x in (CLEAN, NOISY)]
    expected = np.sqrt(np.mean((levels[0] - levels[1]) ** 2, axis=0)).mean()
    np.testing.assert_allclose(log_spectral_distance(CLEAN, NOISY, RATE), expected, rtol=1e-4)
    np.testing.assert_allclose(log_spectral_distance(NOISY, 0.5 * NOISY, RATE), 6.0206, atol=1e-3)


def test_equal_signals_are_at_no_distance():
    assert mel_l1(CLEAN, CLEAN, RATE) == log_spectral_distance(CLEAN, CLEAN, RATE) == 0
    assert multi_resolution_stft(CLEAN, CLEAN, RATE) == {"spectral_convergence": 0.0, "log_magnitude": 0.0}


def test_mcd_of_a_filter_by_hand(pysptk):
    white = 0.1 * np.random.default_rng(0).standard_normal(16000)
    filtered = np.convolve(white, [1, 0.5])[:16000]  # cepstrum -(-0.5)^n / n
    n = np.arange(1, 21)
    expected = 10 / np.log(10) * np.sqrt(2 * np.sum((0.5**n / n) ** 2))
    assert abs(mcd(white, filtered, 16000, order=20, alpha=0.0) - expected) < 0.05 * expected


def test_mcd_variants_and_the_level(pysptk):
    steady = 0.1 * np.random.default_rng(0).standard_normal(8000)
    np.testing.assert_allclose(np.diff([mel_cepstra(g * steady, 23, 0.42)[:, 0] for g in (1, 2)], axis=0), np.log(2))
    assert mcd(steady, 2 * steady, 16000) < 1e-6  # c_0 alone has changed
    assert 3 < mcd(steady, 2 * steady, 16000, variant="pwg") <= 10 / np.log(10) * np.sqrt(2) * np.log(2) + 1e-6
    assert mcd(CLEAN, CLEAN, 16000) == mcd(CLEAN, CLEAN, 16000, variant="pwg") == 0


def test_warping_forgives_a_shift_and_alignment_does_not(pysptk):
    sound = voice(1.2, 16000)
    a, b = sound[:12288], sound[512 : 512 + 12288]  # two frames later
    assert mcd(a, b, 16000, variant="pwg") < 0.5 * mcd(a, b, 16000)


def test_mcd_without_a_value(pysptk):
    with pytest.warns(UndefinedMetric, match="no order and alpha are agreed on for 8000 Hz .known: 16000, 22050"):
        assert np.isnan(mcd(CLEAN, NOISY, 8000))
    with pytest.warns(UndefinedMetric, match="1000 samples; one window needs 1024"):
        assert np.isnan(mcd(CLEAN[:1000], NOISY[:1000], RATE))
    with pytest.raises(ValueError, match="variant is 'dtw'; expected 'aligned' or 'pwg'"):
        mcd(CLEAN, NOISY, RATE, variant="dtw")


def test_contours_a_semitone_apart(f0):
    rmse, error, overlap = f0(buzz(120), buzz(120 * 2 ** (1 / 12)))
    np.testing.assert_allclose(rmse, np.log(2) / 12, rtol=0.03)
    assert error < 0.05 and overlap > 0.95
    assert f0(buzz(120), buzz(120)) == (0.0, 0.0, 1.0)


def test_a_voice_lost_halfway(f0):
    half = np.where(np.arange(16000) < 8000, buzz(120), 0.0)
    rmse, error, overlap = f0(buzz(120), half)
    assert rmse < 0.02 and abs(error - 0.5) < 0.06 and abs(overlap - 0.5) < 0.06


def test_contours_without_a_common_frame(f0):
    with pytest.warns(UndefinedMetric, match="log_f0_rmse_.* is NaN: no frame is voiced in both"):
        rmse, error, overlap = f0(buzz(120), np.zeros(16000))
    assert np.isnan(rmse) and error > 0.9 and overlap == 0


def test_clips_too_short_for_the_windows():
    with pytest.warns(UndefinedMetric, match="the clip has 1024 samples; the longest window needs more than 1024"):
        assert np.isnan(list(multi_resolution_stft(CLEAN[:1024], NOISY[:1024], RATE).values())).all()
