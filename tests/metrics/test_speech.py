import numpy as np
import pytest

from tests.metrics.voices import noisy, voice
from tf_audio_gan.metrics.pair_rules import UndefinedMetric
from tf_audio_gan.metrics.speech import estoi, pesq_nb, pesq_wb, stoi

RATE = 16000
CLEAN = voice()


@pytest.fixture
def pesq():
    return pytest.importorskip("pesq", reason="PESQ needs the extra pesq")


@pytest.fixture
def pystoi():
    return pytest.importorskip("pystoi", reason="STOI needs the extra eval")


def loud_frames(x, y):
    """Both signals at 10 kHz without the frames 40 dB under the reference's loudest, overlapped and added again."""
    window = np.sin(np.pi * np.arange(1, 257) / 257) ** 2
    starts = range(0, len(x) - 256, 128)
    energy = [20 * np.log10(np.linalg.norm(window * x[s : s + 256]) + 1e-300) for s in starts]
    kept = [s for s, e in zip(starts, energy, strict=True) if e > max(energy) - 40]
    out = np.zeros((2, 128 * (len(kept) + 1)))
    for i, s in enumerate(kept):
        out[:, 128 * i : 128 * i + 256] += window * np.stack([x[s : s + 256], y[s : s + 256]])
    return out


def bands(x):
    """Third-octave magnitudes [15, frames]."""
    window = np.sin(np.pi * np.arange(1, 257) / 257) ** 2
    bins = np.arange(257) * 10000 / 512
    edges = [np.abs(bins - 150 * 2 ** (k / 3 - 1 / 6)).argmin() for k in range(16)]
    frames = [np.abs(np.fft.rfft(window * x[s : s + 256], 512)) ** 2 for s in range(0, len(x) - 256, 128)]
    return np.array([[np.sqrt(f[a:b].sum()) for f in frames] for a, b in zip(edges, edges[1:], strict=False)])


def other_stoi(reference, estimate, extended):
    """STOI and ESTOI from the papers: correlation coefficients by numpy, segment by segment."""
    import soxr

    x, y = map(bands, loud_frames(*(soxr.resample(s, RATE, 10000, "HQ") for s in (reference, estimate))))
    scores = []
    for m in range(30, x.shape[1] + 1):
        a, b = x[:, m - 30 : m], y[:, m - 30 : m]
        if extended:
            a, b = ((s - s.mean(axis=1, keepdims=True)) / s.std(axis=1, keepdims=True) for s in (a, b))
            scores.append(np.mean([np.corrcoef(a[:, n], b[:, n])[0, 1] for n in range(30)]))
        else:
            b = b * np.linalg.norm(a, axis=1, keepdims=True) / np.linalg.norm(b, axis=1, keepdims=True)
            b = np.minimum(b, (1 + 10 ** (15 / 20)) * a)
            scores.append(np.mean([np.corrcoef(a[j], b[j])[0, 1] for j in range(15)]))
    return np.mean(scores)


def test_pesq_of_equal_signals_is_the_published_maximum(pesq):
    assert abs(pesq_wb(CLEAN, CLEAN, RATE) - 4.6439) < 1e-4
    assert abs(pesq_nb(CLEAN, 0.3 * CLEAN, RATE) - 4.5486) < 1e-3  # gain does not matter


def test_pesq_is_the_standards_at_its_own_rates(pesq):
    estimate = noisy(CLEAN, 15)
    assert pesq_wb(CLEAN, estimate, 16000) == pesq.pesq(16000, CLEAN, estimate, "wb")
    assert pesq_nb(CLEAN, estimate, 8000) == pesq.pesq(8000, CLEAN, estimate, "nb")


@pytest.mark.parametrize(
    "metric, reference, estimate, rate, reason",
    [
        (pesq_wb, CLEAN[:3000], CLEAN[:3000], 16000, "0.188 s; PESQ needs 0.25"),
        (pesq_wb, CLEAN, CLEAN, 8000, "the wideband scale starts at 16000 Hz and the clip has 8000"),
        (pesq_nb, CLEAN, 0 * CLEAN, 16000, "the estimate is digital silence"),
        (pesq_wb, 0 * CLEAN, CLEAN, 16000, "the reference is digital silence"),
        (pesq_wb, np.tile(CLEAN, 13), np.tile(CLEAN, 13), 16000, "the clip has 26.0 s; PESQ takes up to 25"),
        (
            pesq_wb,
            np.where(np.arange(16000) < 800, CLEAN[4000:20000], 0),
            CLEAN[:16000],
            16000,
            "PESQ finds no utterance",
        ),
    ],
)
def test_pesq_without_a_value_is_nan_and_never_0(pesq, metric, reference, estimate, rate, reason):
    with pytest.warns(UndefinedMetric, match=reason):
        assert np.isnan(metric(reference, estimate, rate))


def test_pesq_takes_the_longest_clip_with_the_most_utterances(pesq):
    t = np.arange(25 * RATE) / RATE  # two bursts a second; at 30 s the standard's program ends the process
    bursts = 0.1 * np.random.default_rng(0).standard_normal(len(t)) * (t % 0.5 < 0.25)
    assert 1 < pesq_wb(bursts, noisy(bursts, 20), RATE) < 4.6


@pytest.mark.parametrize("metric, extended", [(stoi, False), (estoi, True)])
def test_stoi_agrees_with_a_second_implementation(pystoi, metric, extended):
    for snr in (10, 0):
        estimate = noisy(CLEAN, snr)
        assert abs(metric(CLEAN, estimate, RATE) - other_stoi(CLEAN, estimate, extended)) < 5e-3
    np.testing.assert_allclose(metric(CLEAN, CLEAN, RATE), 1, atol=1e-9)


def test_stoi_without_enough_speech_is_nan(pystoi):
    reference = np.where(np.arange(32000) < 5000, CLEAN, 0.0)
    for clip in (slice(0, 32000), slice(0, 5000), slice(0, 10)):
        with pytest.warns(UndefinedMetric, match="fewer than 30 frames"):
            assert np.isnan(stoi(reference[clip] + 1e-9, CLEAN[clip], RATE))


def test_estoi_repeats_and_leaves_the_random_state_alone(pystoi):
    half = np.where(np.arange(32000) < 16000, CLEAN, 0.0)
    np.random.seed(5)
    first = estoi(CLEAN, half, RATE)
    after = np.random.random()
    assert estoi(CLEAN, half, RATE) == first
    np.random.seed(5)
    assert np.random.random() == after
