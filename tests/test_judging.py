"""Judges trained on synthetic sounds: three classes that a picture tells apart, by four speakers."""

import json

import numpy as np
import pytest
import soundfile

from tests.backends import run_torch
from tf_audio_gan import Sounds, load_judge, train_judge
from tf_audio_gan.data.splitting import split
from tf_audio_gan.durable import sha256
from tf_audio_gan.judging import accuracy

RATE, LENGTH = 8000, 2048
SMALL = {
    "n_fft": 256, "hop_length": 64, "n_mels": 24, "filters": [8, 8], "pools": [[2, 2], [2, 2]], "feature_dim": 8,
    "dropout": 0.0, "colour_db": 3.0,
}  # fmt: skip
HOW = {"model": SMALL, "sample_rate": RATE, "length": LENGTH, "progress": False}


def sound(kind, rng):
    t = np.arange(int(rng.uniform(0.6, 1.1) * LENGTH)) / RATE
    hz = {"low": 300, "high": 2000, "noise": 0}[kind] * rng.uniform(0.9, 1.1)
    tone = np.sin(2 * np.pi * hz * t) if hz else rng.standard_normal(len(t)) / 4
    return (rng.uniform(0.2, 0.9) * tone).clip(-1, 1)


def write(root, takes, speakers, seed, kinds=("low", "high", "noise")):
    rng = np.random.default_rng(seed)
    for kind in kinds:
        (root / kind).mkdir(parents=True, exist_ok=True)
        for speaker in speakers:
            for take in range(takes):
                soundfile.write(root / kind / f"{speaker}_{take}.wav", sound(kind, rng), RATE)
    return root


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    base = tmp_path_factory.mktemp("judging")
    write(base / "data", 5, ["ann", "bob", "cy", "di"], seed=0)
    write(base / "test", 6, ["eve"], seed=1)
    (base / "data" / "low" / "broken.wav").write_bytes(b"RIFF")
    return base


@pytest.fixture(scope="module")
def trained(places):
    return train_judge(
        places / "data", places / "judge", test=places / "test", group_by="prefix", epochs=3, batch_size=8, **HOW
    )


def test_it_learns_what_can_be_told_apart(trained, places):
    assert trained.results["test"]["accuracy"] == 1.0 and trained.results["test"]["n"] == 18
    assert trained.ended == "finished" and trained.results["training"]["steps"] == 3 * 50
    assert trained.skipped == [("low/broken.wav", trained.skipped[0][1])]


def test_the_folder_says_what_was_measured(trained, places):
    folder = places / "judge"
    results = json.loads((folder / "results.json").read_text())
    assert results == json.loads(json.dumps(trained.results, default=list))
    assert results["labels"] == ["high", "low", "noise"] and results["test"]["confusion"] == np.diag([6, 6, 6]).tolist()
    assert 0.82 < results["test"]["low"] < 0.83 and results["test"]["high"] == 1.0, "Wilson's interval of 18 of 18"
    assert results["weights_sha256"] == sha256(folder / "classifier.weights.h5")
    assert results["arguments"]["seed"] == 0 and results["arguments"]["group_by"] == "prefix"
    assert results["arguments"]["data"] == "data" and str(places) not in (folder / "results.json").read_text()
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "audio.json").read_text()) == {"sample_rate": RATE, "length": LENGTH, "channels": 1}
    judge = load_judge(folder)
    held_out = Sounds(places / "test", sample_rate=RATE, length=LENGTH, labels="folder", weighting="file", crop="start")
    assert accuracy(judge, held_out)["accuracy"] == 1.0 and judge.get_config() == trained.judge.get_config()


def test_a_speaker_is_either_trained_on_or_validated_on(trained, places):
    sounds = Sounds(places / "data", sample_rate=RATE, labels="folder", progress=False)
    parts = split(sounds, "prefix", 0.4, seed=1)
    speakers = [
        {sounds.clips[n].path.split("/")[1].split("_")[0] for n in part} for part in (parts.training, parts.validation)
    ]
    assert not speakers[0] & speakers[1] and sorted(speakers[1]) == parts.groups and len(parts.groups) == 2
    assert len(parts.training) + len(parts.validation) == 60
    assert len(trained.results["validation_groups"]) == 1 and trained.results["validation"]["n"] == 15


def test_without_groups_every_class_is_validated_on_alike(places):
    sounds = Sounds(places / "data", sample_rate=RATE, labels="folder", progress=False)
    parts = split(sounds, None, 0.2, seed=0)
    assert np.bincount([sounds.clips[n].label for n in parts.validation]).tolist() == [4, 4, 4]
    np.testing.assert_array_equal(np.sort(np.concatenate([parts.training, parts.validation])), np.arange(60))
    assert "the same 4 names in several classes (ann, bob, cy, ...)" in parts.words
    assert not np.array_equal(parts.validation, split(sounds, None, 0.2, seed=1).validation)


def test_the_same_seed_the_same_judge(places, tmp_path):
    weights = []
    for name in "ab":
        done = train_judge(places / "data", tmp_path / name, epochs=1, validation=0, seed=5, **HOW)
        assert done.results["validation"] is None and not (tmp_path / name / "confusion.png").exists()
        weights.append(np.concatenate([w.ravel() for w in done.judge.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])


def test_stopping_keeps_the_best(places, tmp_path, monkeypatch):
    done = train_judge(places / "data", tmp_path / "short", max_minutes=0.0, **HOW)
    assert done.ended == "time is up" and done.results["training"]["steps"] == 1

    from tf_audio_gan import judging

    def interrupt(self, epoch, logs=None):
        keep(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    keep = judging._Best.on_epoch_end
    monkeypatch.setattr(judging._Best, "on_epoch_end", interrupt)
    done = train_judge(places / "data", tmp_path / "stopped", epochs=9, **HOW)
    assert done.ended == "interrupted" and done.results["training"]["epochs"] == 2
    assert load_judge(tmp_path / "stopped").labels == ["high", "low", "noise"]


def test_a_table_names_the_labels_and_a_class_may_be_missing_from_the_test(places, tmp_path):
    def table(root, rule):
        rows = [f"{p.relative_to(places / root).as_posix()},{rule(p)}" for p in (places / root).rglob("*.wav")]
        (tmp_path / f"{root}.csv").write_text("\n".join(["path,label", *rows]))
        return str(tmp_path / f"{root}.csv")

    def speaker(path):
        return path.name.split("_")[0]

    labels = table("data", lambda p: f"by {speaker(p)}")
    test_labels = table("test", lambda p: "by ann")
    options = {"labels": labels, "test_labels": test_labels, "test": places / "test", "epochs": 1}
    done = train_judge(places / "data", tmp_path / "judge", **options, **HOW)
    assert done.judge.labels == ["by ann", "by bob", "by cy", "by di"]
    assert done.results["test"]["per_class"]["by bob"] == {"n": 0, "right": 0, "accuracy": None}


def test_a_judge_trained_on_pytorch_opens_here(places, tmp_path):
    code = (
        "import sys, json, tf_audio_gan\n"
        "done = tf_audio_gan.train_judge(sys.argv[1], sys.argv[2], epochs=2, **json.loads(sys.argv[3]))\n"
        "print('LOADED', 'tensorflow' in sys.modules, done.results['validation']['right'])"
    )
    printed = run_torch("-c", code, places / "data", tmp_path / "judge", json.dumps(HOW)).stdout
    judge = load_judge(tmp_path / "judge")
    sounds = Sounds(
        places / "data", sample_rate=RATE, length=LENGTH, crop="start", normalize="peak", labels="folder",
        weighting="file", progress=False,
    )  # fmt: skip
    here = accuracy(judge, sounds.subset(split(sounds, None, 0.2, seed=0).validation))
    assert f"LOADED False {here['right']}" in printed and here["accuracy"] > 0.6


def refused(places, message, data=None, error=ValueError, **options):
    with pytest.raises(error, match=message):
        train_judge(data or places / "data", places / "refused", **{**HOW, **options})
    assert not (places / "refused").exists()


def test_wrong_inputs_are_refused_before_training(places, tmp_path):
    one = write(tmp_path / "one", 2, ["ann"], seed=2, kinds=("low",))
    refused(places, "one has one class, 'low'; a judge tells at least two apart", data=one)
    refused(places, "have no label", data=one / "low")
    refused(places, "test is .*data, the folder that is trained on", test=places / "data")
    (tmp_path / "new" / "sweep").mkdir(parents=True)
    soundfile.write(tmp_path / "new" / "sweep" / "a_0.wav", sound("low", np.random.default_rng(0)), RATE)
    refused(places, "new has labels that .* has no sound of: sweep. Those there are: high, low", test=tmp_path / "new")
    refused(places, "no network 'big' for judges. Networks: light, pitch, sc09", network="big")
    refused(places, "epochs must be a number above 0", epochs=0)
    refused(places, r"validation must be a share in \[0, 1\)", validation=1.0)
    single = write(tmp_path / "single", 1, ["ann"], seed=2)
    refused(places, "too little to validate on: 3 sounds of 3 classes", data=single)
    refused(places, "each the only one of a class", data=single, group_by="prefix")
    refused(places, "group_by='speaker': labels must be None, 'folder', 'prefix'", group_by="speaker")
    refused(places, "nowhere", error=FileNotFoundError, test=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="data exists and holds no judge; it will not be overwritten"):
        train_judge(places / "data", places / "data", **HOW)


def test_transposed_notes_teach_pitches_between(tmp_path):
    rng = np.random.default_rng(3)
    for pitch in (60, 64):
        (tmp_path / "notes" / str(pitch)).mkdir(parents=True)
        for take in range(20):
            tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(3000) / RATE)
            noise = 0.01 * rng.standard_normal(3000)
            soundfile.write(tmp_path / "notes" / str(pitch) / f"{take}.wav", rng.uniform(0.2, 0.9) * tone + noise, RATE)
    model = SMALL | {
        "n_fft": 1024,
        "hop_length": 256,
        "n_mels": 48,
        "fmin": 200.0,
        "fmax": 500.0,
        "pools": [[2, 1], [2, 2]],
    }
    how = HOW | {
        "model": model,
        "learning_rate": 0.01,
        "network": "pitch",
        "transpose": 4,
        "epochs": 3,
        "batch_size": 8,
        "validation": 0,
    }
    judge = train_judge(tmp_path / "notes", tmp_path / "judge", **how).judge
    assert judge.labels == ["60", "61", "62", "63", "64"]
    t = np.arange(LENGTH) / RATE
    between = np.stack([0.5 * np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * t) for p in (61, 62, 63)])
    assert judge.probabilities(between[..., None]).argmax(axis=1).tolist() == [1, 2, 3]
