import sys

import numpy as np
import pytest

from tests.metrics.voices import noisy, voice
from tf_audio_gan.metrics.pairs import PAIR_METRICS, align, measure_pair, missing_extra

CLEAN = voice(1.0)
ROOM = 5e-3 * np.random.default_rng(2).standard_normal(len(CLEAN))  # as in a recording: the composites are not at 1
CHEAP = ["segmental_snr", "si_sdr", "llr", "mel_l1"]


@pytest.mark.parametrize("metric", PAIR_METRICS.values(), ids=lambda m: m.name)
def test_noise_moves_every_metric_the_right_way(metric):
    if missing_extra(metric):
        pytest.skip(missing_extra(metric))
    clean = CLEAN + ROOM
    rows = [measure_pair(clean, noisy(clean, snr), 16000, [metric]) for snr in (20, 10, 0)]
    assert metric.better == next(iter(metric.columns.values()))[1] and set(metric.tasks) <= {"vocoding", "enhancement"}
    for column, (_, better) in metric.columns.items():
        values = np.array([row[column] for row in rows])
        steps = np.diff(values) * (1 if better == "lower" else -1)
        if column != "log_f0_rmse_harvest":  # a handful of frames an octave off decide it, at any level of noise
            assert steps.sum() > 0, (column, values)
        assert np.isfinite(values).all() and ((steps >= 0).all() or metric.name.startswith("f0")), (column, values)
    assert all(list(row) == list(metric.columns) for row in rows)


def test_one_row_in_the_order_asked_for():
    row = measure_pair(CLEAN, CLEAN, 16000, [*CHEAP, PAIR_METRICS["multi_resolution_stft"]])
    assert list(row) == [*CHEAP, "spectral_convergence", "log_magnitude"]
    assert row["si_sdr"] == 100 and row["mel_l1"] == 0 and all(isinstance(v, float) for v in row.values())


def test_reasons_of_nan_are_collected():
    reasons = []
    row = measure_pair(0 * CLEAN, CLEAN, 16000, CHEAP, reasons)
    assert np.isnan(list(row.values())).all()
    assert reasons == [f"{name} is NaN: the reference is digital silence" for name in CHEAP]
    with pytest.warns(UserWarning, match="llr is NaN"):
        measure_pair(0 * CLEAN, CLEAN, 16000, ["llr"])


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert missing_extra(PAIR_METRICS["pesq"]) == "pesq: skipped, needs pip install 'tf-audio-gan[pesq]'"
    assert missing_extra("composite") == "composite: skipped, needs pip install 'tf-audio-gan[pesq]'"
    assert missing_extra("llr") is None
    with pytest.raises(ImportError, match=r"PESQ needs pesq .*tf-audio-gan\[pesq\]"):
        measure_pair(CLEAN, CLEAN, 16000, ["pesq"])


def test_align():
    a, b = align(np.arange(100.0), np.arange(96.0), tolerance=4)
    assert len(a) == len(b) == 96 and a[-1] == b[-1] == 95
    with pytest.raises(ValueError, match="100 samples, the estimate 95; expected a difference of at most 4"):
        align(np.arange(100.0), np.arange(95.0), tolerance=4)


@pytest.mark.parametrize(
    "reference, estimate, rate, message",
    [
        (CLEAN, CLEAN[1:], 16000, "the reference has 16000 samples, the estimate 15999; expected one length"),
        (CLEAN, CLEAN[:, None], 16000, r"the estimate has shape \(16000, 1\); expected \[samples\]"),
        (CLEAN[:0], CLEAN[:0], 16000, r"the reference has shape \(0,\)"),
        (CLEAN, np.where(np.arange(16000) == 7, np.nan, CLEAN), 16000, "the estimate holds nan at sample 7"),
        ((CLEAN * 32768).astype(np.int16), CLEAN, 16000, "holds int16; expected floats in .-1, 1. .divide 16-bit"),
        (CLEAN, CLEAN, 0, "sample_rate is 0; expected a positive whole number of Hz"),
    ],
)
def test_what_is_not_a_pair_is_refused(reference, estimate, rate, message):
    for metric in (PAIR_METRICS["llr"], PAIR_METRICS["mel_l1"]):
        with pytest.raises(ValueError, match=message):
            metric.function(reference, estimate, rate)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="no metric 'mos'; there are pesq, composite, segmental_snr"):
        measure_pair(CLEAN, CLEAN, 16000, ["mos"])
