"""Kills at random moments, full and closed disks, damaged checkpoints, files that vanish: what a run survives."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tests.test_training import MODEL, RECIPE, TRAIN, assert_same, checkpoints, start, wait_for
from tf_audio_gan import WaveGAN, train
from tf_audio_gan.audio.synthetic import write_drum_hits

KILLS = [1, pytest.param(20, marks=pytest.mark.soak)]
PREPARE = """
import sys
from tf_audio_gan.data import prepare
prepare.SHARD_BYTES = 100_000
if __name__ == "__main__":
    prepare.prepare_sounds(sys.argv[1], sys.argv[2], workers=1, progress=False)
"""
TOML = """
[model]
name = "wavegan"
length = 256
strides = [4, 4]
dim = 2
critic_steps = 1
[train]
batch_size = 4
log_steps = 5
checkpoint_minutes = 0.0
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 12, seed=1)
    return folder


@pytest.fixture
def disk(tmp_path):
    """disk(kilobytes) mounts a small disk, or makes it larger; returns its folder."""
    folder, mounted = tmp_path / "disk", []

    def resize(kilobytes):
        folder.mkdir(exist_ok=True)
        options = f"{'remount,' if mounted else ''}size={kilobytes}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield resize
    if mounted:
        subprocess.run(["umount", folder], check=True)


def newest_step(run):
    return max((int(name[5:14]) for name in checkpoints(run)), default=-1)


def log_rows(run):
    """The lines of a run's log; none before it has one."""
    if not (run / "log.csv").is_file():
        return []
    return [row[:-1] for row in csv.reader(open(run / "log.csv"))]  # the last column is a rate


@pytest.mark.parametrize("kills", KILLS)
def test_a_run_killed_again_and_again_equals_an_unbroken_one(kills, sounds, tmp_path):
    """Weights, both optimizers, averages; the log holds every line once, so noise and data were the same too."""
    run, rng, half_written = tmp_path / "run", np.random.default_rng(kills), 0
    for _ in range(kills):
        before = newest_step(run)
        process = start(run, sounds, 100_000)
        wait_for(lambda before=before: newest_step(run) > before, process)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.communicate()
        half_written += bool(list((run / "checkpoints").glob("tmp*")))
    steps = newest_step(run) + 7
    resumed = train(RECIPE, sounds, run, steps=steps, progress=False)
    unbroken = train(RECIPE, sounds, tmp_path / "unbroken", steps=steps, progress=False)
    print(f"{kills} kills over {steps} steps, {half_written} of them during a checkpoint's writing")
    assert_same(resumed.model, unbroken.model)
    assert log_rows(run) == log_rows(tmp_path / "unbroken")
    assert not list((run / "checkpoints").glob("tmp*"))


@pytest.mark.parametrize("kills", KILLS)
def test_prepare_killed_again_and_again_makes_the_same_bytes(kills, rng, tmp_path):
    (tmp_path / "sounds").mkdir()
    for i in range(60):
        soundfile.write(tmp_path / "sounds" / f"{i}.flac", rng.uniform(-0.5, 0.5, 5 * 44100), 44100)
    (tmp_path / "prepare.py").write_text(PREPARE)
    environment, killed, finished = os.environ | {"PYTHONPATH": os.getcwd()}, 0, 0

    def run(out, wait):
        process = subprocess.Popen([sys.executable, tmp_path / "prepare.py", tmp_path / "sounds", out], env=environment)
        try:
            return process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    begin = time.time()
    assert run(tmp_path / "unbroken", 300) == 0
    once, out = time.time() - begin, tmp_path / "killed0"
    while killed < kills:
        if run(out, rng.uniform(0.1, 0.9) * once) == -signal.SIGKILL:
            killed += 1
        else:
            finished, out = finished + 1, tmp_path / f"killed{killed}"
    assert run(out, 300) == 0
    print(f"{killed} kills, finished {finished} times between them")
    expected = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "unbroken").iterdir()}
    for folder in {out, *(p for p in tmp_path.glob("killed*") if (p / "index.json").exists())}:
        assert expected == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def flip_bytes(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(b ^ 0x10 for b in content[middle : middle + 64])
    path.write_bytes(content)


def test_flipped_bytes_are_found_and_two_damaged_checkpoints_are_an_error(sounds, tmp_path, capsys):
    run = tmp_path / "run"
    unbroken = train(RECIPE, sounds, tmp_path / "unbroken", steps=12, progress=False)
    train(RECIPE, sounds, run, steps=10, progress=False)
    older, newest = sorted((run / "checkpoints").iterdir())
    flip_bytes(newest)
    resumed = train(RECIPE, sounds, run, steps=8, progress=False)
    assert f"{newest} cannot be read (ValueError: its content is not what was written)" in capsys.readouterr().out
    assert resumed.step == 8 and newest.name not in checkpoints(run), "damaged, and beyond the step that is saved"
    resumed = train(RECIPE, sounds, run, steps=12, progress=False)
    assert_same(resumed.model, unbroken.model)
    for path in (run / "checkpoints").iterdir():
        flip_bytes(path)
    with pytest.raises(ValueError, match=r"none of the 2 checkpoints in .* can be read. .*begins anew at step 0"):
        train(RECIPE, sounds, run, steps=14, progress=False)


@pytest.mark.parametrize("kilobytes", [700, *(pytest.param(k, marks=pytest.mark.soak) for k in (40, 300, 500))])
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(kilobytes, disk, sounds, tmp_path, command):
    folder = disk(kilobytes)
    (tmp_path / "recipe.toml").write_text(TOML)
    arguments = ("train", tmp_path / "recipe.toml", sounds, "--run-dir", folder / "run", "--steps", 12)
    status, out, err = command(*arguments)
    assert status == 1 and "Traceback" not in out + err
    assert "error: could not write" in err and "No space left on device; make room there" in err
    assert all(len(row) == len(log_rows(folder / "run")[0]) for row in log_rows(folder / "run"))
    assert not [p for p in folder.rglob("*") if "tmp" in p.name]
    disk(9000)
    status, out, _ = command(*arguments)
    assert status == 0 and "finished at step 12" in out


@pytest.mark.parametrize("name", ["generate", "export", "prepare"])
def test_a_full_disk_leaves_nothing_half_written(name, disk, sounds, tmp_path, command):
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(tmp_path / "preset")
    folder = disk(40)
    arguments = {
        "generate": (tmp_path / "preset", "--out", folder / "out"),
        "export": (tmp_path / "preset", folder / "m"),
    }
    status, out, err = command(name, *arguments.get(name, (sounds, folder / "out", "--workers", 1)))
    assert status == 1 and "Traceback" not in out + err and str(folder) in err
    assert "No space left on device" in err or "make room" in err
    assert not [p for p in folder.rglob("*") if "tmp" in p.name or p.suffix in (".tfrecord", ".pb", ".png")]


@pytest.mark.parametrize("name", ["train", "generate", "export", "prepare"])
def test_an_unwritable_folder_is_one_line(name, sounds, tmp_path, command):
    """A file stands where the folder's parent should be: that stops even the superuser."""
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(tmp_path / "preset")
    (tmp_path / "recipe.toml").write_text(TOML)
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    arguments = {
        "train": (tmp_path / "recipe.toml", sounds, "--run-dir", out, "--steps", 1),
        "generate": (tmp_path / "preset", "--out", out),
        "export": (tmp_path / "preset", out),
        "prepare": (sounds, out, "--workers", 1),
    }
    status, printed, err = command(name, *arguments[name])
    assert status == 1 and "Traceback" not in printed + err
    assert f"{out}" in err and "Not a directory" in err and len(err.strip().splitlines()[-1]) < 400


def test_a_file_that_vanishes_during_training_is_replaced_and_named(sounds, tmp_path, monkeypatch):
    import shutil

    from tf_audio_gan import callbacks

    shutil.copytree(sounds, tmp_path / "sounds")
    victim = sorted((tmp_path / "sounds").rglob("*.wav"))[0]
    monkeypatch.setattr(callbacks.Stop, "on_epoch_end", lambda *_: victim.unlink(missing_ok=True), raising=False)
    recipe = {"model": MODEL, "data": {"cache_mb": 0}, "train": TRAIN}
    result = train(recipe, tmp_path / "sounds", tmp_path / "run", steps=30, progress=False)
    name = str(victim.relative_to(tmp_path / "sounds"))
    assert result.ended == "finished" and result.skipped == [(name, "during training: disappeared")]
    assert (tmp_path / "run" / "skipped.txt").read_text() == f"{name}: during training: disappeared\n"
