import sys
import types

import numpy as np
import pytest

from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.metrics.sets import SET_METRICS, SoundSet, measure_sets, missing_input
from tf_audio_gan.metrics.spectral import level_db, mel_distances

RATE = 16000


def hits(n, seed):
    clips = [audio[:4096] for _, audio in drum_hits(n, seed=seed)]
    return np.stack([np.pad(clip, ((0, 4096 - len(clip)), (0, 0))) for clip in clips])


def judged(audio, seed, sharpness=0.1):
    """A set with made-up predictions of three classes, right where they are sharp."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, len(audio))
    predicted = (1 - sharpness) * np.eye(3)[labels] + sharpness / 3
    return SoundSet(
        audio, RATE, labels=labels, probabilities=predicted, judge_features=rng.normal(size=(len(audio), 4))
    )


@pytest.fixture(scope="module")
def sets():
    audio = hits(120, 0)
    noise = 0.1 * np.random.default_rng(0).standard_normal((60, 4096, 1))
    return {
        "real": judged(audio[:60], 0),
        "like": judged(audio[60:], 1),
        "one": judged(np.repeat(audio[60:61], 60, axis=0), 2),
        "noise": judged(noise, 3, sharpness=0.9),
    }


@pytest.fixture(scope="module")
def tables(sets):
    return {name: measure_sets(sets["real"], sets[name]) for name in ("like", "one", "noise")}


def test_every_metric_but_pitch_is_measured_with_its_interval(tables):
    like = tables["like"]
    assert set(like) == {name for name, metric in SET_METRICS.items() if metric.needs != "pitch"}
    for name, measured in like.items():
        if name == "fd_mel_infinity":
            assert np.isnan(measured.value) and measured.note == "needs 256 clips in each set, has 60"
        elif name not in ("ndb", "ndb_share"):
            assert measured.low <= measured.value <= measured.high, name
            assert measured.n == 60
    assert like["fd_mel"].note.startswith("60 rows for 128 dimensions: covariances shrunk")
    assert (
        like["ndb"].note == "0.3 by chance; k = 6, n = 60, m = 60" and like["ndb"].value == 6 * like["ndb_share"].value
    )


def test_they_order_real_before_repeated_before_noise(tables):
    like, one, noise = (tables[name] for name in ("like", "one", "noise"))
    for name in ("mel_distance", "covered", "fd_mel", "kd_mel", "ndb", "js", "d_train"):
        assert like[name].value < noise[name].value, name
    for name in ("covered", "fd_mel", "kd_mel", "ndb", "js"):
        assert like[name].value < one[name].value, name
    assert one["d_self"].value == 0 < like["d_self"].value
    assert like["prediction_entropy"].value < noise["prediction_entropy"].value and like["accuracy"].value == 1.0


def test_values_are_those_of_the_functions(sets, tables):
    real, fake, like = sets["real"], sets["like"], tables["like"]
    np.testing.assert_allclose(like["level_db"].per_clip, level_db(fake.audio))
    distances = mel_distances(fake.audio, real.audio, RATE)
    np.testing.assert_allclose(like["mel_distance"].per_clip, distances.min(axis=1), rtol=1e-5)
    assert np.isclose(like["covered"].value, distances.min(axis=0).mean()) and like["covered"].per_clip is None
    again = measure_sets(SoundSet(real.audio, RATE), SoundSet(fake.audio, RATE), ["fd_mel", "d_train", "js"])
    assert list(again) == ["fd_mel", "d_train", "js"] and all(again[name] == like[name] for name in again)


def test_what_depends_on_another_set_is_not_remembered_for_the_wrong_one(sets):
    fake = SoundSet(sets["like"].audio, RATE)
    first = measure_sets(sets["real"], fake, ["mel_distance", "js"])
    other = measure_sets(sets["noise"], fake, ["mel_distance", "js"])
    assert other["mel_distance"].value != first["mel_distance"].value and other["js"].value != first["js"].value
    assert measure_sets(sets["real"], fake, ["mel_distance", "js"]) == first


def test_silent_clips_are_counted_and_left_out():
    audio = hits(6, 0)
    audio[1] = 0
    measured = measure_sets(SoundSet(audio, RATE), SoundSet(audio, RATE), ["flatness", "centroid_s"])
    for column in measured.values():
        assert column.n == 5 and column.note == "1 of 6 clips are silent, left out" and np.isnan(column.per_clip[1])
    silence = SoundSet(np.zeros_like(audio), RATE)
    assert measure_sets(silence, silence, ["flatness"])["flatness"].note == "all 6 clips are silent"


def test_two_clips_are_enough_not_to_fail():
    few = measure_sets(*(judged(hits(2, seed), seed) for seed in (0, 1)))
    assert few["ndb"].note == "needs 20 clips, has 2" and few["is_clf"].note == "needs 20 clips, has 2"
    assert few["fd_mel"].value > 0 and few["fd_mel"].low is None
    alone = measure_sets(*(judged(hits(1, seed), seed) for seed in (0, 1)))
    assert np.isnan(alone["d_self"].value) and alone["d_train"].value > 0 and alone["level_db"].low is None


def test_a_judge_of_many_dimensions_is_measured_without_an_interval():
    rng = np.random.default_rng(0)
    real, fake = (SoundSet(hits(300, 0)[:, :300], RATE, judge_features=rng.normal(size=(300, 700))) for _ in "ab")
    measured = measure_sets(real, fake, ["fd_clf"])["fd_clf"]
    assert measured.value > 0 and measured.low is None and measured.note.endswith("no interval above 512 dimensions")


def test_infinity_needs_256_clips_and_removes_the_bias():
    rng = np.random.default_rng(0)
    real, fake = (
        SoundSet(rng.standard_normal((260, 1200, 1)) * rng.uniform(0.01, 0.1, (260, 1, 1)), RATE) for _ in "ab"
    )
    table = measure_sets(real, fake, ["fd_mel", "fd_mel_infinity"])
    assert table["fd_mel_infinity"].value < 0.5 * table["fd_mel"].value
    widths = [measured.high - measured.low for measured in table.values()]
    assert widths[0] > 0 and np.isclose(widths[1], widths[0])


def test_f0_against_the_pitch_asked_for(monkeypatch):
    errors = {
        "cents": np.array([0, -30, 1200, np.nan]),
        "correct": np.array([1.0, 1, 0, 0]),
        "octave_error": np.array([0.0, 0, 1, 0]),
    }
    estimator = types.SimpleNamespace(pitch_errors=lambda audio, pitch, sample_rate: errors)
    monkeypatch.setitem(sys.modules, "tf_audio_gan.metrics.pitch", estimator)
    notes = SoundSet(hits(4, 0), RATE, pitches=[69, 69, 69, 69])
    table = measure_sets(SoundSet(hits(4, 1), RATE), notes, ["f0_cents", "f0_within_50_cents", "f0_octave_errors"])
    np.testing.assert_allclose(table["f0_cents"].per_clip, [0, 30, 1200, np.nan], atol=1e-9)
    assert table["f0_cents"].n == 3 and table["f0_cents"].note == "1 of 4 clips are without a fundamental, left out"
    assert table["f0_within_50_cents"].value == 0.5 and table["f0_within_50_cents"].n == 4
    assert table["f0_octave_errors"].value == 0.25


def test_refusals(sets):
    bare = SoundSet(sets["like"].audio, RATE)
    assert missing_input(SET_METRICS["accuracy"], bare, bare) == (
        "the sets lack fake.probabilities, fake.labels: give labels and a judge"
    )
    assert missing_input(SET_METRICS["is_clf"], bare, sets["like"]) == ""
    with pytest.raises(ValueError, match="fd_clf: the sets lack fake.judge_features: give a judge"):
        measure_sets(sets["real"], bare, ["fd_clf"])
    with pytest.raises(ValueError, match="unknown metrics fid; expected some of level_db, "):
        measure_sets(bare, bare, ["fid"])
    with pytest.raises(ValueError, match=r"sets of \(4096, 1\) at 16000 Hz, \(4000, 1\) at 8000 Hz"):
        measure_sets(bare, SoundSet(bare.audio[:, :4000], 8000))
    with pytest.raises(ValueError, match="59 names for 60 clips"):
        SoundSet(bare.audio, RATE, names=["a"] * 59)
    with pytest.raises(ValueError, match=r"audio has shape \(4096, 1\)"):
        SoundSet(bare.audio[0], RATE)
    with pytest.raises(ValueError, match=r"clips \[2\] hold NaN"):
        SoundSet(np.where(np.arange(60)[:, None, None] == 2, np.nan, bare.audio), RATE)
