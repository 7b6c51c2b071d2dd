"""Labels from a folder of sounds to a served sound: train, resume, generate, export."""

import csv
import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import tf_audio_gan
from tf_audio_gan import Sounds, backend, from_preset, generate, train
from tf_audio_gan.cli.commands import app

RECIPE = {
    "model": {"name": "wavegan", "length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2, "objective": "lsgan"},
    "data": {"labels": "folder", "crop": "start"},
    "train": {"batch_size": 2},
}


def write_tones(folder, names=("low", "mid", "top"), each=2):
    for i, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for k in range(each):
            tone = np.sin(np.arange(300) * (0.05 + 0.3 * i + 0.01 * k))
            soundfile.write(folder / name / f"{k}.wav", 0.5 * tone, 16000)
    return folder


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture(scope="module")
def run(tones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    train(RECIPE, tones, folder, steps=2, progress=False)
    return folder


def test_names_travel_from_the_data_to_the_preset(run):
    model = from_preset(run / "preset")
    assert model.labels == ("low", "mid", "top")
    assert 'labels = ["low", "mid", "top"]' in (run / "preset" / "recipe.toml").read_text()
    rows = list(csv.DictReader(open(run / "generated" / "sounds.csv")))
    assert [row["label"] for row in rows[:4]] == ["low", "mid", "top", "low"]
    assert rows[1]["file"] == "0001_seed_1_mid.wav" and (run / "generated" / rows[1]["file"]).is_file()


def test_a_resumed_run_repeats_an_unbroken_one(run, tones, tmp_path):
    train(RECIPE, tones, tmp_path / "run", steps=1, progress=False)
    again = train(RECIPE, tones, tmp_path / "run", steps=2, progress=False).model
    whole = from_preset(run / "preset")
    for a, b in zip(again.ema_generator.variables, whole.ema_generator.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_classes_are_another_run(run, tmp_path):
    more = write_tones(tmp_path / "more", ("low", "mid", "noise"))
    with pytest.raises(ValueError, match=r"started with \[model\] labels = .*'top'.*, now it is .*'noise'"):
        train(RECIPE, more, run, steps=3, progress=False)


def test_an_order_of_ones_own(tones, tmp_path):
    """[model] labels: their order, classes without sounds, and sounds without a class."""
    recipe = RECIPE | {"model": RECIPE["model"] | {"labels": ["top", "low", "mid", "none"]}}
    model = train(recipe, tones, tmp_path / "run", steps=1, progress=False).model
    assert model.labels == ("top", "low", "mid", "none")
    sounds = Sounds(tones, length=256, labels="folder", crop="start", progress=False)
    theirs = sounds.with_labels(model.labels)
    audio, numbers = theirs.batch(0, 6)
    same, before = sounds.batch(0, 6)
    np.testing.assert_array_equal(audio, same)
    assert [model.labels[n] for n in numbers] == [sounds.label_names[n] for n in before]
    with pytest.raises(ValueError, match="sounds of classes that the model has not: top"):
        sounds.with_labels(["low", "mid"])


def test_labels_without_labelled_sounds(tones, tmp_path):
    recipe = RECIPE | {"model": RECIPE["model"] | {"labels": ["low", "mid", "top"]}, "data": {}}
    with pytest.raises(ValueError, match="a model with labels needs labelled sounds"):
        train(recipe, tones, tmp_path / "run", steps=1, progress=False)
    plain = train(recipe | {"model": RECIPE["model"]}, tones, tmp_path / "plain", steps=1, progress=False)
    assert plain.model.labels == () and "label" in (tmp_path / "plain" / "generated" / "sounds.csv").read_text()


def test_generate_by_class(run, tmp_path):
    made = generate(run / "preset", tmp_path / "all", n=3, labels="top")
    assert made.labels.tolist() == [[0, 0, 1]] * 3 and made.names == ["seed 0", "seed 1", "seed 2"]
    again = generate(run / "preset", tmp_path / "again", latents=tmp_path / "all" / "latents.npy", labels="top")
    np.testing.assert_array_equal(again.audio, made.audio)
    line = generate(run / "preset", tmp_path / "line", interpolate=3, seed=1, labels={"low": 0.5, "mid": 0.5})
    assert line.files[1].name == "0001_seed_1_to_2_at_0.50_low=0.5,mid=0.5.wav"


def test_the_command_line(run, tmp_path):
    preset, out = str(run / "preset"), str(tmp_path / "out")
    ask = lambda *more: CliRunner().invoke(app, ["generate", preset, "--out", out, "--n", "2", *more])  # noqa: E731
    assert ask("--label", "mid").exit_code == 0
    assert [row["label"] for row in csv.DictReader(open(tmp_path / "out" / "sounds.csv"))] == ["mid", "mid"]
    assert ask("--mix", "low=0.25,top=0.75").exit_code == 0
    assert {row["label"] for row in csv.DictReader(open(tmp_path / "out" / "sounds.csv"))} == {"low=0.25,top=0.75"}
    for more, message in (
        (["--label", "noise"], "there is no class 'noise'. Classes: low, mid, top"),
        (["--mix", "low"], "--mix takes classes and weights, e.g. seven=0.5,two=0.5. Received: low"),
        (["--mix", "low=x"], "Received: low=x"),
        (["--mix", "low=1", "--label", "low"], "one of --label and --mix"),
    ):
        result = ask(*more)
        assert result.exit_code != 0 and message in str(result.exception)


@pytest.mark.skipif(backend.version()[0] != "tensorflow", reason="SavedModels need TensorFlow")
def test_exported_signatures_take_labels(run, tmp_path):
    import tensorflow as tf

    folder = tf_audio_gan.export(run / "preset", tmp_path / "tones")
    model, loaded = from_preset(run / "preset"), tf.saved_model.load(str(folder)).signatures
    assert sorted(loaded) == ["describe", "from_seed", "mix", "mix_from_seed", "mix_wav", "serving_default", "wav"]
    assert json.loads((folder / "assets.extra" / "model_card.json").read_text())["labels"] == ["low", "mid", "top"]
    (text,) = loaded["describe"](row=tf.constant([0], tf.int64))["description"].numpy()
    assert json.loads(text)["labels"] == ["low", "mid", "top"]
    seed, labels = tf.constant([7, 8], tf.int64), tf.constant([2, 0], tf.int64)
    wanted = model.generate(2, seed=7, labels=["top", "low"])
    np.testing.assert_allclose(loaded["from_seed"](seed=seed, labels=labels)["audio"], wanted, atol=1e-6)
    shares = tf.constant([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(loaded["mix_from_seed"](seed=seed, labels=shares)["audio"], wanted, atol=1e-6)
    latents = tf.constant(np.asarray(model.latents(np.array([7, 8]))))
    np.testing.assert_allclose(loaded["serving_default"](latents=latents, labels=labels)["audio"], wanted, atol=1e-6)
    np.testing.assert_allclose(loaded["mix"](latents=latents, labels=shares)["audio"], wanted, atol=1e-6)
    assert loaded["wav"](seed=seed, labels=labels)["wav_bytes"].numpy()[0][:4] == b"RIFF"
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be from 0 to 2; received"):
            loaded["wav"](seed=seed, labels=tf.constant(wrong, tf.int64))


@pytest.mark.skipif(backend.version()[0] != "tensorflow", reason="exports need TensorFlow")
def test_litert_file_takes_labels(run, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    out = tf_audio_gan.export(run / "preset", tmp_path / "tones.tflite", format="litert")
    runner = interpreter.Interpreter(model_path=str(out)).get_signature_runner("serving_default")
    model = from_preset(run / "preset")
    latents = np.asarray(model.latents(np.array([5])))
    found = runner(latents=latents, labels=np.array([1]))["audio"]
    np.testing.assert_allclose(found, model.generate(1, seed=5, labels="mid"), atol=1e-5)
