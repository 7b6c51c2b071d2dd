import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tf_audio_gan import Sounds, prepare_sounds

SCRIPT = """
import signal, sys, time
from tf_audio_gan.data import prepare
prepare.SHARD_BYTES = {shard_bytes}
write = prepare.write_shard
def slowly(*arguments):
    time.sleep({pause})  # so that there is time to stop it, however fast the machine
    return write(*arguments)
prepare.write_shard = slowly
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    prepare.prepare_sounds(sys.argv[1], sys.argv[2], workers={workers}, progress=False)
"""


def digest(out):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())}


def start(tmp_path, folder, out, workers, shard_bytes=50_000, pause=0.0):
    script = tmp_path / f"prepare{workers}.py"
    script.write_text(SCRIPT.format(workers=workers, shard_bytes=shard_bytes, pause=pause))
    return subprocess.Popen(
        [sys.executable, script, folder, out],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr("tf_audio_gan.data.prepare.SHARD_BYTES", 50_000)


def test_a_finished_folder_is_left_alone(folder, tmp_path, capsys):
    first = prepare_sounds(folder, tmp_path / "out", workers=1, progress=False)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    again = prepare_sounds(folder, tmp_path / "out", workers=1)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    assert first == again | {"finished_before": False} and again["finished_before"]
    assert "prepared already: 12 sounds, nothing to do" in capsys.readouterr().out
    assert sorted(p.name for p in before) == ["index.json", "shard-00000.tfrecord"]


def test_processes_give_the_same_bytes(folder, tmp_path, small_shards):
    prepare_sounds(folder, tmp_path / "one", workers=1, progress=False)
    process = start(tmp_path, folder, tmp_path / "two", workers=2)
    assert process.wait(60) == 0, process.stderr.read()
    assert digest(tmp_path / "one") == digest(tmp_path / "two") and len(digest(tmp_path / "one")) > 4


@pytest.mark.parametrize("how", (signal.SIGKILL, signal.SIGINT))
def test_stopped_and_continued_gives_the_same_bytes(write, tmp_path, how, monkeypatch):
    monkeypatch.setattr("tf_audio_gan.data.prepare.SHARD_BYTES", 400_000)
    for i in range(60):
        write(f"{i}.flac", seconds=5, rate=44100)
    folder, out = tmp_path / "sounds", tmp_path / "out"
    process = start(tmp_path, folder, out, workers=1, shard_bytes=400_000, pause=0.2)
    deadline = time.time() + 60
    while len(list(out.glob("*.tfrecord"))) < 2 and time.time() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, how)
    process.wait(30)
    assert process.returncode != 0 and not (out / "index.json").exists(), "it was done before it could be stopped"
    if how == signal.SIGINT:
        assert not list(out.glob("*.tmp"))
    kept = {p: p.stat().st_mtime_ns for p in out.glob("*.tfrecord") if p.with_name(f"{p.name}.json").exists()}
    with pytest.raises(ValueError, match="is not finished: run `tf-audio-gan prepare` with the same arguments"):
        Sounds(out)
    prepare_sounds(folder, out, workers=1, progress=False)
    assert kept and all(path.stat().st_mtime_ns == when for path, when in kept.items())
    prepare_sounds(folder, tmp_path / "unbroken", workers=1, progress=False)
    assert digest(out) == digest(tmp_path / "unbroken")


def test_killed_processes_do_not_outlive_their_parent(write, tmp_path):
    for i in range(60):
        write(f"{i}.flac", seconds=5, rate=44100)
    process = start(tmp_path, tmp_path / "sounds", tmp_path / "out", workers=2, shard_bytes=400_000, pause=0.2)
    deadline = time.time() + 60
    while not list((tmp_path / "out").glob("*.tfrecord")) and time.time() < deadline:
        time.sleep(0.002)
    assert process.poll() is None, "it was done before it could be killed"
    process.kill()
    process.wait(10)
    with pytest.raises(ProcessLookupError):
        while time.time() < deadline:
            os.killpg(process.pid, 0)  # the group is gone when its last process is
            time.sleep(0.05)


def test_other_settings_or_sounds_are_refused(folder, tmp_path, write):
    out = tmp_path / "out"
    prepare_sounds(folder, out, workers=1, progress=False)
    with pytest.raises(ValueError, match="other settings: sample_rate 16000 there, 22050 now; name a new folder"):
        prepare_sounds(folder, out, sample_rate=22050, workers=1, progress=False)
    with pytest.raises(ValueError, match="labels None there, 'folder' now"):
        prepare_sounds(folder, out, labels="folder", workers=1, progress=False)
    write("new.wav")
    with pytest.raises(ValueError, match="made from other sounds"):
        prepare_sounds(folder, out, workers=1, progress=False)


def test_folders_that_cannot_be_the_target(folder, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for out, message in (
        (tmp_path / "full", "is not empty .it holds thesis.txt."),
        (tmp_path / "full" / "thesis.txt", "is a file"),
        (folder, "cannot go into the folder of sounds itself|is not empty"),
    ):
        with pytest.raises(ValueError, match=message):
            prepare_sounds(folder, out, workers=1, progress=False)
    prepare_sounds(folder, tmp_path / "out", workers=1, progress=False)
    with pytest.raises(ValueError, match="is a folder of prepared shards"):
        prepare_sounds(tmp_path / "out", tmp_path / "twice", workers=1, progress=False)


def test_a_full_disk_leaves_no_half_file(folder, tmp_path, small_shards, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tf_audio_gan.data.shard_writer.os.fsync", full)
    with pytest.raises(
        OSError, match="could not write .*: No space left on device; make room or choose another folder"
    ):
        prepare_sounds(folder, tmp_path / "deep" / "out", workers=1, progress=False)
    assert not (tmp_path / "deep").exists()
    monkeypatch.undo()
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("tf_audio_gan.data.prepare.shutil.disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="has 0.0 MB free, the shards need"):
        prepare_sounds(folder, tmp_path / "out", workers=1, progress=False)


def test_a_folder_that_cannot_be_made(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot make the folder"):
        prepare_sounds(folder, tmp_path / "file" / "out", workers=1, progress=False)


def test_a_file_that_breaks_between_scan_and_writing_is_named(folder, tmp_path, monkeypatch):
    from tf_audio_gan.data import prepare

    plan = prepare._make_plan

    def plan_then_break(*arguments):
        made = plan(*arguments)
        (folder / "a/x_0.wav").unlink()
        return made

    monkeypatch.setattr(prepare, "_make_plan", plan_then_break)
    report = prepare_sounds(folder, tmp_path / "out", workers=1, progress=False)
    assert report["clips"] == 11 and report["skipped"] == [["a/x_0.wav", "disappeared"]]
    assert len(Sounds(tmp_path / "out", length=1000)) == 11


def test_skipped_files_are_in_the_index(folder, tmp_path, write):
    write("silent.wav", np.zeros(100))
    report = prepare_sounds(folder, tmp_path / "out", workers=1, progress=False)
    assert report["skipped"] == [["silent.wav", "silent (digital silence or a constant offset)"]]
    assert Sounds(tmp_path / "out").skipped == [tuple(item) for item in report["skipped"]]
    assert json.loads((tmp_path / "out" / "index.json").read_text())["skipped"] == report["skipped"]
