import numpy as np
import pytest
from keras import ops

from tf_audio_gan.audio.note_pictures import NotePictures
from tf_audio_gan.audio.wave_pictures import REPRESENTATIONS, WavePictures, pictures_of


@pytest.mark.parametrize(("length", "frames", "front"), [(64000, 65536, 768), (7, 10, 2), (4, 4, 0)])
def test_waves_are_amid_zeros_twice_and_come_back(length, frames, front, rng):
    """Of an odd number of zeros one more stands before."""
    audio, pictures = rng.normal(size=(2, length, 1)).astype("float32"), WavePictures(length=length, frames=frames)
    made = ops.convert_to_numpy(pictures.of(audio))
    assert made.shape == (2, frames, 1, 2) and pictures.front == front
    wanted = np.zeros((2, frames))
    wanted[:, front : front + length] = audio[..., 0]
    for channel in (0, 1):
        np.testing.assert_array_equal(made[:, :, 0, channel], wanted)
    made[..., 1] = 7.0
    np.testing.assert_array_equal(ops.convert_to_numpy(pictures.audio(made)), audio)


def test_representations_by_name():
    settings = {"sample_rate": 8000, "length": 500, "discard_dc": False, "mel_variant": "true"}
    for name in REPRESENTATIONS[:-1]:
        found = pictures_of(name, frames=32, bins=32, **settings)
        assert isinstance(found, NotePictures) and (found.kind, found.discard_dc) == (name, False)
    wave = pictures_of("wave", frames=512, bins=1, **settings)
    assert isinstance(wave, WavePictures) and (wave.kind, wave.front, wave.sample_rate) == ("wave", 6, 8000)
    with pytest.raises(ValueError, match="one of phase, if, if_mel, wave. Received: representation='mel'"):
        pictures_of("mel", frames=32, bins=32, **settings)


@pytest.mark.parametrize("size", [{"bins": 2}, {"length": 65537}, {"length": 0}])
def test_wrong_sizes_are_named(size):
    with pytest.raises(ValueError, match="bins=1 and at least as many frames .* such as 65536 of 64000. Received: bin"):
        WavePictures(**size)
