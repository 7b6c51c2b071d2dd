import numpy as np
import pytest

from tf_audio_gan import Sounds

try:
    import tensorflow_io

    HAVE_IO = bool(tensorflow_io.audio.AudioIOTensor)
except (ImportError, NotImplementedError, AttributeError):
    HAVE_IO = False
needs_io = pytest.mark.skipif(
    not HAVE_IO, reason="tensorflow-io is not installed (it needs TensorFlow 2.17): make test-io"
)


def heard(folder, decoder):
    """[(path, samples)] of the clips of a folder that a decoder reads whole, and three batches of eight."""
    sounds = Sounds(folder, length=4000, decoder=decoder)
    assert not sounds.skipped
    return [(c.path, c.length) for c in sounds.clips], np.stack([sounds.batch(step, 8)[0] for step in range(3)])


def difference(folder, decoder):
    """How far a decoder's samples are from soundfile's, at the most; the clips must be the same, and to be heard."""
    (clips, audio), (wanted_clips, wanted) = heard(folder, decoder), heard(folder, "soundfile")
    assert clips == wanted_clips and clips and np.abs(wanted).max() > 0.1
    return np.abs(audio - wanted).max()


def test_tensorflow_equals_soundfile(folder):
    assert difference(folder, "tensorflow") == 0


def test_tensorflow_names_what_it_cannot_read(folder, write):
    write("float.wav", subtype="FLOAT")
    write("a.flac")
    skipped = dict(Sounds(folder, decoder="tensorflow").skipped)
    assert sorted(skipped) == ["a.flac", "float.wav"]
    assert all("reads 16-bit PCM WAV only; use decoder='soundfile'" in reason for reason in skipped.values())


@pytest.mark.skipif(HAVE_IO, reason="tensorflow-io is installed")
def test_without_tensorflow_io_the_error_names_the_extra(folder):
    with pytest.raises(ImportError, match=r"TensorFlow 2.17 only .*pip install 'tf-audio-gan\[io\]'"):
        Sounds(folder, decoder="tensorflow-io")


@needs_io
def test_tensorflow_io_equals_soundfile_on_wav_and_flac(folder, write):
    write("a/b.flac", rate=44100, channels=2)
    write("a/c.wav", rate=8000, channels=2)
    assert difference(folder, "tensorflow-io") <= 1e-6


@needs_io
@pytest.mark.parametrize("subtype", ("PCM_U8", "PCM_24", "FLOAT"))
def test_tensorflow_io_wav_depths(tmp_path, write, subtype):
    write("a.wav", subtype=subtype)
    assert difference(tmp_path / "sounds", "tensorflow-io") <= 1e-6


@needs_io
@pytest.mark.parametrize("extension", ("ogg", "mp3"))
def test_tensorflow_io_reads_lossy_formats(tmp_path, write, extension):
    path = write(f"a.{extension}", 0.5 * np.sin(np.arange(32000) / 20), rate=16000)
    sounds = Sounds(path.parent, length=16000, decoder="tensorflow-io", crop="start")
    audio = sounds.batch(0, 1)[0]
    assert not sounds.skipped and 0.4 < np.abs(audio).max() < 0.7 and abs(sounds.clips[0].length - 32000) < 3000


@needs_io
def test_tensorflow_io_skips_what_is_no_sound(folder):
    (folder / "noise.wav").write_bytes(b"no sound at all" * 100)
    sounds = Sounds(folder, decoder="tensorflow-io")
    assert [name for name, _ in sounds.skipped] == ["noise.wav"] and len(sounds) == 12


@needs_io
def test_tensorflow_io_in_parallel_reads_each_file_as_itself(folder):
    from tf_audio_gan import dataset

    one = Sounds(folder, length=4000)
    two = Sounds(folder, length=4000, decoder="tensorflow-io", cache_mb=0)
    for step, audio in enumerate(dataset(two, 8).take(30).as_numpy_iterator()):
        np.testing.assert_allclose(audio, one.batch(step, 8)[0], atol=1e-6)
