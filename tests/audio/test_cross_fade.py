import numpy as np
import pytest
from keras import ops

from tf_audio_gan.audio.cross_fade import cross_faded, half_frames, hann_rise
from tf_audio_gan.chunking import CrossFade


def test_the_rise_and_its_mirror_image_add_up_to_1():
    rise = hann_rise(8)
    np.testing.assert_allclose(rise, np.hanning(17)[:8], atol=1e-7)
    np.testing.assert_allclose(rise[1:] + rise[:0:-1], 1, atol=1e-7)


@pytest.mark.parametrize("samples, count, given", [(1, 1, 1), (8, 1, 3), (9, 2, 2), (17, 4, 6)])
def test_frames_join_to_the_signal_and_those_behind_it_do_not_count(samples, count, given, rng):
    audio = rng.normal(size=(2, samples, 1)).astype("float32")
    frames = ops.convert_to_numpy(half_frames(audio, 4, given))
    assert frames.shape == (2, given, 8)
    np.testing.assert_array_equal(frames[:, 1:, :4], frames[:, :-1, 4:])
    frames = frames.copy()
    frames[:, count:] = 1e6
    joined = ops.convert_to_numpy(cross_faded(frames, count))
    assert joined.shape == (2, (given + 1) * 4, 1)
    np.testing.assert_allclose(joined[:, :samples], audio, atol=1e-6)


def test_it_is_that_of_streams(rng):
    frames = rng.normal(size=(1, 5, 12)).astype("float32")
    found = ops.convert_to_numpy(cross_faded(frames, 5))[0, :, 0]
    np.testing.assert_allclose(found, CrossFade(6)(frames[0], True), atol=1e-6)
