import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds
from tf_audio_gan.audio.mixing import active_level
from tf_audio_gan.data import levels
from tf_audio_gan.data.levels import Levels


@pytest.mark.parametrize("window", [2**20, 5000])
def test_levels_are_those_of_the_whole_sound_in_a_loop(write, tmp_path, rng, monkeypatch, window):
    monkeypatch.setattr(levels, "_WINDOW", window)
    path = write("a.wav", rng.uniform(-0.5, 0.5, 16010) * np.linspace(0.1, 1, 16010))
    samples = soundfile.read(path)[0]
    found = Levels(Sounds(tmp_path / "sounds", progress=False))
    assert found.speech(0) == pytest.approx(active_level(samples, 16000)[0], abs=1e-6)
    for start, count in ((0, 16010), (0, 4000), (12345, 3000), (15000, 40000), (16009, 800)):
        expected = np.mean(np.take(samples, np.arange(start, start + count), mode="wrap") ** 2)
        assert found.power(0, start, count) == pytest.approx(expected, rel=0.03 if count > 1000 else 0.3)
    assert found.power(0, 0, 16010) == pytest.approx(np.mean(samples**2), rel=1e-6)


def test_an_almost_silent_stretch_counts_as_20_db_below_the_whole(write, tmp_path):
    write("a.wav", np.concatenate([np.full(8000, 0.5) * (-1.0) ** np.arange(8000), np.zeros(8000)]))
    found = Levels(Sounds(tmp_path / "sounds", progress=False))
    assert found.power(0, 0, 8000) == pytest.approx(0.25) and found.power(0, 8000, 8000) == pytest.approx(0.00125)


def test_a_sound_that_is_gone_has_no_level(write, tmp_path):
    path = write("a.wav")
    found = Levels(Sounds(tmp_path / "sounds", progress=False))
    path.unlink()
    assert found.speech(0) is None and found.power(0, 0, 10) is None
