"""Pairs of files: matched by name, measured in processes, failures named."""

import math

import numpy as np
import pytest
import soundfile

from tf_audio_gan.evaluating import pairing, pairs
from tf_audio_gan.evaluating.local_models import LocalModels

RATE = 16000


def speech_like(rng, seconds=1.0):
    t = np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20)) * (0.2 + np.abs(np.sin(9 * t)))
    return (0.1 * voice + 0.001 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture
def folders(tmp_path, rng):
    """Three references in two folders; estimates at 20 dB and a few samples longer, in other formats."""
    for i, name in enumerate(("a/one", "a/two.take", "b/one")):
        clean = speech_like(rng, 0.9 + 0.1 * i)
        noise = rng.standard_normal(len(clean)) * np.sqrt(np.mean(clean**2))
        for kind, level in (("clean", 0.0), ("estimate", 0.1), ("noisy", 1.0)):
            path = tmp_path / kind / (name + (".wav" if kind == "clean" else ".flac"))
            path.parent.mkdir(parents=True, exist_ok=True)
            sound = clean + level * noise if level else clean
            soundfile.write(path, np.pad(sound, (0, 100 if kind == "estimate" else 0)) / 2, RATE)
    return tmp_path


def test_files_match_by_their_path_without_extension(folders, rng):
    soundfile.write(folders / "clean" / "b" / "alone.wav", speech_like(rng), RATE)
    soundfile.write(folders / "estimate" / "one.wav", speech_like(rng), RATE)
    found = pairing.match(folders / "clean", folders / "estimate", folders / "noisy")
    assert found.names == ["a/one", "a/two.take", "b/one"]
    assert [path.suffix for path in found.files["a/two.take"]] == [".wav", ".flac", ".flac"]
    assert found.unmatched == [("reference", "b/alone"), ("estimate", "one")]
    assert pairing.match(folders / "clean", folders / "estimate").files["b/one"][2] is None


def test_no_match_two_of_a_name_and_two_rates_are_refused(folders, rng):
    (folders / "other").mkdir()
    soundfile.write(folders / "other" / "x.wav", speech_like(rng), RATE)
    with pytest.raises(ValueError, match=r"no two files match by name: 3 in .*clean and 1 in .*other"):
        pairing.match(folders / "clean", folders / "other")
    soundfile.write(folders / "other" / "x.flac", speech_like(rng), 8000)
    with pytest.raises(ValueError, match="holds x.flac and x.wav: one name"):
        pairing.match(folders / "other", folders / "clean")
    soundfile.write(folders / "clean" / "b" / "one.wav", speech_like(rng), 8000)
    with pytest.raises(ValueError, match=r"8000 Hz \(1 files\), 16000 Hz \(2 files\). Choose one with --sample-rate"):
        pairing.common_rate(pairing.match(folders / "clean", folders / "estimate"))


def measured(folders, **options):
    given = {"noisy": folders / "noisy", "metrics": ["si_sdr", "segmental_snr"], "seed": 0, "sample_rate": None}
    found = pairs.Pairs(
        folders / "clean", folders / "estimate", "enhancement", models=LocalModels(), **(given | options)
    )
    return found, found.measure(workers=1, progress=False)


def test_numbers_lie_between_ceiling_and_floor(folders):
    found, (rows, columns, per_file, failed, _) = measured(folders)
    assert list(rows) == ["reference", "estimate", "noisy"] and not failed
    assert abs(rows["estimate"]["si_sdr"].value - 20) < 0.5 and abs(rows["noisy"]["si_sdr"].value) < 1
    assert rows["reference"]["segmental_snr"].value > rows["estimate"]["segmental_snr"].value
    one = next(r for r in per_file if r["set"] == "estimate" and r["file"] == "b/one")
    clean = soundfile.read(folders / "clean" / "b" / "one.wav")[0]
    estimate = soundfile.read(folders / "estimate" / "b" / "one.flac")[0][: len(clean)]
    clean, estimate = clean - clean.mean(), estimate - estimate.mean()
    target = clean * (estimate @ clean) / (clean @ clean)
    assert abs(one["si_sdr"] - 10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2))) < 1e-3
    values = [row["si_sdr"] for row in per_file if row["set"] == "estimate"]
    assert rows["estimate"]["si_sdr"].value == pytest.approx(np.mean(values))
    assert columns["si_sdr"] == {"metric": "si_sdr", "unit": "dB", "better": "higher"}
    assert found.roles == {"reference": "ceiling", "estimate": "evaluated", "noisy": "floor"}


def test_files_that_fail_are_named_and_the_others_measured(folders, rng):
    (folders / "estimate" / "a" / "one.flac").write_bytes(b"fLaC")
    soundfile.write(folders / "estimate" / "b" / "one.flac", speech_like(rng, 2.0), RATE)
    _, (rows, _, _, failed, _) = measured(folders)
    assert rows["estimate"]["si_sdr"].n == 1
    assert {name: reason.split(";")[0] for _, name, reason in failed}["b/one"].startswith(
        "the reference has 17600 samples"
    )
    assert "one.flac: cannot be decoded" in dict((name, reason) for _, name, reason in failed)["a/one"]
    (folders / "estimate" / "a" / "two.take.flac").write_bytes(b"")
    with pytest.raises(ValueError, match="none of the 3 pairs could be measured, the first a/one:"):
        measured(folders)


def test_the_floor_without_noisy_files_is_white_noise_and_of_vocoding_griffin_lim(folders):
    _, (rows, *_) = measured(folders, noisy=None)
    assert abs(rows["white noise"]["si_sdr"].value) < 1
    found = pairs.Pairs(folders / "clean", folders / "estimate", "vocoding", None, ["mel_l1"], 0, None, LocalModels())
    rows, *_ = found.measure(1, progress=False)
    assert rows["reference"]["mel_l1"].value == 0 < rows["Griffin-Lim"]["mel_l1"].value
    assert "80 bands, FFT 1024, hop 256" in found.plan.floor_in_words()
    found.draw(folders / "p.png")
    assert (folders / "p.png").stat().st_size > 20_000


def test_two_processes_measure_what_one_does(folders):
    found, (rows, *_) = measured(folders)
    again = found.measure(workers=2, progress=False)[0]
    assert {r: {c: m.value for c, m in found.items()} for r, found in rows.items()} == {
        r: {c: m.value for c, m in found.items()} for r, found in again.items()
    }


def test_undefined_values_are_left_out_and_counted():
    found = pairs.mean([1.0, math.nan, 3.0, 2.0])
    assert (found.value, found.n, found.note) == (2.0, 3, "undefined for 1 of 4 files")
    assert found.low < 2 < found.high
    nothing = pairs.mean([math.inf, math.nan])
    assert math.isnan(nothing.value) and nothing.n == 0


def test_a_metric_without_its_package_is_left_out_with_one_line(folders, monkeypatch):
    line = "si_sdr: skipped, needs pip install 'tf-audio-gan[eval]'"
    monkeypatch.setattr(pairs, "missing_extra", lambda metric: line if metric.name == "si_sdr" else None)
    found, (rows, *_) = measured(folders)
    assert found.left_out == [line] and list(rows["estimate"]) == ["segmental_snr"]
    with pytest.raises(ValueError, match="no metric can be measured: si_sdr: skipped, needs pip install"):
        measured(folders, metrics=["si_sdr"])


def test_unknown_metrics_and_tasks_name_those_there_are(folders):
    with pytest.raises(ValueError, match="there is no metric loudness. Metrics: pesq, composite"):
        measured(folders, metrics=["loudness"])
    with pytest.raises(ValueError, match="pairs must be one of vocoding, enhancement. Received: 'singing'"):
        pairs.Pairs(folders, folders, "singing", None, None, 0, None, LocalModels())
    with pytest.raises(ValueError, match="there is no metric si_sdr"):
        pairs.Pairs(folders, folders, "vocoding", None, ["si_sdr"], 0, None, LocalModels())
