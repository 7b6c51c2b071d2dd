from collections import Counter

import numpy as np
import pytest
import soundfile

from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.audio.synthetic import KINDS, drum_hits, write_drum_hits


def centre(audio, rate):
    """Spectral centroid in Hz."""
    power = np.abs(np.fft.rfft(audio[:, 0])) ** 2
    return np.sum(np.fft.rfftfreq(len(audio), 1 / rate) * power) / power.sum()


def test_hits_are_deterministic_varied_and_in_range():
    hits, again = drum_hits(30, seed=3), drum_hits(10, seed=3)
    assert Counter(kind for kind, _ in hits) == dict.fromkeys(KINDS, 6)
    for (_, a), (_, b) in zip(hits, again, strict=False):
        np.testing.assert_array_equal(a, b)
    for _, audio in hits:
        assert audio.dtype == np.float32 and audio.shape[1] == 1 and 0.1 * 16000 <= len(audio) <= 0.9 * 16000
        assert 0.34 < np.abs(audio).max() <= 0.951 and np.isfinite(audio).all()
        half = len(audio) // 2
        assert np.sum(audio[:half] ** 2) > 5 * np.sum(audio[half:] ** 2)  # a hit decays
    assert len({len(audio) for _, audio in hits}) > 20
    assert not np.array_equal(drum_hits(1, seed=3)[0][1], drum_hits(1, seed=4)[0][1])


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_kinds_sound_as_they_should(rate):
    by_kind = {kind: [] for kind in KINDS}
    for kind, audio in drum_hits(25, rate):
        by_kind[kind].append(centre(audio, rate))
    middle = {kind: np.median(values) for kind, values in by_kind.items()}
    assert 30 < middle["kick"] < 120 < middle["tom"] < 500 < middle["clap"] < middle["hat"]


def test_written_hits_are_nested_mixed_and_repeatable(tmp_path):
    paths = write_drum_hits(tmp_path / "a", 14, 16000, seed=1)
    again = write_drum_hits(tmp_path / "b", 14, 16000, seed=1)
    assert {p.suffix for p in paths} == {".wav", ".flac"} and {p.parent.name for p in paths} == set(KINDS)
    assert {soundfile.info(p).samplerate for p in paths} == {16000, 22050, 44100}
    for a, b in zip(paths, again, strict=True):
        np.testing.assert_array_equal(read_audio(a)[0], read_audio(b)[0])


def test_refusals():
    with pytest.raises(ValueError, match="n is -1; expected 0 or more"):
        drum_hits(-1)
    with pytest.raises(ValueError, match="sample_rate is 2000 Hz; expected 4000 or more"):
        drum_hits(1, 2000)
