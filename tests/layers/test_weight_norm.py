from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.layers.grouped_conv import GroupedConv1D
from tf_audio_gan.layers.weight_norm import WeightNorm, normalised

TFA = np.load(Path(__file__).parents[1] / "fixtures" / "tfa_weight_normalization.npz")
KINDS = {
    "conv1d": (lambda: keras.layers.Conv1D(6, 3, padding="same"), (2, 17, 4)),
    "conv2d": (lambda: keras.layers.Conv2D(5, (3, 2)), (2, 7, 6, 3)),
    "transpose": (lambda: keras.layers.Conv1DTranspose(6, 4, 2, "same"), (2, 9, 4)),
    "dense": (lambda: keras.layers.Dense(5), (3, 7)),
    "grouped": (lambda: GroupedConv1D(8, 5, 2, 2, 2), (2, 12, 4)),
}


def tfa(kind):
    """(input, output, g, kernel, bias) that TensorFlow Addons 0.23 produced."""
    weights = {k.split("/")[-1]: TFA[k] for k in TFA.files if k.startswith(f"{kind}/weights")}
    return TFA[f"{kind}/input"], TFA[f"{kind}/output"], weights["g:0"], weights["kernel:0"], weights["bias:0"]


@pytest.mark.parametrize("kind", ["conv1d", "conv1d_transpose", "dense"])
def test_it_agrees_with_tensorflow_addons(kind):
    """Addons' transposed convolution is two-dimensional with a width of 1; gains are on the last axis in all three."""
    x, expected, g, kernel, bias = tfa(kind)
    plain = {
        "conv1d": lambda: keras.layers.Conv1D(6, 3, padding="same"),
        "conv1d_transpose": lambda: keras.layers.Conv1DTranspose(6, 4, 2, "same"),
        "dense": lambda: keras.layers.Dense(5),
    }[kind]()
    if kind == "conv1d_transpose":
        x, expected, kernel = x[:, :, 0], expected[:, :, 0], kernel[:, 0]
    layer = WeightNorm(plain)
    layer.build(x.shape)
    layer.g.assign(g)
    layer.layer.kernel.assign(kernel)
    layer.layer.bias.assign(bias)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_wrapping_changes_nothing_until_a_gain_moves(kind, rng):
    make, shape = KINDS[kind]
    x = rng.normal(size=shape).astype("float32")
    layer = WeightNorm(make())
    y = np.asarray(layer(x))
    v = np.asarray(layer.layer.kernel)
    np.testing.assert_allclose(np.asarray(layer.layer(x)), y, atol=1e-6)
    np.testing.assert_allclose(np.asarray(layer.g), np.sqrt((v**2).sum(axis=tuple(range(v.ndim - 1)))), rtol=1e-5)
    layer.layer.kernel.assign(3 * v)  # only its direction counts
    np.testing.assert_allclose(np.asarray(layer(x)), y, atol=1e-5)
    layer.g.assign(2 * layer.g)
    np.testing.assert_allclose(np.asarray(layer(x)), 2 * y, atol=1e-5)  # biases start at 0
    folded = make()
    folded.build(shape)
    folded.kernel.assign(layer.kernel)
    np.testing.assert_allclose(np.asarray(folded(x)), np.asarray(layer(x)), atol=1e-6)


def test_gradients_are_those_of_the_formula(rng):
    """Salimans and Kingma, equation 3, with the gradient of the plain kernel taken from the plain layer."""
    x = rng.normal(size=(2, 11, 4)).astype("float32")
    layer = WeightNorm(keras.layers.Conv1D(3, 3))
    layer.build(x.shape)
    g = rng.uniform(0.5, 2, 3).astype("float32")
    layer.g.assign(g)
    loss = lambda: (ops.sum(ops.square(layer(x))), {})  # noqa: E731
    dg, dv = (ops.convert_to_numpy(d) for d in backend.gradients(loss, [layer.g, layer.layer.kernel])[0])
    v = ops.convert_to_numpy(layer.layer.kernel)
    plain = keras.layers.Conv1D(3, 3)
    plain.build(x.shape)
    plain.kernel.assign(normalised(v, g))
    plain_loss = lambda: (ops.sum(ops.square(plain(x))), {})  # noqa: E731
    dw = ops.convert_to_numpy(backend.gradients(plain_loss, [plain.kernel])[0][0])
    norm = np.sqrt((v**2).sum(axis=(0, 1)))
    expected = (dw * v).sum(axis=(0, 1)) / norm
    np.testing.assert_allclose(dg, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dv, g / norm * dw - g * expected / norm**2 * v, rtol=1e-4, atol=1e-4)


def test_the_kernel_is_made_in_float32_under_mixed_precision(rng):
    x = rng.normal(size=(1, 40, 8)).astype("float32")
    with backend.dtype_policy("mixed_bfloat16"):
        layer = WeightNorm(keras.layers.Conv1D(4, 3))
        y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    kernel = layer.kernel
    assert keras.backend.standardize_dtype(kernel.dtype) == "float32"
    exact = keras.layers.Conv1D(4, 3)
    exact.build(x.shape)
    exact.kernel.assign(kernel)
    np.testing.assert_allclose(np.asarray(ops.cast(y, "float32")), np.asarray(exact(x)), atol=0.05)


def test_it_needs_a_kernel():
    with pytest.raises(ValueError, match="variable `kernel`"):
        WeightNorm(keras.layers.ReLU()).build((None, 3))


def test_saving(tmp_path, rng):
    x = rng.normal(size=(1, 12, 4)).astype("float32")
    model = keras.Sequential([keras.Input((12, 4)), WeightNorm(GroupedConv1D(8, 5, 2, 2, 2))])
    model.layers[0].g.assign(rng.uniform(1, 2, 8))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(model(x)))
