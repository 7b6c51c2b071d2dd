import numpy as np

from tf_audio_gan.layers.minibatch_stddev import minibatch_stddev


def test_one_number_for_the_whole_batch(rng):
    x = rng.normal(size=(6, 2, 4, 3)).astype("float32")
    found = np.asarray(minibatch_stddev(x))
    assert found.shape == (6, 2, 4, 4)
    np.testing.assert_array_equal(found[..., :3], x)
    np.testing.assert_allclose(found[..., 3], np.mean(np.sqrt(x.var(axis=0) + 1e-6)), rtol=1e-5)


def test_equal_examples_differ_by_nothing():
    np.testing.assert_allclose(np.asarray(minibatch_stddev(np.ones((4, 2, 2, 5), "float32")))[..., 5], 1e-3, rtol=1e-5)
