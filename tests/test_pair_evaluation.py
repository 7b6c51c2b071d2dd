"""Evaluations of enhancers: what stands in the table, on which mixtures, with which intervals, and what is refused."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile

from tests.stand_ins import Amplifier
from tf_audio_gan import SEGANPlus, evaluate, hub, zoo_evaluation
from tf_audio_gan.evaluating import cards, pairs
from tf_audio_gan.metrics.statistics import bootstrap_interval
from tf_audio_gan.zoo_evaluation import evaluate_again

RATE, SNR = 16000, [0.0, 10.0]
SDR = {"metrics": ["si_sdr"], "snr": SNR, "progress": False}


@pytest.fixture(autouse=True)
def few_pictures(one_process, monkeypatch):
    monkeypatch.setattr(pairs, "SHEET", 1)


@pytest.fixture(scope="module", name="places")
def some_folders(tmp_path_factory):
    """Four voices, white noise, both mixed at 5 dB (one file broken), and small presets."""
    base, rng = tmp_path_factory.mktemp("enhancers"), np.random.default_rng(0)
    for folder in ("clean", "noise", "noisy"):
        (base / folder).mkdir()
    for i in range(4):
        t = np.arange(int((0.5 + 0.1 * i) * RATE)) / RATE
        voice = sum(np.sin(2 * np.pi * (100 + 20 * i) * k * t) / k for k in range(1, 20))
        voice *= 0.1 * np.maximum(0, np.sin(2 * np.pi * 3 * t - 1.2 - 0.1 * i))  # a pause comes first
        soundfile.write(base / "clean" / f"voice{i}.wav", voice, RATE)
        noise = rng.standard_normal(len(t)) * np.sqrt(np.mean(voice**2))
        soundfile.write(base / "noisy" / f"voice{i}.flac", voice + 10 ** (-5 / 20) * noise, RATE)
    (base / "noisy" / "voice3.flac").write_bytes(b"fLaC")
    soundfile.write(base / "noise" / "hiss.wav", 0.1 * rng.standard_normal(5 * RATE), RATE)
    for seed, name in enumerate(("one", "two")):
        SEGANPlus(window=1024, filters=[4, 8, 8], no_z=True, seed=seed).save_to_preset(base / name / "preset")
    return base


def test_a_model_that_changes_nothing_scores_what_the_noisy_input_does(places, tmp_path):
    result = evaluate(Amplifier(), places / "clean", noise=places / "noise", out=tmp_path / "o", **SDR)
    assert list(result.rows) == ["reference", "estimate", "Wiener filter", "noisy"]
    assert list(result.roles.values()) == ["ceiling", "evaluated", "floor", "floor"]
    noisy, estimate = result.rows["noisy"], result.rows["estimate"]
    for column in ("si_sdr", "si_sdr_at_0_dB", "si_sdr_at_10_dB"):
        assert estimate[column].value == pytest.approx(noisy[column].value, abs=1e-4)
        assert result.rows["Wiener filter"][column].value > noisy[column].value
        assert result.columns[column] == {"metric": "si_sdr", "unit": "dB", "better": "higher"}
    assert noisy["si_sdr_at_10_dB"].value - noisy["si_sdr_at_0_dB"].value == pytest.approx(10, abs=0.1)
    assert "clean in noise of noise at 0, 10 dB, enhanced by amplifier" == result.sets["estimate"]["what"]
    written = json.loads((tmp_path / "o" / "results.json").read_text())
    assert (
        written["command"] == "tf-audio-gan evaluate amplifier clean --noise noise --snr 0,10 --metrics si_sdr --seed 0"
    )
    assert (tmp_path / "o" / "picture.png").read_bytes().startswith(b"\x89PNG")
    again = evaluate(Amplifier(), places / "clean", noise=places / "noise", **SDR)
    assert again.as_dict()["rows"] == written["rows"] and again.facts["sha256"] == written["sha256"]
    assert set(written["sha256"]) == {"reference", "estimate", "noisy"}
    with open(tmp_path / "o" / "per_file.csv") as file:
        assert {row["file"] for row in csv.DictReader(file)} == {f"{r} dB/voice{i}" for r in (0, 10) for i in range(4)}


def test_means_are_over_mixtures_and_intervals_over_recordings(places):
    result = evaluate(Amplifier(), places / "clean", noise=places / "noise", seed=3, **SDR)
    files = {row["file"]: row["si_sdr"] for row in result.per_file if row["set"] == "noisy"}
    table = np.array([[files[f"{r} dB/voice{i}"] for r in (0, 10)] for i in range(4)])
    found = result.rows["noisy"]
    assert found["si_sdr"].value == pytest.approx(table.mean()) and found["si_sdr"].n == 8
    over = bootstrap_interval(table.mean(axis=1), seed=3)
    assert (found["si_sdr"].low, found["si_sdr"].high) == pytest.approx((over.low, over.high))
    assert found["si_sdr"].high - found["si_sdr"].low < 3, "0 and 10 dB are no sample of ratios"
    at_0 = bootstrap_interval(table[:, 0], seed=3)
    assert found["si_sdr_at_0_dB"].value == pytest.approx(at_0.value) and found["si_sdr_at_0_dB"].n == 4
    assert found["si_sdr_at_0_dB"].low == pytest.approx(at_0.low)
    assert result.notes[0] == "intervals are over 4 recordings, each at 2 ratios"


def test_a_blend_keeps_that_share_of_the_noisy_speech(places):
    """Of a model that turns the sign over, a share of 0.75 leaves half of the noisy speech: the same SI-SDR."""
    options = {"noise": places / "noise", "blend": 0.75, **SDR}
    result = evaluate(Amplifier(gain=-1.0), places / "clean", **options)
    assert result.rows["estimate"]["si_sdr"].value == pytest.approx(result.rows["noisy"]["si_sdr"].value, abs=1e-3)
    assert result.settings["blend"] == 0.75 and "--blend 0.75" in result.facts["command"]
    assert any("keeps 0.75 of the noisy speech" in note for note in result.notes)


def test_other_presets_are_measured_on_the_same_mixtures(places):
    one, two = places / "one" / "preset", str(places / "two" / "preset")
    result = evaluate(one, places / "clean", noise=places / "noise", also=[two], **SDR)
    assert list(result.rows) == ["reference", "estimate", "two/preset", "Wiener filter", "noisy"]
    assert result.name == "one/preset" and result.settings["also"] == ["two/preset"]
    assert result.roles["two/preset"] == "evaluated" and result.rows["two/preset"] != result.rows["estimate"]
    assert list(result.facts["sha256"]["weights"]) == ["generator.weights.h5"]
    alone = evaluate(two, places / "clean", noise=places / "noise", **SDR)
    assert alone.rows["estimate"] == result.rows["two/preset"] and alone.rows["noisy"] == result.rows["noisy"]
    assert alone.name == "preset"
    with pytest.raises(ValueError, match="need different names. Received: two/preset, two/preset"):
        evaluate(two, places / "clean", noise=places / "noise", also=[two], **SDR)


def test_noisy_files_of_ones_own_are_matched_by_name_and_bad_ones_named(places):
    given = {**SDR, "snr": None}
    result = evaluate(Amplifier(), places / "clean", noisy=places / "noisy", **given)
    assert set(result.columns) == {"si_sdr"} and result.rows["noisy"]["si_sdr"].n == 3
    assert result.rows["noisy"]["si_sdr"].value == pytest.approx(5, abs=0.5)
    assert result.rows["estimate"]["si_sdr"].value == pytest.approx(result.rows["noisy"]["si_sdr"].value, abs=1e-4)
    assert [failed[:2] for failed in result.failed] == [("noisy", "voice3.flac")]
    assert result.sets["estimate"]["what"] == "clean in the noisy files of noisy, enhanced by amplifier"
    assert "--noisy noisy" in result.facts["command"] and "--snr" not in result.facts["command"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "clean speech and either noise=, a folder that is mixed in at snr=, or noisy="),
        ({"noise": "noise", "noisy": "noisy"}, "either noise="),
        ({"noisy": "noisy", "snr": [5.0]}, "either noise="),
        ({"noise": "noise", "snr": []}, r"snr must be one or more different ratios in dB. Received: snr=\[\]"),
        ({"noise": "noise", "n": 5}, "n is for sets of sounds; leave them out when evaluating a model for enhancement"),
        ({"noise": "noise", "metrics": ["mel_l1"]}, "there is no metric mel_l1"),
        ({"noise": "noise", "also": ["nowhere"]}, "nowhere"),
    ],
)
def test_what_does_not_go_together_is_refused(places, tmp_path, options, message):
    options = {k: places / v if k in ("noise", "noisy") else v for k, v in options.items()}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate(Amplifier(), places / "clean", **options, out=tmp_path / "o", progress=False)
    assert not (tmp_path / "o").exists()


def test_a_preset_of_the_zoo_is_measured_again_by_its_settings(places, tmp_path, monkeypatch):
    shutil.copytree(places / "one" / "preset", tmp_path / "zoo" / "light")
    shutil.copytree(places / "two" / "preset", tmp_path / "zoo" / "plain")
    index = {name: {"class": "tf_audio_gan>SEGANPlus", "files": {}} for name in ("light", "plain")}
    (tmp_path / "zoo" / "index.json").write_text(json.dumps({"presets": index}))
    monkeypatch.setattr(hub, "ZOO", tmp_path / "zoo")
    folder = tmp_path / "zoo" / "light"
    (folder / "README.md").write_text(f"# light\n{cards.START}\n{cards.END}\n")
    settings = {"data": "clean", "noise": "noise", "snr": SNR, "also": ["plain"], "metrics": ["si_sdr"], "seed": 2}
    (folder / "results.json").write_text(json.dumps({"evaluations": {"Unheard noise": {"settings": settings}}}))
    edited = f"# light\nWritten while it was measured.\n{cards.START}\n{cards.END}\n"

    def measured_while_edited(*given, **options):
        (folder / "README.md").write_text(edited)
        return evaluate(*given, **options)

    monkeypatch.setattr(zoo_evaluation, "evaluate", measured_while_edited)
    assert evaluate_again("light", places, progress=False) == []
    card = (folder / "README.md").read_text()
    assert "Written while it was measured." in card
    assert "### Unheard noise" in card and "| si sdr at 10 dB (dB) ↑ |" in card and "**plain**" in card
    kept = json.loads((folder / "results.json").read_text())["evaluations"]["Unheard noise"]
    assert kept["command"].endswith("light clean --noise noise --snr 0,10 --also plain --metrics si_sdr --seed 2")
    kept["rows"]["plain"]["si_sdr_at_0_dB"]["value"] += 1
    (folder / "results.json").write_text(json.dumps({"evaluations": {"Unheard noise": kept}}))
    found = evaluate_again("light", places, check=True, progress=False)
    assert len(found) == 2 and "does not show" in found[0] and "si_sdr_at_0_dB of plain: recorded" in found[1]
