import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from tests.metrics.voices import noisy, voice
from tf_audio_gan.metrics.enhancement import composite, llr, segmental_snr, si_sdr, wss
from tf_audio_gan.metrics.pair_rules import UndefinedMetric

RATE = 16000
CLEAN = voice()
NOISY = noisy(CLEAN, 10)
WINDOW = np.array([0.5 * (1 - np.cos(2 * np.pi * n / 481)) for n in range(1, 481)])


def loop_frames(a, b):
    """Windowed frames one by one, as the published recipe counts them."""
    for i in range(int(len(a) / 120 - 4)):
        yield a[120 * i : 120 * i + 480] * WINDOW, b[120 * i : 120 * i + 480] * WINDOW


def best(values):
    return np.mean(sorted(values)[: round(0.95 * len(values))])


def loop_llr(a, b, order=16):
    values = []
    for clean, processed in loop_frames(a, b):
        lags = [np.correlate(x, x, "full")[479 : 480 + order] for x in (clean, processed)]
        filters = [np.r_[1, -solve_toeplitz(r[:-1], r[1:])] for r in lags]
        matrix = np.array([[lags[0][abs(i - j)] for j in range(order + 1)] for i in range(order + 1)])
        values.append(np.log((filters[1] @ matrix @ filters[1]) / (filters[0] @ matrix @ filters[0])))
    return best(values)


def band_levels(frame):
    centres = [50 + 70 * i for i in range(8)] + [617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72]
    centres += [1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63]
    widths = [70] * 7 + [77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154, 183.457]
    widths += [199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136]
    power = np.abs(np.fft.fft(frame, 1024)[:512]) ** 2
    levels = []
    for centre, width in zip(centres, widths, strict=True):
        f0, bw = np.floor(centre / 8000 * 512), width / 8000 * 512
        gains = [np.exp(-11 * ((j - f0) / bw) ** 2 + np.log(70 / width)) for j in range(512)]
        energy = sum(g * p for g, p in zip(gains, power, strict=True) if g > np.exp(-30 / 4.606))
        levels.append(10 * np.log10(max(energy, 1e-10)))
    return levels


def slope_weights(levels):
    slopes, weights = np.diff(levels), []
    for i in range(24):
        n = i
        if slopes[i] > 0:
            while n < 24 and slopes[n] > 0:
                n += 1
            peak = levels[n - 1]
        else:
            while n >= 0 and slopes[n] <= 0:
                n -= 1
            peak = levels[n + 1]
        weights.append(20 / (20 + max(levels) - levels[i]) / (1 + peak - levels[i]))
    return np.array(weights)


def loop_wss(a, b):
    values = []
    for frames in loop_frames(a, b):
        x, y = (band_levels(frame) for frame in frames)
        weights = (slope_weights(x) + slope_weights(y)) / 2
        values.append((weights * (np.diff(x) - np.diff(y)) ** 2).sum() / weights.sum())
    return best(values)


def test_equal_signals():
    assert segmental_snr(CLEAN, CLEAN, RATE) == 35 and si_sdr(CLEAN, CLEAN, RATE) == 100
    assert llr(CLEAN, CLEAN, RATE) == wss(CLEAN, CLEAN, RATE) == 0


def test_segmental_snr_by_hand():
    np.testing.assert_allclose(segmental_snr(CLEAN, 1.1 * CLEAN, RATE), 20, atol=0.01)  # every frame's error is a tenth
    np.testing.assert_allclose(segmental_snr(CLEAN, 0 * CLEAN, RATE), 0, atol=1e-3)
    half = np.where(np.arange(len(CLEAN)) < 16000, CLEAN, 0.0)  # silence counts -10 although it is equal
    frames = int(len(CLEAN) / 120 - 4)
    sounding = sum(120 * i < 16000 for i in range(frames))
    expected = (35 * sounding - 10 * (frames - sounding)) / frames  # but for the frame where the sound ends
    np.testing.assert_allclose(segmental_snr(half, half, RATE), expected, atol=45 / frames)


def test_a_known_noise_level_comes_back():
    rng = np.random.default_rng(0)
    steady = 0.1 * rng.standard_normal(32000)
    for snr in (0, 10):
        estimate = noisy(steady, snr)
        np.testing.assert_allclose(segmental_snr(steady, estimate, RATE), snr, atol=0.1)
        np.testing.assert_allclose(si_sdr(steady, estimate, RATE), snr, atol=0.1)


def test_si_sdr_does_not_hear_gain_or_offset():
    value = si_sdr(CLEAN, NOISY, RATE)
    np.testing.assert_allclose(si_sdr(CLEAN, -0.01 * NOISY + 0.3, RATE), value, rtol=1e-9)
    tone, quarter = (np.sin(2 * np.pi * 100 * np.arange(16000) / 16000 + p) for p in (0, np.pi / 2))
    np.testing.assert_allclose(si_sdr(tone, tone + 0.1 * quarter, RATE), 20, atol=1e-6)  # orthogonal, a tenth of it
    assert si_sdr(CLEAN, np.zeros_like(CLEAN), RATE) == -100


def test_llr_agrees_with_a_solver_frame_by_frame():
    np.testing.assert_allclose(llr(CLEAN, NOISY, RATE), loop_llr(CLEAN, NOISY), rtol=1e-6)


def test_llr_of_a_one_pole_filter_by_hand():
    from scipy.signal import lfilter

    white = np.random.default_rng(0).standard_normal(64000)
    value = llr(white, lfilter([1], [1, -0.9], white), RATE)  # predictor [1, -0.9] on white noise: 1 + 0.81
    assert abs(value - np.log(1.81)) < 0.05
    np.testing.assert_allclose(llr(white, 3 * white, RATE), 0, atol=1e-9)


def test_llr_of_shared_digital_silence_is_none():
    half = np.where(np.arange(len(CLEAN)) < 16000, CLEAN, 0.0)
    assert llr(half, half, RATE) == 0
    assert np.isfinite(llr(half, noisy(half, 20), RATE)) and np.isfinite(llr(CLEAN, half, RATE))


def test_wss_agrees_with_loops():
    a, b = CLEAN[8000:11000], NOISY[8000:11000]
    np.testing.assert_allclose(wss(a, b, RATE), loop_wss(a, b), rtol=1e-9)


def test_wss_hears_slopes_and_not_gain():
    loud = 0.1 * np.random.default_rng(0).standard_normal(16000)
    np.testing.assert_allclose(wss(loud, 0.5 * loud, RATE), 0, atol=1e-9)


def test_other_rates_are_measured_at_16_or_8_khz():
    import soxr

    up = [soxr.resample(x, RATE, 48000) for x in (CLEAN, NOISY)]
    for metric in (segmental_snr, wss, si_sdr):
        np.testing.assert_allclose(metric(*up, 48000), metric(CLEAN, NOISY, RATE), rtol=0.05)
    down = [soxr.resample(x, RATE, 8000) for x in (CLEAN, NOISY)]
    assert 0 < llr(*down, 8000) < 3
    with pytest.raises(ValueError, match="4000 Hz; the metrics of enhanced speech expect at least 8000"):
        llr(CLEAN, NOISY, 4000)


def test_composite_is_its_published_sum():
    pesq = pytest.importorskip("pesq", reason="the composites need the extra pesq")
    assert composite(CLEAN, CLEAN, RATE) == {"csig": 5.0, "cbak": 5.0, "covl": 5.0}
    mos, a, b = pesq.pesq(RATE, CLEAN, NOISY, "wb"), llr(CLEAN, NOISY, RATE), wss(CLEAN, NOISY, RATE)
    snr = segmental_snr(CLEAN, NOISY, RATE)
    expected = {
        "csig": max(1, 3.093 - 1.029 * a + 0.603 * mos - 0.009 * b),
        "cbak": max(1, 1.634 + 0.478 * mos - 0.007 * b + 0.063 * snr),
        "covl": max(1, 1.594 + 0.805 * mos - 0.512 * a - 0.007 * b),
    }
    scores = composite(CLEAN, NOISY, RATE)
    assert scores == pytest.approx(expected, abs=1e-6) and 1 < scores["cbak"] < 5


@pytest.mark.parametrize("metric", [si_sdr, segmental_snr, llr, wss])
def test_a_silent_reference_has_no_value(metric):
    with pytest.warns(UndefinedMetric, match=f"{metric.__name__} is NaN: the reference is digital silence"):
        assert np.isnan(metric(np.zeros(8000), NOISY[:8000], RATE))


def test_clips_too_short_and_constant():
    with pytest.warns(UndefinedMetric, match="wss is NaN: the clip has 25.0 ms; one frame needs 37.5"):
        assert np.isnan(wss(CLEAN[:400], NOISY[:400], RATE))
    with pytest.warns(UndefinedMetric, match="the reference is constant"):
        assert np.isnan(si_sdr(np.full(800, 0.5), NOISY[:800], RATE))
