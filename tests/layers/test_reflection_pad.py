import numpy as np
import pytest

from tf_audio_gan.layers.reflection_pad import reflection_pad


@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_it_is_numpys(size, rng):
    x = rng.normal(size=(2, 6, 3)).astype("float32")
    expected = np.pad(x, ((0, 0), (size, size), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(np.asarray(reflection_pad(x, size)), expected)


@pytest.mark.parametrize("left, right", [(2, 3), (0, 1), (4, 1)])
def test_the_sides_may_differ(left, right, rng):
    x = rng.normal(size=(2, 6, 3)).astype("float32")
    expected = np.pad(x, ((0, 0), (left, right), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(np.asarray(reflection_pad(x, left, right)), expected)
    with pytest.raises(ValueError, match="at least 7 time steps. Received: 6 steps"):
        reflection_pad(x, left, 6)


def test_a_short_input_is_refused_whether_its_length_is_known_or_not():
    with pytest.raises(ValueError, match="at least 4 time steps. Received: 3 steps"):
        reflection_pad(np.zeros((1, 3, 2), "float32"), 3)
    tf = pytest.importorskip("tensorflow", reason="traces a graph of TensorFlow")
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("traces a graph of TensorFlow")
    padded = tf.function(lambda x: reflection_pad(x, 3), input_signature=[tf.TensorSpec((None, None, 2))])
    assert padded(np.zeros((1, 4, 2), "float32")).shape == (1, 10, 2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        padded(np.zeros((1, 3, 2), "float32"))
