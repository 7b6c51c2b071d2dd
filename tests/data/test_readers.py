"""Which reader a task has."""

import pytest

from tf_audio_gan import MixedSpeech, NoisyPairs, Sounds
from tf_audio_gan.data.notes import Notes
from tf_audio_gan.data.readers import folders, open_sounds, readers


def test_each_task_has_its_readers():
    assert readers("generation") == (Sounds, Notes) and readers("vocoding") == (Sounds,)
    assert set(readers("enhancement")) == {MixedSpeech, NoisyPairs}


def test_the_folders_choose_the_reader(tmp_path, write):
    for name in ("clean/a.wav", "noise/b.wav", "noisy/a.wav"):
        write(name)
    root = tmp_path / "sounds"
    options = {"gain": (0.5, 1.0), "snr": [3], "reverberation": 0.0}
    for which, kind, left_out in (("noise", MixedSpeech, []), ("noisy", NoisyPairs, ["snr", "reverberation"])):
        sources = folders("enhancement", root / "clean", **{which: root / which})
        assert sources == {"clean": root / "clean", which: root / which}
        sounds, unused = open_sounds(sources, options, sample_rate=8000, length=65, channels=2, progress=False)
        assert type(sounds) is kind and unused == left_out and sounds.gain == (0.5, 1.0)
        assert sounds.batch(0, 1)[0].shape == (1, 65, 2)
    plain, unused = open_sounds(folders("generation", root), {"crop": "start"}, progress=False)
    assert type(plain) is Sounds and plain.crop == "start" and not unused


def test_folders_that_do_not_fit_the_task_are_named(tmp_path):
    with pytest.raises(ValueError, match="Received: neither"):
        folders("enhancement", tmp_path)
    with pytest.raises(ValueError, match="Received: noise and noisy"):
        folders("enhancement", tmp_path, tmp_path, tmp_path)
    with pytest.raises(ValueError, match="noisy is for models of enhancement; this one is for vocoding"):
        folders("vocoding", tmp_path, noisy=tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder at .*none"):
        folders("enhancement", tmp_path, tmp_path / "none")
