"""Full counts, run by `make soak`."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds, prepare_sounds

pytestmark = pytest.mark.soak


def test_fifty_thousand_tiny_files(tmp_path, rng):
    samples = rng.integers(-9000, 9000, (50, 400)).astype(np.int16)
    for i in range(50_000):
        path = tmp_path / "sounds" / f"{i % 100}"
        path.mkdir(parents=True, exist_ok=True)
        soundfile.write(path / f"{i}.wav", samples[i % 50], 16000)
    sounds = Sounds(tmp_path / "sounds", length=400, labels="folder", cache_mb=8)
    assert len(sounds) == 50_000 and not sounds.skipped and len(sounds.label_names) == 100
    seen = np.concatenate([sounds.batch(step, 1000)[1] for step in range(50)])
    assert np.bincount(seen).tolist() == [500] * 100
    report = prepare_sounds(tmp_path / "sounds", tmp_path / "out", labels="folder", workers=1, progress=False)
    assert report["clips"] == 50_000
    prepared = Sounds(tmp_path / "out", length=400)
    assert prepared.fingerprint == sounds.fingerprint
    np.testing.assert_array_equal(prepared.batch(7, 64)[0], sounds.batch(7, 64)[0])
    command = [sys.executable, "-c", FLAT, tmp_path / "sounds"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    opened, warm, after = map(int, done.stdout.split())
    print(f"50,000 files: {opened} MB to open them, {warm} MB after 5,000 examples, {after} MB after 200,000")
    assert opened < 150 and after - warm < 20


USED = """
import sys
from pathlib import Path
from tf_audio_gan import Sounds, prepare_sounds
used = lambda: int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024  # MB at most so far
Sounds
"""
FLAT = (
    USED
    + """
before = used()
sounds = Sounds(sys.argv[1], length=400, cache_mb=8, progress=False)
opened = used() - before
for step in range(5): sounds.batch(step, 1000)
warm = used()
for step in range(5, 200): sounds.batch(step, 1000)
print(opened, warm, used())
"""
)
THREE_HOURS = (
    USED
    + """
Sounds(sys.argv[1], progress=False).batch(0, 64)
reading = used()
prepare_sounds(sys.argv[1], sys.argv[2], workers=1, progress=False)
print(reading, used())
"""
)


def test_three_hours_in_one_file(tmp_path, rng):
    (tmp_path / "sounds").mkdir()
    minute = rng.integers(-9000, 9000, (60 * 44100, 2)).astype(np.int16)
    with soundfile.SoundFile(tmp_path / "sounds" / "long.flac", "w", 44100, 2) as file:
        for _ in range(180):
            file.write(minute)
    command = [sys.executable, "-c", THREE_HOURS, tmp_path / "sounds", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    reading, preparing = map(int, done.stdout.split())
    print(f"three hours: {reading} MB to read them, {preparing} MB to prepare them")
    assert reading < 400 and preparing < 500, f"peak memory {reading} and {preparing} MB; decoded it would be 1300 MB"
    one, two = Sounds(tmp_path / "sounds"), Sounds(tmp_path / "out")
    assert one.clips == two.clips and one.clips[0].length == 3 * 3600 * 16000
    assert np.abs(one.batch(2, 16)[0] - two.batch(2, 16)[0]).max() < 0.51 / 32768 + 2e-6
