import keras
import numpy as np
import pytest

from tf_audio_gan.layers.inference_conv import InferenceConv1D


@pytest.mark.parametrize("padding, dilation, bias", [("valid", 9, True), ("same", 4, True), ("same", 1, False)])
def test_it_computes_what_keras_and_the_definition_do(padding, dilation, bias, rng):
    x = rng.normal(size=(2, 40, 5)).astype("float32")
    ours = InferenceConv1D(7, 3, padding=padding, dilation_rate=dilation, use_bias=bias, bias_initializer="normal")
    keras_own = keras.layers.Conv1D(7, 3, padding=padding, dilation_rate=dilation, use_bias=bias)
    found = keras.ops.convert_to_numpy(ours(x))
    keras_own.build(x.shape)
    keras_own.set_weights(ours.get_weights())
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(keras_own(x)), atol=1e-6)
    kernel = ours.get_weights()[0]
    wide = np.pad(x, ((0, 0), (dilation, dilation), (0, 0))) if padding == "same" else x
    length = wide.shape[1] - 2 * dilation
    by_hand = sum(wide[:, j * dilation : j * dilation + length] @ kernel[j] for j in range(3))
    np.testing.assert_allclose(found, by_hand + (ours.get_weights()[1] if bias else 0), atol=1e-5)


@pytest.mark.parametrize("keywords", [{"strides": 2}, {"groups": 2}, {"activation": "relu"}, {"padding": "causal"}])
def test_what_it_cannot_do_is_refused(keywords):
    with pytest.raises(ValueError, match=r"use keras.layers.Conv1D. Received: strides="):
        InferenceConv1D(4, 3, **keywords)
