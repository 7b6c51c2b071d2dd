"""Equalised layers against scipy's correlation and plain matrix products."""

import keras
import numpy as np
import pytest
from scipy.signal import correlate

from tf_audio_gan.layers.equalized import LINEAR, RELU, EqualizedConv2D, EqualizedDense


def built(layer, shape, rng):
    layer.build((None, *shape))
    layer.bias.assign(rng.normal(size=layer.bias.shape))
    return layer, layer.kernel.numpy().astype("float64") * layer.scale, layer.bias.numpy()


def by_scipy(x, kernel, mode):
    """[height, width, channels], [h, w, channels, filters] -> [height, width, filters]."""
    filters = range(kernel.shape[-1])
    return np.stack(
        [sum(correlate(x[..., c], kernel[:, :, c, f], mode) for c in range(x.shape[-1])) for f in filters], -1
    )


@pytest.mark.parametrize(
    ("padding", "kernel_size", "shape"),
    [
        ("same", (3, 3), (4, 6, 5)),
        ("valid", (3, 2), (4, 6, 5)),
        ("same", (1, 1), (4, 6, 5)),
        ("whole", (4, 6), (4, 6, 5)),
    ],
)
def test_a_convolution_of_scaled_weights(padding, kernel_size, shape, rng):
    layer, kernel, bias = built(EqualizedConv2D(3, kernel_size, padding, seed=1), shape, rng)
    x = rng.normal(size=(2, *shape)).astype("float32")
    wanted = np.stack([by_scipy(each, kernel, "same" if padding == "same" else "valid") for each in x]) + bias
    found = keras.ops.convert_to_numpy(layer(x))
    assert found.shape == ((2, 3) if padding == "whole" else (2, *wanted.shape[1:]))
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-5)
    assert layer.scale == pytest.approx(np.sqrt(2 / (np.prod(kernel_size) * shape[-1])))


def test_a_map_grows_from_one_place_amid_zeros(rng):
    layer, kernel, bias = built(EqualizedConv2D(3, (2, 4), "grown", seed=1), (5,), rng)
    x = rng.normal(size=(2, 5)).astype("float32")
    amid = np.pad(x[:, None, None], ((0, 0), (1, 1), (3, 3), (0, 0)))
    wanted = np.stack([by_scipy(each, kernel, "valid") for each in amid]) + bias
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), wanted, atol=1e-5)
    assert wanted.shape == (2, 2, 4, 3) and layer.scale == pytest.approx(np.sqrt(2 / (2 * 4 * 5)))


def test_a_dense_layer_of_scaled_weights(rng):
    layer, kernel, bias = built(EqualizedDense(3, seed=1), (50,), rng)
    x = rng.normal(size=(2, 50)).astype("float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), x @ kernel + bias, atol=1e-5)
    assert layer.scale == pytest.approx(50**-0.5)


@pytest.mark.parametrize(
    ("fan_in", "gain", "scale"),
    [(2 * 16 * 317, RELU, 0.014041), (9 * 256, RELU, 0.029463), (9 * 32, RELU, 0.083333), (9 * 257, RELU, 0.029405),
     (2 * 16 * 256, RELU, 0.015625), (256, LINEAR, 0.0625), (32, LINEAR, 0.1768), (2, RELU, 1.0)],
)  # fmt: skip
def test_the_scales_of_gansynth(fan_in, gain, scale):
    layer = EqualizedConv2D(1, (1, 1), gain=gain)
    layer.build((None, 1, 1, fan_in))
    assert layer.scale == pytest.approx(scale, abs=5e-5)


def test_weights_start_as_standard_normal():
    for layer, shape in ((EqualizedConv2D(64, (3, 3), seed=2), (8, 8, 64)), (EqualizedDense(300, seed=2), (300,))):
        layer.build((None, *shape))
        assert abs(layer.kernel.numpy().std() - 1) < 0.01 and not layer.bias.numpy().any()
    again = EqualizedDense.from_config(layer.get_config())
    again.build((None, 300))
    np.testing.assert_array_equal(again.kernel, layer.kernel)


def test_an_unknown_padding_is_named():
    with pytest.raises(ValueError, match="same, valid, whole or grown. Received: padding='causal'"):
        EqualizedConv2D(1, (1, 1), "causal")
