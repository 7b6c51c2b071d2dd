import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds
from tf_audio_gan.data.transposed import Transposed, pitch_numbers

RATE, LENGTH = 8000, 4000


def hz(pitch):
    return 440 * 2 ** ((np.asarray(pitch) - 69) / 12)


@pytest.fixture
def notes(tmp_path):
    for pitch in (60, 67, 72):
        (tmp_path / str(pitch)).mkdir()
        tone = np.sin(2 * np.pi * hz(pitch) * np.arange(6000) / RATE)
        soundfile.write(tmp_path / str(pitch) / "a.wav", 0.5 * tone, RATE)
    return Sounds(tmp_path, sample_rate=RATE, length=LENGTH, labels="folder", crop="start", progress=False)


def test_the_label_moves_with_the_pitch(notes):
    batches = Transposed(notes, 24, semitones=4, lowest=60, highest=72)
    audio, labels = batches[0]
    # over the first 2500 samples, which every speed up to 2^(4/12) fills
    peaks = np.abs(np.fft.rfft(audio[:, :2500, 0] * np.hanning(2500), 2**16)).argmax(axis=1) * RATE / 2**16
    np.testing.assert_allclose(12 * np.log2(peaks / hz(60)), labels, atol=0.15)
    assert set(labels) <= set(range(13)) and len(set(labels)) > 8, "none outside of 60 to 72"
    assert audio.dtype == np.float32 and labels.dtype == np.int32
    again = Transposed(notes, 24, semitones=4, lowest=60, highest=72)[0]
    np.testing.assert_array_equal(audio, again[0])
    np.testing.assert_array_equal(labels, again[1])


def test_no_semitones_are_plain_batches(notes):
    audio, labels = Transposed(notes, 3, semitones=0, lowest=60, highest=72)[0]
    expected, numbers = notes.batch(0, 3)
    np.testing.assert_array_equal(audio, expected)
    np.testing.assert_array_equal(labels + 60, np.array([60, 67, 72])[numbers])


def test_labels_that_are_no_pitches_are_named():
    with pytest.raises(ValueError, match="labels that are pitches in semitones, e.g. 60. Received: c4, 060"):
        pitch_numbers(["60", "c4", "060"])
