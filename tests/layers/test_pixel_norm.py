import numpy as np

from tf_audio_gan.layers.pixel_norm import pixel_norm


def test_every_vector_has_a_mean_square_of_one(rng):
    x = rng.normal(size=(2, 3, 5, 7)).astype("float32") * 100
    found = np.asarray(pixel_norm(x))
    np.testing.assert_allclose(np.mean(found**2, axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=-1, keepdims=True) * np.sqrt(7), rtol=1e-5)


def test_zeros_and_tiny_vectors_stay_finite():
    assert not np.asarray(pixel_norm(np.zeros((2, 4), "float32"))).any()
    np.testing.assert_allclose(pixel_norm(np.full((1, 4), 1e-4, "float32")), 2**-0.5, rtol=1e-5)
