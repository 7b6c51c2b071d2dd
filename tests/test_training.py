"""Training runs: exact resume, a kill, a clean interrupt, divergence, and what is left on disk."""

import csv
import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.test_vocoder import QUICK_BANDS
from tf_audio_gan import from_preset, run_folder, train
from tf_audio_gan.audio.io import read_audio, write_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.callbacks import Checkpoints
from tf_audio_gan.health import Health
from tf_audio_gan.models.vocoder import front_end_of

MODEL = {"name": "wavegan", "length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2, "batch_norm": True}
TRAIN = {"batch_size": 4, "log_steps": 5, "checkpoint_minutes": 0.0, "learning_rate": 1e-3, "keep_steps": 4}
TRAIN["learning_rate_halvings"] = [8, 11]
RECIPE = {"model": MODEL, "data": {"crop": "random"}, "train": TRAIN}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 12, seed=1)
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    return folder


@pytest.fixture(scope="module")
def unbroken(sounds, tmp_path_factory):
    return train(RECIPE, sounds, tmp_path_factory.mktemp("run") / "unbroken", steps=17, progress=False)


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.d_optimizer.variables]
    return {v.path: np.array(v.numpy()) for v in variables if "means" not in v.path}


def assert_same(a, b):
    a, b = state(a), state(b)
    assert len(a) == len(b) > 50
    for x, y in zip(a.values(), b.values(), strict=True):
        np.testing.assert_array_equal(x, y)


def start(run_dir, sounds, steps):
    """The command line, in a process of its own."""
    recipe = run_dir.parent / "recipe.toml"
    lines = ["[model]", 'name = "wavegan"', "length = 256", "strides = [4, 4]", "dim = 2", "critic_steps = 2"]
    lines += ["batch_norm = true", "[data]", 'crop = "random"', "[train]", "batch_size = 4", "log_steps = 5"]
    recipe.write_text("\n".join([*lines, "checkpoint_minutes = 0.0", "learning_rate = 1e-3"]))
    command = [sys.executable, "-m", "tf_audio_gan", "train", str(recipe), str(sounds), "--run-dir", str(run_dir)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, "--steps", str(steps)], **pipes)


def wait_for(condition, process, seconds=120):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end and process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def checkpoints(run_dir):
    return sorted(p.name for p in (run_dir / "checkpoints").glob("step_*"))


def test_a_run_leaves_what_it_promises(unbroken):
    run = unbroken.preset.parent
    assert unbroken.ended == "finished" and unbroken.step == 17
    assert [reason for path, reason in unbroken.skipped if path.endswith("broken.wav")]
    assert "broken.wav" in (run / "skipped.txt").read_text()
    assert len(list((run / "generated").glob("*.wav"))) == 16
    assert unbroken.contact_sheet.read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader(open(run / "log.csv")))
    assert [row["step"] for row in rows] == ["5", "10", "15", "17"]
    assert float(rows[-1]["d/gradient_norm"]) > 0 and float(rows[-1]["g/diversity"]) >= 0
    assert float(rows[-1]["examples_per_second"]) > 0
    assert [name[:14] for name in checkpoints(run)] == ["step_000000015", "step_000000017"]
    np.testing.assert_array_equal(from_preset(unbroken.preset).generate(2), unbroken.model.generate(2))


def test_tensorboard_has_scalars_audio_and_pictures(unbroken):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(unbroken.preset.parent / "logs"), size_guidance={"tensors": 0})
    events.Reload()
    assert {"d/adversarial", "g/adversarial"} <= set(events.Tags()["tensors"])
    sound = events.Tensors("generated/audio")[-1].tensor_proto
    picture = events.Tensors("generated/spectrogram")[-1].tensor_proto
    assert [d.size for d in sound.tensor_shape.dim] == [8, 2] and sound.string_val[0][:4] == b"RIFF"
    assert len(picture.string_val) == 2 + 8 and picture.string_val[2][:4] == b"\x89PNG"
    kinds = [events.SummaryMetadata(f"generated/{name}").plugin_data.plugin_name for name in ("audio", "spectrogram")]
    assert kinds == ["audio", "images"]
    assert len(events.Tensors("d/adversarial")) == 4


def test_a_resumed_run_equals_an_unbroken_one(unbroken, sounds, tmp_path):
    rates = {4: 1e-3, 9: 5e-4, 17: 2.5e-4}
    for steps, rate in rates.items():
        result = train(RECIPE, sounds, tmp_path / "run", steps=steps, progress=False)
        assert result.step == steps
        found = [o.learning_rate for o in (result.model.optimizer, result.model.d_optimizer)]
        assert found == [np.float32(rate)] * 2
        if steps == 4:
            early = from_preset(result.preset).generate(2)
    assert_same(result.model, unbroken.model)
    kept = sorted(unbroken.preset.parent.glob("kept/*"))
    assert [path.name for path in kept] == [f"step_{step:09d}" for step in (4, 8, 12, 16)]
    assert sorted(path.name for path in tmp_path.glob("run/kept/*")) == [path.name for path in kept]
    np.testing.assert_array_equal(from_preset(kept[0]).generate(2), early)
    assert json.loads((kept[1] / "metadata.json").read_text())["steps"] == 8 and (kept[1] / "recipe.toml").is_file()


def test_ctrl_c_saves_and_ends_cleanly(sounds, tmp_path):
    run = tmp_path / "run"
    process = start(run, sounds, 100_000)
    wait_for(lambda: len(checkpoints(run)) == 2, process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "stopping after this step" in out and "interrupted at step" in out
    step = int(out.split("interrupted at step ")[1].split()[0])
    assert checkpoints(run)[-1].startswith(f"step_{step:09d}-") and (run / "preset" / "config.json").is_file()
    assert not list((run / "checkpoints").glob("tmp*"))


def test_max_minutes_stops_saved(sounds, tmp_path, untraced):
    result = train(RECIPE, sounds, tmp_path / "run", max_minutes=0.0, progress=False)
    assert result.ended == "time is up" and result.step == 1 and checkpoints(tmp_path / "run")


def test_divergence_keeps_the_last_good_state(sounds, tmp_path):
    """A learning rate that blows up: the run says so, and preset and checkpoint are finite."""
    recipe = {**RECIPE, "model": {**MODEL, "batch_norm": False}, "train": {**TRAIN, "learning_rate": 1e4}}
    result = train(recipe, sounds, tmp_path / "run", steps=500, progress=False)
    assert result.ended.startswith("diverged: ") and "at step" in result.ended
    assert all(np.isfinite(v).all() for v in state(result.model).values())
    assert np.isfinite(from_preset(result.preset).generate(1)).all()


def test_a_damaged_checkpoint_falls_back(unbroken, sounds, tmp_path, capsys):
    run = shutil.copytree(unbroken.preset.parent, tmp_path / "run")
    newest = run / "checkpoints" / checkpoints(run)[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    result = train(RECIPE, sounds, run, steps=17, progress=False)
    assert f"{newest} cannot be read" in capsys.readouterr().out
    assert_same(result.model, unbroken.model)


def test_another_recipe_in_the_same_folder_is_refused(unbroken, sounds):
    other = {**RECIPE, "model": {**MODEL, "dim": 4}}
    with pytest.raises(
        ValueError, match=r"\[model\] dim = 2, now it is 4. Use the same recipe .* or another --run-dir"
    ):
        train(other, sounds, unbroken.preset.parent, progress=False)


def test_a_run_never_trains_on_what_it_makes(sounds):
    for run_dir in (sounds, sounds / "run"):
        with pytest.raises(ValueError, match="would train on what it generates"):
            train(RECIPE, sounds, run_dir, progress=False)


def test_batch_size_cannot_change_and_the_learning_rate_is_what_the_recipe_says(
    unbroken, sounds, tmp_path, capsys, untraced
):
    run = shutil.copytree(unbroken.preset.parent, tmp_path / "run")
    with pytest.raises(ValueError, match=r"\[train\] batch_size = 4, now it is 8"):
        train({**RECIPE, "train": {**TRAIN, "batch_size": 8}}, sounds, run, steps=18, progress=False)
    plain = {k: v for k, v in TRAIN.items() if k != "learning_rate"} | {"learning_rate_halvings": [3]}
    result = train({**RECIPE, "train": plain}, sounds, run, steps=18, progress=False)
    assert result.step == 18
    assert result.model.optimizer.learning_rate == np.float32(5e-5)
    assert "learning_rate was 0.001, from here on it is None" in capsys.readouterr().out


def test_a_schedule_can_give_way_to_a_constant_rate_in_a_run(sounds, tmp_path, untraced):
    """Optimizers with a schedule go on with moments and step when the recipe names a rate, one that falls, and back.

    Bands of mels are measured before the first step, and are what they were when the run goes on with other sounds.
    """
    model = {"name": "multiband_melgan", **QUICK_BANDS, "discriminator_start": 2}
    recipe = {"model": model, "train": {"batch_size": 2, "normalize_mels": True}}
    rated = {**recipe, "train": {**recipe["train"], "learning_rate": 2e-5, "learning_rate_halvings": [3]}}
    run, steps, sounds = tmp_path / "run", [], shutil.copytree(sounds, tmp_path / "sounds")
    for n, given in enumerate((recipe, rated, recipe), 2):
        result = train(given, sounds, run, steps=n, progress=False)
        model, settings = result.model, json.loads((result.preset / "audio.json").read_text())["mel"]
        if n == 2:
            plain = front_end_of(QUICK_BANDS["front_end"])
            files = [path for path in sounds.rglob("*.*") if path.stem != "broken"]
            read = [read_audio(path, plain.sample_rate, 1)[0] for path in files]
            mels = np.concatenate([keras.ops.convert_to_numpy(plain(sound[None]))[0] for sound in read])
            np.testing.assert_allclose(settings["mean"], mels.mean(axis=0), atol=1e-4)
            np.testing.assert_allclose(settings["scale"], mels.std(axis=0), atol=1e-4)
            first = settings
            write_audio(sounds / "more.wav", read[0] / 8, plain.sample_rate)
        assert settings == first and model.front_end.mean.tolist() == first["mean"]
        moments = [float(np.abs(v).max()) for v in model.optimizer.variables if "momentum" in v.path]
        steps.append((int(model.optimizer.iterations), min(moments) > 0, float(model.optimizer.learning_rate)))
    recipe["train"]["learning_rate_halvings"] = [3]
    with pytest.raises(ValueError, match="learning_rate_halvings needs a learning_rate: MultiBandMelGAN's published"):
        train(recipe, sounds, tmp_path / "another", steps=5, progress=False)
    assert not (tmp_path / "another").exists()
    assert steps == [(2, True, np.float32(1e-3)), (3, True, np.float32(1e-5)), (4, True, np.float32(1e-3))]


def test_other_optimizers_than_the_checkpoint_s_are_refused(unbroken):
    model = from_preset(unbroken.preset)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match="was saved with other optimizers"):
        Checkpoints(unbroken.preset.parent / "checkpoints", 0, Health()).restore(model)


def test_one_process_at_a_time(unbroken, sounds):
    run = unbroken.preset.parent
    with run_folder.lock(run), pytest.raises(ValueError, match="another process is training in"):
        train(RECIPE, sounds, run, steps=18, progress=False)


def test_a_users_recipe_is_not_a_run(sounds, tmp_path):
    (tmp_path / "recipe.toml").write_text('[model]\nname = "wavegan" # mine\n')
    with pytest.raises(ValueError, match="holds no training run"):
        train(str(tmp_path / "recipe.toml"), sounds, tmp_path, progress=False)
    assert "# mine" in (tmp_path / "recipe.toml").read_text()


def test_a_folder_with_something_else_is_refused(sounds, tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="holds no training run"):
        train(RECIPE, sounds, tmp_path, progress=False)


def test_health_names_the_loss():
    class Model:
        stop_training = False
        optimizer = type("Optimizer", (), {"iterations": 7})

    health = Health()
    health.set_model(Model())
    health.on_epoch_end(0, {"d/adversarial": -3.0})
    assert health.problem is None
    health.on_epoch_end(0, {"d/adversarial": float("nan")})
    assert health.problem == "diverged: d/adversarial is nan at step 7" and health.model.stop_training


def test_a_full_disk_leaves_no_half_written_checkpoint(unbroken, tmp_path, monkeypatch):
    def write_until_full(self, path):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    health = Health()
    health.set_model(unbroken.model)
    keeper = Checkpoints(tmp_path, 0, health)
    keeper.set_model(unbroken.model)
    monkeypatch.setattr(type(unbroken.model), "save_weights", write_until_full)
    with pytest.raises(OSError, match="No space left"):
        keeper.on_train_begin()
    assert not list(tmp_path.iterdir())
