import numpy as np
import pytest
from keras import ops
from scipy.signal import lfilter

from tf_audio_gan.audio.emphasis import DeEmphasis, Emphasis, check_coefficient, de_emphasis, pre_emphasis


def array(x):
    return ops.convert_to_numpy(x)


def test_pre_emphasis_is_a_difference_with_the_sample_before(rng):
    x = rng.normal(size=(2, 30, 2)).astype("float32")
    expected = lfilter([1, -0.9], [1], x, axis=1)
    np.testing.assert_allclose(array(pre_emphasis(x, 0.9)), expected, atol=1e-6)
    np.testing.assert_allclose(array(pre_emphasis(x[:, 10:], 0.9, x[:, 9:10])), expected[:, 10:], atol=1e-6)
    np.testing.assert_array_equal(array(pre_emphasis(x, 0.0)), x)


@pytest.mark.parametrize("samples", [1, 127, 128, 129, 5000])
@pytest.mark.parametrize("coefficient", [0.95, 0.99, 0.5, 0.05])
def test_blocks_of_products_are_the_recursion(samples, coefficient, rng):
    y = rng.normal(size=(2, samples, 1)).astype("float32")
    expected = lfilter([1], [1, -coefficient], y.astype("float64"), axis=1)
    found = array(de_emphasis(y, coefficient))
    assert found.shape == y.shape
    np.testing.assert_allclose(found, expected, atol=3e-6 * np.abs(expected).max())


def test_a_constant_reaches_the_gain_of_20_and_stays(rng):
    assert array(de_emphasis(np.full((1, 3000, 1), 0.05, "float32")))[0, -1, 0] == pytest.approx(1, abs=1e-5)


def test_blocks_of_a_stream_are_the_whole(rng):
    x = rng.uniform(-1, 1, 1000).astype("float32")
    blocks = [x[:1], x[1:1], x[1:300, None], x[300:]]
    emphasised = np.concatenate(list(Emphasis(0.95).each(blocks)))
    np.testing.assert_allclose(emphasised, lfilter([1, -0.95], [1], x), atol=1e-6)
    restored = DeEmphasis(0.95)
    found = np.concatenate([restored(part) for part in np.split(emphasised, [7, 500])])
    np.testing.assert_allclose(found, x, atol=1e-6)
    np.testing.assert_allclose(array(de_emphasis(emphasised[None, :, None]))[0, :, 0], x, atol=5e-6)


def test_what_cannot_be_audio_is_refused():
    for wrong, message in (
        (np.zeros(3, "int16"), r"Received: int16 \[3\]"),
        (np.zeros((3, 2)), r"float \[samples\] or \[samples, 1\].*\[3, 2\]"),
        (np.array([0.0, np.nan]), "NaN or infinite"),
    ):
        with pytest.raises(ValueError, match=message):
            list(Emphasis().each([wrong]))
    for wrong in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"coefficient in \[0, 1\)"):
            check_coefficient(wrong)
