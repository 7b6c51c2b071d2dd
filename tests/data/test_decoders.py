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


def same_as_soundfile(folder, decoder, atol=0.0):
    one, two = Sounds(folder, length=4000), Sounds(folder, length=4000, decoder=decoder)
    assert [c.path for c in one.clips] == [c.path for c in two.clips] and not two.skipped
    assert [c.length for c in one.clips] == [c.length for c in two.clips]
    for step in range(3):
        np.testing.assert_allclose(one.batch(step, 8)[0], two.batch(step, 8)[0], atol=atol)


def test_tensorflow_equals_soundfile(folder):
    same_as_soundfile(folder, "tensorflow")


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
    same_as_soundfile(folder, "tensorflow-io", atol=1e-6)


@needs_io
@pytest.mark.parametrize("subtype", ("PCM_U8", "PCM_24", "FLOAT"))
def test_tensorflow_io_wav_depths(tmp_path, write, subtype):
    write("a.wav", subtype=subtype)
    same_as_soundfile(tmp_path / "sounds", "tensorflow-io", atol=1e-6)


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
