"""Evaluations from end to end: what is compared with what, in which form, with which seed."""

import json
import shutil

import numpy as np
import pytest

from tf_audio_gan import MelGAN, WaveGAN, compare, evaluate
from tf_audio_gan.audio.io import read_audio, write_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.zoo_evaluation import evaluate_again, evaluated_presets

FORM = {"sample_rate": 16000, "length": 4096}
CHEAP = ["level_db", "mel_distance", "covered", "fd_mel"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Two folders of synthetic hits of the same kinds, each kind in a sub-folder of its name."""
    base = tmp_path_factory.mktemp("sounds")
    for seed, name in enumerate(("real", "others")):
        write_drum_hits(base / "flat", 40, seed=seed)
        for path in sorted(p for p in (base / "flat").rglob("*") if p.is_file()):
            kind = path.stem.rstrip("0123456789_-") or "hit"
            (base / name / kind).mkdir(parents=True, exist_ok=True)
            path.rename(base / name / kind / path.name)
        shutil.rmtree(base / "flat")
    return base


def values(result, row):
    return {column: measured.value for column, measured in result.rows[row].items()}


def test_other_real_sounds_score_like_the_ceiling_and_noise_does_not(sounds, tmp_path):
    result = compare(
        sounds / "real", sounds / "others", **FORM, metrics=CHEAP, seed=3, out=tmp_path / "o", progress=False
    )
    assert list(result.rows) == ["real", "generated", "shaped noise", "noise", "silence"]
    assert {about["n"] for about in result.sets.values()} == {20}
    real, generated, noise = (values(result, row) for row in ("real", "generated", "noise"))
    assert abs(generated["mel_distance"] / real["mel_distance"] - 1) < 0.25
    assert abs(generated["covered"] / real["covered"] - 1) < 0.25
    assert real["covered"] < values(result, "shaped noise")["covered"] < noise["covered"]
    assert noise["covered"] < values(result, "silence")["covered"] and noise["fd_mel"] > 5 * generated["fd_mel"]
    assert values(result, "silence")["level_db"] == -120
    low, value, high = (getattr(result.rows["generated"]["mel_distance"], name) for name in ("low", "value", "high"))
    assert low < value < high
    kept = json.loads((tmp_path / "o" / "results.json").read_text())
    again = compare(sounds / "real", sounds / "others", **FORM, metrics=CHEAP, seed=3, progress=False).as_dict()
    assert again["rows"] == kept["rows"] and again["sha256"] == kept["sha256"], "the seed decides everything"
    other = compare(sounds / "real", sounds / "others", **FORM, metrics=CHEAP, seed=4, progress=False).as_dict()
    assert other["sha256"]["reference"] != kept["sha256"]["reference"]


def test_copies_of_the_training_data_are_found(sounds, tmp_path):
    shutil.copytree(sounds / "others", tmp_path / "copies")
    names = ["nearer_than_real", "d_train"]
    given = {**FORM, "metrics": names, "train": sounds / "others", "progress": False}
    copied = compare(sounds / "real", tmp_path / "copies", **given)
    assert copied.rows["generated"]["nearer_than_real"].value > 0.95 and copied.rows["generated"]["d_train"].value == 0
    assert copied.rows["real"]["nearer_than_real"].value == 0.5
    lines = [row for row in copied.per_file if row["set"] == "generated"]
    assert all(row["nearest_training"] == row["file"] and row["d_train"] == 0 for row in lines)
    assert copied.sets["training"]["n"] == 40


def test_sets_are_as_large_as_the_smallest(sounds, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for i, path in enumerate(sorted(p for p in (sounds / "others").rglob("*") if p.is_file())[:7]):
        shutil.copy(path, few / f"{i}{path.suffix}")
    result = compare(sounds / "real", few, **FORM, n=12, metrics=["level_db"], progress=False)
    assert {about["n"] for about in result.sets.values()} == {7}
    assert result.notes[0] == "7 sounds of each set, not 12: 7 were generated"
    result = compare(sounds / "real", sounds / "others", **FORM, n=30, metrics=["level_db"], progress=False)
    assert result.notes[0] == "20 sounds of each set, not 30: half of real is 20"


class Preset(WaveGAN):
    """A model without training: what evaluation asks of it, and sounds that a test chooses."""

    def generate(self, n=1, seed=0, batch_size=64, labels=None):
        self.asked = {"n": n, "seed": seed, "batch_size": batch_size, "labels": labels}
        audio = super().generate(n, seed, batch_size)
        audio[self.broken] = np.nan
        return audio

    broken = []


@pytest.fixture
def model():
    return Preset(length=4096, strides=[4, 4, 4, 4], dim=2)


def test_a_model_is_asked_for_as_many_sounds_as_the_ceiling_has(sounds, model):
    result = evaluate(model, sounds / "real", metrics=["level_db"], crop="start", seed=5, batch_size=7, progress=False)
    assert model.asked == {"n": 20, "seed": 5, "batch_size": 7, "labels": None}
    expected = model.generate(20, 5)
    level = 20 * np.log10(np.sqrt((expected**2).mean(axis=(1, 2)))).mean()
    assert result.rows["generated"]["level_db"].value == pytest.approx(level, abs=1e-3)
    assert [row["file"] for row in result.per_file if row["set"] == "generated"][:2] == ["seed 5", "seed 6"]


def test_sounds_with_nan_are_counted_and_all_of_them_are_an_error(sounds, model):
    model.broken = [2, 7]
    given = {"metrics": ["level_db"], "crop": "start", "progress": False}
    result = evaluate(model, sounds / "real", **given)
    assert result.failed == [("generated", f"seed {i}", "NaN or infinite samples") for i in (2, 7)]
    assert result.rows["generated"]["level_db"].n == 18 and "only 18 generated sounds" in result.notes[0]
    model.broken = slice(None)
    with pytest.raises(ValueError, match="all 20 generated sounds hold NaN"):
        evaluate(model, sounds / "real", **given)


def test_recordings_are_read_as_the_preset_was_trained(sounds, tmp_path):
    model = WaveGAN(length=4096, strides=[4, 4, 4, 4], dim=2)
    model.save_to_preset(tmp_path / "p", {"recipe": {"data": {"crop": "start", "normalize": "peak"}}})
    result = evaluate(tmp_path / "p", sounds / "real", metrics=["peak_db"], n=8, progress=False)
    assert result.rows["real"]["peak_db"].value == pytest.approx(0, abs=0.2)
    assert result.settings["crop"] == "start" and result.facts["form"]["normalize"] == "peak"
    assert list(result.facts["sha256"]["weights"]) == ["generator.weights.h5"]
    result = evaluate(tmp_path / "p", sounds / "real", metrics=["peak_db"], n=8, normalize="none", progress=False)
    assert result.rows["real"]["peak_db"].value < -0.5


def judge(folder, labels):
    """A small judge, untrained, with the results of a training."""
    from tf_audio_gan import Classifier

    options = {"n_mels": 16, "filters": [4], "pools": [[2, 2]], "feature_dim": 4}
    Classifier(length=2048, labels=labels, **options).save_to_preset(folder)
    facts = {"test": {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 50}, "arguments": {"normalize": "peak"}}
    (folder / "results.json").write_text(json.dumps(facts))
    return folder


def kinds(sounds):
    return sorted(path.name for path in (sounds / "real").iterdir())


def test_a_judge_brings_its_metrics_its_accuracy_and_its_hash(sounds, tmp_path):
    ear = judge(tmp_path / "ear", [*kinds(sounds), "unheard"])
    given = {**FORM, "metrics": ["fd_clf", "accuracy"], "labels": "folder", "progress": False}
    result = compare(sounds / "real", sounds / "others", judge=ear, **given)
    assert set(result.rows["generated"]) == {"fd_clf", "accuracy"} and result.rows["real"]["accuracy"].n == 20
    facts = result.facts["judge"]
    assert facts["held_out_accuracy"] == {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 50}
    assert facts["normalize"] == "peak" and len(facts["sha256"]["classifier.weights.h5"]) == 64
    assert result.settings["judge"] == "ear"
    with pytest.raises(ValueError, match="the judge does not know the label .*; its labels: nothing, unheard"):
        compare(sounds / "real", sounds / "others", judge=judge(tmp_path / "deaf", ["nothing", "unheard"]), **given)


def test_a_model_with_labels_is_asked_for_each_in_turn(sounds, model, tmp_path):
    model.config = model.config | {"labels": kinds(sounds)[::-1]}
    ear = judge(tmp_path / "ear", kinds(sounds))
    given = {"judge": ear, "labels": "folder", "metrics": ["accuracy"], "crop": "start", "progress": False}
    result = evaluate(model, sounds / "real", **given)
    count = len(kinds(sounds))
    assert model.asked["labels"].tolist() == [i % count for i in range(20)]
    from tf_audio_gan import load_judge
    from tf_audio_gan.evaluating.reading import for_judge

    heard = (
        load_judge(ear).probabilities(for_judge(model.generate(20, 0), 16000, load_judge(ear), "peak")).argmax(axis=1)
    )
    right = [heard[i] == count - 1 - i % count for i in range(20)]
    assert result.rows["generated"]["accuracy"].value == pytest.approx(np.mean(right))
    facts = result.facts["by_class"]["generated"]
    assert facts["right"] == sum(right) and facts["n"] == 20
    for k, (name, found) in enumerate(facts["per_class"].items()):
        assert found["right"] == sum(r for i, r in enumerate(right) if count - 1 - i % count == k)
        assert f"{name} {found['right']}/{found['n']}" in " ".join(result.notes)


def test_labels_that_are_midi_numbers_are_pitches(tmp_path):
    t = np.arange(4096) / 16000
    for folder, cents in (("real", 0), ("fake", 30)):
        for i in range(8):
            pitch = 60 + i
            tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69 + cents / 100) / 12) * t)
            write_audio(tmp_path / folder / str(pitch) / f"{i}.wav", 0.5 * tone, 16000)
    given = {**FORM, "metrics": ["f0_cents"], "labels": "folder", "progress": False}
    result = compare(tmp_path / "real", tmp_path / "fake", **given)
    assert result.rows["real"]["f0_cents"].value < 3 and abs(result.rows["generated"]["f0_cents"].value - 30) < 3


@pytest.fixture(scope="module", name="vocoder")
def small_vocoder():
    mels = {"sample_rate": 16000, "n_fft": 512, "hop_length": 128, "n_mels": 40}
    sizes = {"channels": 32, "upsample_scales": [8, 4, 4], "stacks": 1, "d_channels": 4, "d_max_channels": 16}
    return MelGAN(front_end=mels, segment_length=2048, **sizes)


def test_a_vocoder_is_compared_with_the_recordings_it_was_given(sounds, vocoder, one_process, tmp_path):
    (tmp_path / "data").mkdir()
    for path in sorted((sounds / "real").rglob("*.wav"))[:2]:
        shutil.copy(path, tmp_path / "data")
    (tmp_path / "data" / "broken.wav").write_bytes(b"RIFF")
    found = evaluate(vocoder, tmp_path / "data", metrics=["mel_l1"], out=tmp_path / "out", progress=False)
    values = {row: columns["mel_l1"].value for row, columns in found.rows.items()}
    assert list(values) == ["reference", "estimate", "Griffin-Lim"] and values["reference"] == 0
    assert values["Griffin-Lim"] < values["estimate"], "an untrained vocoder is worse than Griffin-Lim on its mels"
    assert "40 bands, FFT 512, hop 128" in found.sets["Griffin-Lim"]["what"]
    assert [(where, file) for where, file, _ in found.failed] == [("data", "broken.wav")]
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["settings"]["data"] == "data" and written["mel"]["hop_length"] == 128 and written["n_failed"] == 1
    assert (tmp_path / "out" / "picture.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(
        ValueError, match="n, judge are for sets of sounds; leave them out when evaluating a model for vocoding"
    ):
        evaluate(vocoder, tmp_path / "data", n=3, judge="x", progress=False)


def test_pairs_and_sets_have_their_own_options(sounds):
    with pytest.raises(ValueError, match="n, judge are for sets of sounds"):
        compare(sounds / "real", sounds / "others", pairs="vocoding", n=3, judge="x")
    with pytest.raises(ValueError, match="say pairs='enhancement'"):
        compare(sounds / "real", sounds / "others", noisy=sounds / "others")


def test_stereo_presets_read_stereo(sounds):
    model = WaveGAN(length=4096, strides=[4, 4, 4, 4], dim=2, channels=2)
    result = evaluate(model, sounds / "real", metrics=["level_db", "mel_distance"], n=4, progress=False)
    assert result.facts["form"]["channels"] == 2 and result.rows["generated"]["mel_distance"].n == 4


@pytest.mark.parametrize("name", evaluated_presets())
def test_cards_of_the_zoo_show_what_their_results_hold(name):
    assert evaluate_again(name, check=True) == []


def test_written_clips_are_those_measured(sounds, tmp_path):
    """A folder of the model's own sounds gives what the model gives: `compare` is `evaluate` with a folder."""
    model = WaveGAN(length=4096, strides=[4, 4, 4, 4], dim=2)
    for i, clip in enumerate(model.generate(20, seed=0)):
        write_audio(tmp_path / f"{i:02d}.wav", clip, 16000)
    assert np.abs(read_audio(tmp_path / "00.wav")[0] - model.generate(1, seed=0)[0]).max() <= 1 / 32767
    given = {"metrics": ["mel_distance"], "crop": "start", "normalize": "none", "progress": False}
    by_model, by_folder = (
        evaluate(model, sounds / "real", **given),
        compare(sounds / "real", tmp_path, length=4096, **given),
    )
    assert by_folder.rows["real"] == by_model.rows["real"]
    a, b = (result.rows["generated"]["mel_distance"].value for result in (by_folder, by_model))
    assert a == pytest.approx(b, abs=0.01)
