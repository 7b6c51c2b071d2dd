import io
import wave

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile

from tf_audio_gan.audio import io as audio_io
from tf_audio_gan.audio.io import SoundWriter, read_audio, wav_bytes, write_audio


def tone(samples=4000, channels=1, rate=16000, hz=440.0):
    t = np.arange(samples)[:, None] / rate
    return (0.5 * np.sin(2 * np.pi * hz * t * (1 + np.arange(channels)))).astype(np.float32)


def test_wav_bytes_hold_the_numbers_by_hand():
    audio = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 1e-5, 2e-5])
    with wave.open(io.BytesIO(wav_bytes(audio, 22050))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        values = np.frombuffer(file.readframes(99), "<i2").tolist()
    assert values == [0, 16384, -16384, 32767, -32767, 32767, -32768, 0, 1]
    assert wav_bytes(audio, 22050)[:4] == b"RIFF" and len(wav_bytes(audio, 22050)) == 44 + 18


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_wav_bytes_agree_with_libsndfile(channels):
    audio = np.random.default_rng(0).uniform(-1, 1, (500, channels)).astype(np.float32)
    decoded, rate = soundfile.read(io.BytesIO(wav_bytes(audio, 48000)), dtype="int16", always_2d=True)
    assert rate == 48000
    np.testing.assert_array_equal(decoded, np.round(audio * 32767))


@pytest.mark.parametrize(("name", "error"), [("a.wav", 2 / 32768), ("a.FLAC", 2 / 32768), ("deep/er/a.ogg", 0.1)])
def test_written_files_read_back(tmp_path, name, error):
    audio = tone(channels=2)
    assert write_audio(tmp_path / name, audio, 16000) == 0
    back, rate = read_audio(tmp_path / name)
    assert rate == 16000 and back.dtype == np.float32 and back.shape == audio.shape
    assert np.abs(back - audio).max() <= error
    assert [p.suffix.lower() for p in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).suffix.lower()]


def test_clipped_samples_are_counted_and_clipped(tmp_path):
    assert write_audio(tmp_path / "a.wav", np.array([[0.0, 1.5], [1.0, -3.0]]), 8000) == 2
    assert np.abs(read_audio(tmp_path / "a.wav")[0]).max() <= 1.0


@pytest.mark.parametrize("channels", [1, 3])
def test_pieces_make_the_file_of_the_whole(tmp_path, channels):
    audio = 1.5 * tone(channels=channels) - 0.6
    for name, float32 in (("pcm.wav", False), ("float.wav", True)):
        with SoundWriter(tmp_path / name, 22050, channels, float32) as writer:
            for piece in np.split(audio, [1, 1, 700]):
                writer.write(piece)
        assert writer.samples == len(audio) and writer.clipped == (0 if float32 else np.sum(np.abs(audio) > 1))
    assert (tmp_path / "pcm.wav").read_bytes() == wav_bytes(audio, 22050), "the standard library's own"
    back, rate = soundfile.read(tmp_path / "float.wav", dtype="float32", always_2d=True)
    assert rate == 22050 and soundfile.info(tmp_path / "float.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(back, audio)
    rate, other = scipy.io.wavfile.read(tmp_path / "float.wav")
    assert rate == 22050 and other.dtype == np.float32
    np.testing.assert_array_equal(other.reshape(back.shape), audio)
    assert b"PEAK" not in (tmp_path / "float.wav").read_bytes()[:100], "a chunk with the time: other bytes each time"


def test_more_than_a_wav_file_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_io, "WAV_BYTES", 4000)
    with SoundWriter(tmp_path / "a.wav", 16000, 1, float32=True) as writer:
        writer.write(tone(1000))
        with pytest.raises(ValueError, match="longer than a WAV file can be"):
            writer.write(tone(1))
    assert soundfile.info(tmp_path / "a.wav").frames == 1000


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, tone(), 16000)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a\.wav: 1 of 2 samples are NaN or infinite"):
        write_audio(path, np.array([0.1, np.nan]), 16000)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((2, 3, 1)), r"shape \(2, 3, 1\); expected \[samples\] or \[samples, channels\]"),
        (np.zeros(10, np.int16), "dtype int16; expected float"),
        (np.zeros((0, 1)), "no samples"),
        (np.zeros((1, 16000)), "Transpose it"),
    ],
)
def test_what_is_not_audio_is_refused(tmp_path, audio, message):
    with pytest.raises(ValueError, match=message):
        write_audio(tmp_path / "a.wav", audio, 16000)
    with pytest.raises(ValueError, match=message):
        wav_bytes(audio, 16000)
    assert not list(tmp_path.iterdir())


def test_names_and_rates_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.mp3: cannot write \.mp3; use \.wav"):
        write_audio(tmp_path / "a.mp3", tone(), 16000)
    for rate in (0, -1, 0.5):
        with pytest.raises(ValueError, match=f"sample_rate is {rate}; expected a positive whole number"):
            write_audio(tmp_path / "a.wav", tone(), rate)


def test_resampling_agrees_with_librosa_and_with_the_sine_itself(tmp_path):
    import librosa

    write_audio(tmp_path / "a.flac", tone(44100, 2, 44100), 44100)
    audio, rate = read_audio(tmp_path / "a.flac", 16000)
    assert rate == 16000 and audio.shape == (16000, 2)
    source = soundfile.read(tmp_path / "a.flac", dtype="float32")[0]
    expected = librosa.resample(source.T, orig_sr=44100, target_sr=16000, res_type="soxr_hq").T
    np.testing.assert_allclose(audio, expected, atol=1e-6)
    np.testing.assert_allclose(audio[2000:-2000], tone(16000, 2)[2000:-2000], atol=1e-4)


def test_channels_are_averaged_repeated_or_refused(tmp_path):
    write_audio(tmp_path / "two.wav", np.array([[0.5, -0.25]] * 8), 8000)
    write_audio(tmp_path / "one.wav", np.full(8, 0.25), 8000)
    np.testing.assert_allclose(read_audio(tmp_path / "two.wav", channels=1)[0], np.full((8, 1), 0.125), atol=1e-4)
    assert read_audio(tmp_path / "one.wav", channels=2)[0].shape == (8, 2)
    with pytest.raises(ValueError, match=r"two\.wav: has 2 channels, 3 were asked for"):
        read_audio(tmp_path / "two.wav", channels=3)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.wav: no such file"):
        read_audio(tmp_path / "gone.wav")
    (tmp_path / "bad.wav").write_bytes(b"not a sound")
    with pytest.raises(ValueError, match=r"bad\.wav: cannot be decoded as audio .* received 11 bytes"):
        read_audio(tmp_path / "bad.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 16000)
    with pytest.raises(ValueError, match=r"empty\.wav: holds no samples"):
        read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16000, "FLOAT")
    with pytest.raises(ValueError, match=r"nan\.wav: holds NaN"):
        read_audio(tmp_path / "nan.wav")
