"""The whole path on the command line, and five wrong inputs of each command."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan.audio.synthetic import write_drum_hits

RECIPE = """
[model]
name = "wavegan"
length = 256
strides = [4, 4]
dim = 2
critic_steps = 1
[train]
batch_size = 4
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Sounds, a recipe, and the folders the commands fill in turn."""
    base = tmp_path_factory.mktemp("cli")
    write_drum_hits(base / "sounds", 8, seed=2)
    (base / "sounds" / "broken.flac").write_bytes(b"fLaC")
    (base / "recipe.toml").write_text(RECIPE)
    (base / "empty").mkdir()
    (base / "file.txt").write_text("no sound")
    return base


def test_from_sounds_to_a_saved_model(command, places):
    status, out, _ = command("prepare", places / "sounds", places / "shards", "--sample-rate", 16000, "--workers", 1)
    assert status == 0 and "8 clips" in out and "broken.flac" in out
    status, out, err = command("prepare", places / "sounds", places / "shards", "--json")
    found = json.loads(out)
    assert status == 0 and "nothing to do" in err and found["clips"] == 8 and found["out"] == str(places / "shards")
    (skipped,) = found["skipped"]
    assert skipped["file"] == "broken.flac" and skipped["reason"]
    options = ("--run-dir", places / "run", "--steps", 3, "--seed", 4)
    trained = ("train", places / "recipe.toml", places / "shards", *options)
    status, out, _ = command(*trained)
    assert status == 0 and "finished at step 3" in out and str(places / "run" / "preset") in out
    assert json.loads((places / "run" / "preset" / "config.json").read_text())["config"]["seed"] == 4
    status, out, _ = command(*trained)
    assert status == 0 and "finished before at step 3" in out, "running it again has nothing to do"
    status, out, err = command(*trained, "--json")
    found = json.loads(out)
    assert status == 0 and "training on" in err and (found["ended"], found["step"]) == ("finished before", 3)
    assert found["preset"] == str(places / "run" / "preset") and Path(found["log"]).is_file()
    assert Path(found["picture"]).is_file() and Path(found["sounds"]).is_dir()
    status, out, _ = command("generate", places / "run" / "preset", "--n", 2, "--out", places / "two", "--json")
    found = json.loads(out)
    assert found["files"] == [str(p) for p in sorted((places / "two").glob("*.wav"))] and len(found["names"]) == 2
    status, out, _ = command("generate", places / "run" / "preset", "--n", 3, "--out", places / "out")
    assert status == 0 and len(list((places / "out").glob("*.wav"))) == 3
    status, out, _ = command("export", places / "run" / "preset", places / "exported" / "hits")
    assert status == 0 and (places / "exported" / "hits" / "1" / "saved_model.pb").is_file()
    assert f"tf-audio-gan serve {places / 'exported' / 'hits'}" in out
    status, out, _ = command("export", places / "run" / "preset", places / "exported" / "hits", "--json")
    assert json.loads(out) == {"path": str(places / "exported" / "hits" / "2"), "format": "saved_model", "skipped": []}


def test_an_enhancer_trains_on_speech_and_noise(command, places, tmp_path):
    lines = [
        "[model]",
        'name = "segan_plus"',
        "window = 64",
        "stft_resolutions = [[32, 8, 32]]",
        "filters = [2]",
        "adversarial = 0.0",
    ]
    lines += ["[data]", "snr = [0, 10]", "[train]", "batch_size = 2"]
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    write_drum_hits(tmp_path / "noise", 3, seed=5)
    words = ("train", tmp_path / "recipe.toml", places / "sounds", "--noise", tmp_path / "noise", "--steps", 2)
    status, out, _ = command(*words, "--run-dir", tmp_path / "run")
    assert status == 0 and "finished at step 2" in out and str(places / "sounds" / "broken.flac") in out
    assert f"Mixed with noise of {tmp_path / 'noise'}: 3 sounds, 0.0 minutes, at 0 to 10 dB" in out
    assert f"tf-audio-gan enhance {tmp_path / 'run' / 'preset'} in.wav --out more" in out
    assert json.loads((tmp_path / "run" / "preset" / "metadata.json").read_text())["data"]["snr"] == [0.0, 10.0]


def test_version_and_help(command):
    assert command("--version")[:2] == (0, "tf-audio-gan 0.1.0\n")
    for name in ("prepare", "train", "generate", "export", "serve", "demo"):
        status, out, _ = command(name, "--help")
        assert status == 0 and "--help" in out


WRONG = [  # command with {b} for the base folder, what it must say
    ("prepare {b}/nowhere {b}/x", "nowhere"),
    ("prepare {b}/file.txt {b}/x", "file.txt"),
    ("prepare {b}/empty {b}/x", "empty"),
    ("prepare {b}/sounds {b}/x --labels {b}/none.csv", "none.csv"),
    ("prepare {b}/sounds {b}/x --sample-rate 0", "sample_rate"),
    ("train wavgan {b}/sounds --run-dir {b}/r", "no recipe 'wavgan'. Recipes: wavegan, wavegan_sc09, wavegan_drums"),
    ("train wavegan {b}/nowhere --run-dir {b}/r", "nowhere"),
    ("train wavegan {b}/empty --run-dir {b}/r", "empty"),
    ("train {b}/missing.toml {b}/sounds --run-dir {b}/r", "missing.toml"),
    ("train wavegan {b}/sounds --run-dir {b}/empty/..", "holds no training run"),
    ("train wavegan {b}/sounds --run-dir {b}/r --steps 0", "'--steps'"),
    ("generate {b}/nowhere --out {b}/o", "nowhere' is no preset: no such folder"),
    ("generate {b}/empty --out {b}/o", "a folder without config.json"),
    ("generate {preset} --out {b}/o --n 0", "n must be at least 1"),
    ("generate {preset} --out {b}/o --latents {b}/recipe.toml", "is no .npy file of numbers"),
    ("generate {preset} --out {b}/file.txt", "file.txt"),
    ("export {b}/nowhere {b}/e", "is no preset"),
    ("export {preset} {b}/file.txt", "is a file"),
    ("export {preset} {b}/e --version 0", "whole number from 1"),
    ("export {preset} {b}/e --version one", "'--version'"),
    ("export {preset}", "Missing argument"),
    ("serve {b}/nowhere", "nowhere"),
    ("serve {b}/empty", "tf-audio-gan export"),
    ("serve {b}/file.txt", "file.txt"),
    ("serve {b}/empty --rest-port 99999999", "'--rest-port'"),
    ("serve", "no model to serve"),
    ("serve {b}/empty --grpc-port 99999999", "'--grpc-port'"),
    ("serve --model-config-file {b}/none.config", "none.config cannot be read"),
    ("serve {b}/x --model-config-file {b}/none.config", "is not a folder"),
    ("demo --out {b}/file.txt", "file.txt is a file; the demo needs a folder"),
    ("demo --out {b}/d --minutes 0", "'--minutes'"),
    ("demo --out {b}/d --minutes soon", "'--minutes'"),
    ("demo --out {b}/d --hits 3", "No such option"),
    ("demo {b}/d", "unexpected extra argument"),
    ("prepare {b}/sounds {b}/x --workers 0", "'--workers'"),
    ("train wavegan {b}/sounds --run-dir {b}/sounds/run", "lies in the folder of sounds"),
    ("train wavegan {b}/sounds --run-dir {b}/r --devices GPU:7", "GPU:7"),
    ("train wavegan {b}/sounds --run-dir {b}/r --precision half", "half"),
    ("generate {preset} --out {b}/o --seed 99999999999999999999", "64 bits"),
    ("generate {preset} --out {b}/o --latents {b}/none.npy", "none.npy"),
    ("train segan_plus {b}/sounds --run-dir {b}/r", "one of: noise=FOLDER (--noise)"),
    ("train segan_plus {b}/sounds --noise {b}/nowhere --run-dir {b}/r", "no folder at"),
    ("train segan_plus {b}/sounds --noise {b}/empty --run-dir {b}/empty/r", "lies in the folder of sounds"),
    ("train segan_plus {b}/sounds --noise {b}/empty --noisy {b}/empty --run-dir {b}/r", "Received: noise and noisy"),
    ("train wavegan {b}/sounds --noise {b}/empty --run-dir {b}/r", "noise is for models of enhancement"),
    ("export {preset} {b}/e --version 1208925819614629174706176", "below 2^63"),
]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    from tf_audio_gan import WaveGAN

    folder = tmp_path_factory.mktemp("preset") / "p"
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(folder)
    return folder


@pytest.mark.parametrize("words, message", WRONG, ids=[w[0].replace("{b}/", "") for w in WRONG])
def test_wrong_inputs_get_one_clear_line(command, places, preset, words, message):
    before = sorted(p.relative_to(places) for p in places.rglob("*"))
    status, out, err = command(*words.format(b=places, preset=preset).split())
    said = " ".join((out + err).replace("│", " ").split())
    assert status in (1, 2) and message in said and "Traceback" not in said
    assert sorted(p.relative_to(places) for p in places.rglob("*")) == before, "a wrong input must leave nothing behind"


def test_a_port_in_use_is_named(command, preset, tmp_path):
    from tf_audio_gan import export

    export(str(preset), tmp_path / "m")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = command("serve", tmp_path / "m", "--rest-port", port)
    assert status == 1 and str(port) in err and "in use" in err


def test_a_recipe_for_another_model_is_named(command, places):
    recipe = ("--run-dir", places / "r", "--recipe", places / "recipe.toml")
    status, _, err = command("train", "melgan", places / "sounds", *recipe)
    assert status == 1 and "is a recipe for wavegan, not melgan" in err


@pytest.mark.soak
def test_the_demo_does_what_it_says(command, tmp_path):
    from tf_audio_gan.audio.io import read_audio

    status, out, _ = command("demo", "--out", tmp_path / "demo", "--minutes", 0.2)
    assert status == 0 and (tmp_path / "demo" / "listen.html").stat().st_size > 100_000
    served, _ = read_audio(tmp_path / "demo" / "served" / "seed_2.wav")
    made, _ = read_audio(next((tmp_path / "demo" / "generated").glob("0002*.wav")))
    np.testing.assert_allclose(served, made, atol=2 / 32767)
