"""Small folders of sounds, made anew for each test."""

import numpy as np
import pytest
import soundfile


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def write(tmp_path, rng):
    """write("a/b.wav", seconds=0.5, rate=16000, channels=1) makes a file of noise below tmp_path/sounds."""

    def write(name, samples=None, *, seconds=0.5, rate=16000, channels=1, **options):
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if samples is None:
            samples = rng.uniform(-0.5, 0.5, (int(seconds * rate), channels)).astype(np.float32)
        soundfile.write(path, samples, rate, **options)
        return path

    return write


@pytest.fixture
def folder(tmp_path, write):
    """Twelve sounds of three classes, three rates and lengths from 0.3 to 1.4 seconds."""
    for i in range(12):
        write(f"{'abc'[i % 3]}/{'xyz'[i % 3]}_{i}.wav", seconds=0.3 + 0.1 * i, rate=(16000, 22050, 44100)[i % 3])
    return tmp_path / "sounds"
