import librosa
import numpy as np
import pytest
import soundfile

from tf_audio_gan.data.decoders import ArrayReader, SoundfileReader, UnreadableSound
from tf_audio_gan.data.resample import convert_channels, read_whole, read_window, resampled_length

RATES = (8000, 11025, 22050, 44100, 48000, 96000, 192000)


@pytest.mark.parametrize("rate", RATES)
def test_a_whole_file_equals_librosa_load(write, rate):
    path = write("a.wav", seconds=1.2, rate=rate)
    expected, _ = librosa.load(path, sr=16000)
    with SoundfileReader(path) as reader:
        got = read_whole(reader, resampled_length(int(1.2 * rate), rate, 16000), 16000, 1)
    assert got.shape == (len(expected), 1)
    np.testing.assert_allclose(got[:, 0], expected, atol=2e-6)


@pytest.mark.parametrize("rate", (8000, 16000, 22050, 44100, 44101, 192000))
def test_a_window_equals_the_same_window_of_the_whole_file(write, rate):
    path = write("a.wav", seconds=4, rate=rate, channels=2, subtype="FLOAT")
    length = resampled_length(4 * rate, rate, 16000)
    with SoundfileReader(path) as reader:
        whole = read_whole(reader, length, 16000, 1)
    for start, count in ((0, 1000), (20001, 16384), (length - 777, 777)):
        with SoundfileReader(path) as reader:
            window = read_window(reader, start, count, 16000, 1)
        np.testing.assert_allclose(window, whole[start : start + count], atol=2e-6)


@pytest.mark.parametrize("extension", ("mp3", "ogg", "flac"))
def test_windows_of_compressed_files_are_exact(write, extension):
    path = write(f"a.{extension}", seconds=5, rate=44100)
    whole, _ = soundfile.read(path, dtype="float32")
    with SoundfileReader(path) as reader:
        window = read_window(reader, 100_001, 5000, 44100, 1)
    np.testing.assert_allclose(window[:, 0], whole[100_001:105_001], atol=1e-6)


def test_blocks_do_not_change_the_result(rng, monkeypatch):
    samples = rng.uniform(-1, 1, (50_000, 2)).astype(np.float32)
    length = resampled_length(50_000, 44100, 16000)
    once = read_whole(ArrayReader(samples, 44100), length, 16000, 2)
    monkeypatch.setattr("tf_audio_gan.data.resample.BLOCK_SAMPLES", 1000)
    np.testing.assert_array_equal(read_whole(ArrayReader(samples, 44100), length, 16000, 2), once)


def test_channels(rng):
    x = rng.uniform(-1, 1, (10, 8)).astype(np.float32)
    np.testing.assert_allclose(convert_channels(x, 1)[:, 0], x.mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(convert_channels(x[:, :1], 2), x[:, [0, 0]])
    assert convert_channels(x, 8) is x
    with pytest.raises(UnreadableSound, match="has 8 channels where 2 are wanted"):
        convert_channels(x, 2)
