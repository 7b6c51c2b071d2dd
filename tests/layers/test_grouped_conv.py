import keras
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.layers.grouped_conv import GroupedConv1D, merged_groups

CASES = [  # samples, channels, filters, kernel, stride, groups, padding; the first four are MelGAN's layers, narrower
    (101, 16, 64, 41, 4, 4, 20),
    (64, 64, 32, 41, 4, 16, 20),
    (64, 256, 64, 9, 4, 64, 4),
    (48, 192, 96, 5, 2, 48, 2),
    (31, 6, 9, 5, 1, 3, 0),
    (20, 5, 10, 3, 2, 5, 1),
    (20, 4, 6, 3, 3, 1, 2),
]


def reference(x, kernel, bias, stride, groups, padding):
    """Every group, every output step, in a loop."""
    x = np.pad(x, ((0, 0), (padding, padding), (0, 0)))
    taps, width, filters = kernel.shape
    each, steps = filters // groups, (x.shape[1] - taps) // stride + 1
    y = np.zeros((len(x), steps, filters))
    for g in range(groups):
        for t in range(steps):
            part = x[:, t * stride : t * stride + taps, g * width : (g + 1) * width]
            y[:, t, g * each : (g + 1) * each] = np.tensordot(part, kernel[..., g * each : (g + 1) * each], 2)
    return y + bias


@pytest.mark.parametrize("samples, channels, filters, kernel, stride, groups, padding", CASES)
def test_it_is_the_loop(samples, channels, filters, kernel, stride, groups, padding, rng):
    x = rng.normal(size=(2, samples, channels)).astype("float32")
    layer = GroupedConv1D(filters, kernel, stride, groups, padding, bias_initializer="ones")
    y = np.asarray(layer(x))
    weights, bias = (np.asarray(w, "float64") for w in layer.weights)
    assert weights.shape == (kernel, channels // groups, filters)
    np.testing.assert_allclose(y, reference(x, weights, bias, stride, groups, padding), atol=1e-4)
    assert layer.compute_output_shape(x.shape) == y.shape


def test_gradients_by_finite_differences(rng):
    """The loss is quadratic in the kernel and in the input, so a central difference is exact but for rounding."""
    x = rng.normal(size=(1, 24, 32)).astype("float32")
    layer = GroupedConv1D(16, 5, 2, 8, 2)
    layer.build(x.shape)
    loss = lambda x: ops.sum(ops.square(layer(x)))  # noqa: E731
    grad = np.asarray(backend.gradients(lambda: (loss(x), {}), [layer.kernel])[0][0])
    kernel, bias = (np.asarray(w, "float64") for w in layer.weights)

    def value(kernel, x):
        return np.square(reference(x.astype("float64"), kernel, bias, 2, 8, 2)).sum()

    for place in [(0, 0, 0), (4, 3, 15), (2, 1, 7)]:
        step = np.zeros_like(kernel)
        step[place] = 0.5
        np.testing.assert_allclose(grad[place], value(kernel + step, x) - value(kernel - step, x), rtol=1e-3, atol=1e-3)
    grad = np.asarray(ops.convert_to_numpy(backend.input_gradient(loss, ops.convert_to_tensor(x))))
    for place in [(0, 0, 0), (0, 23, 31), (0, 11, 9)]:
        step = np.zeros_like(x)
        step[place] = 0.5
        np.testing.assert_allclose(grad[place], value(kernel, x + step) - value(kernel, x - step), rtol=1e-3, atol=1e-3)


def test_melgans_layers_become_at_most_16_convolutions():
    assert [merged_groups(g, 4) for g in (4, 16, 64, 256)] == [4, 4, 4, 16]
    assert merged_groups(17, 4) == 17 and merged_groups(1, 4) == 1 and merged_groups(2, 64) == 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="looks into a graph of TensorFlow")
def test_no_exported_graph_asks_for_xla(tmp_path):
    import tensorflow as tf

    layer = GroupedConv1D(64, 41, 4, 16, 20)
    layer.build((None, None, 64))
    archive = keras.export.ExportArchive()
    archive.track(layer)
    archive.add_endpoint("serve", layer.call, input_signature=[tf.TensorSpec((None, None, 64))])
    archive.write_out(str(tmp_path / "m"), verbose=False)
    assert b"_XlaMustCompile" not in (tmp_path / "m" / "saved_model.pb").read_bytes()
    assert tf.saved_model.load(str(tmp_path / "m")).serve(tf.zeros((1, 100, 64))).shape == (1, 25, 64)


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"filters": 6, "kernel_size": 3, "groups": 4}, "filters a multiple of groups"),
        ({"filters": 8, "kernel_size": 0}, "whole numbers from 1.*'kernel_size': 0"),
        ({"filters": 8, "kernel_size": 3, "padding": "same"}, "padding a number of steps"),
    ],
)
def test_wrong_settings_are_named(keywords, message):
    with pytest.raises(ValueError, match=message):
        GroupedConv1D(**keywords)


def test_groups_divide_the_input():
    with pytest.raises(ValueError, match="groups=4 must divide the input's channels. Received: 6 channels"):
        GroupedConv1D(8, 3, groups=4).build((None, 10, 6))
