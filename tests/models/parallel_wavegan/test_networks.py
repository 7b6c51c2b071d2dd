import keras
import numpy as np
import pytest
from keras import ops

from tests.peers import last, parameters, peer
from tf_audio_gan.convert import kanbayashi, state_dict
from tf_audio_gan.models.parallel_wavegan.networks import Discriminator, Generator, StretchTime, repeat_edges

UNUSED = 64 * 64 + 64  # the last block's residual output, which the peer has and nothing uses; and its gains:
UNUSED_GAINS = 64
TINY = {"n_mels": 5, "blocks": 4, "stacks": 2, "residual_channels": 4, "gate_channels": 8, "skip_channels": 4}


def test_parameters_are_the_published_ones():
    generator, discriminator = Generator(), Discriminator()
    with_gains, fused = parameters(generator) + UNUSED + UNUSED_GAINS, parameters(generator.folded()) + UNUSED
    assert (with_gains, fused) == (1_346_042, 1_334_309)
    assert parameters(discriminator.folded()) == 99_265
    assert with_gains + parameters(discriminator) == 1_445_884


@pytest.mark.parametrize("with_context", [False, True])
def test_the_generator_agrees_with_the_peer(with_context):
    arrays, state = peer("kanbayashi_pwg_generator")
    small = {"residual_channels": 8, "gate_channels": 16, "skip_channels": 8}
    network = Generator(blocks=6, stacks=2, **small)
    names, unused = kanbayashi.kanbayashi_pwg_names(network), kanbayashi.kanbayashi_pwg_unused(network)
    state_dict.load_torch(network, state, names, unused)
    mel, noise = last(arrays["mel_padded" if with_context else "mel"]), last(arrays["noise"])
    audio = ops.convert_to_numpy(network(mel, noise, with_context=with_context))
    np.testing.assert_allclose(audio, last(arrays["audio"]), atol=1e-5)
    folded = ops.convert_to_numpy(network.folded()(mel, noise, with_context=with_context))
    np.testing.assert_allclose(folded, audio, atol=1e-6)


def test_the_discriminator_agrees_with_the_peer():
    arrays, state = peer("kanbayashi_pwg_discriminator")
    network = Discriminator(channels=8)
    state_dict.load_torch(network, state, kanbayashi.kanbayashi_pwg_discriminator_names(network))
    (logits,), (features,) = network(last(arrays["audio"]))
    np.testing.assert_allclose(ops.convert_to_numpy(logits), arrays["logits"][:, 0], atol=1e-5)
    assert [f.shape for f in features] == [(2, 4096, 8)] * 9


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("time", [1, 2, 9])
def test_stretching_is_repeating_and_filtering(scale, time, rng):
    taps = rng.normal(size=(2 * scale + 1)).astype("float32")
    x = rng.normal(size=(1, time, 3)).astype("float32")
    layer = StretchTime(1, 2 * scale + 1)
    layer.build(x.shape)
    layer.kernel.assign(taps[:, None])
    padded = np.pad(np.repeat(x[0], scale, axis=0), ((scale, scale), (0, 0)))
    expected = [taps @ padded[t : t + 2 * scale + 1] for t in range(time * scale)]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x))[0], expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces a graph of TensorFlow")
def test_one_graph_takes_any_number_of_frames(rng):
    import tensorflow as tf

    network = Generator(**TINY, upsample_scales=(5, 3)).folded()
    specs = [tf.TensorSpec((None, None, n)) for n in (5, 1)]
    graph = tf.function(network, input_signature=specs)
    for batch, frames in [(1, 1), (2, 7), (1, 30)]:
        mel = rng.normal(size=(batch, frames, 5)).astype("float32")
        noise = rng.normal(size=(batch, frames * 15, 1)).astype("float32")
        audio = graph(mel, noise)
        assert audio.shape == noise.shape
        np.testing.assert_allclose(audio, network(mel, noise), atol=1e-5)


def test_noise_of_another_length_is_refused(rng):
    with pytest.raises(ValueError, match="frames x hop samples: 3 x 256. Received: 700"):
        Generator(**TINY)(np.zeros((1, 3, 5), "float32"), np.zeros((1, 700, 1), "float32"))


def test_edges_are_repeated(rng):
    x = rng.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(repeat_edges(x, 2)), np.pad(x, ((0, 0), (2, 2), (0, 0)), mode="edge")
    )


def test_a_logit_sees_77_samples(rng):
    network = Discriminator(channels=4, weight_norm=False)
    x = rng.normal(size=(1, 200, 1)).astype("float32")
    other = x.copy()
    other[:, 100] += 5
    moved = np.flatnonzero(ops.convert_to_numpy(network(x)[0][0] - network(other)[0][0])[0])
    assert (moved[0], moved[-1]) == (100 - 38, 100 + 38)


def test_initial_weights_are_the_codes():
    network = Generator()
    kernel = ops.convert_to_numpy(network.convs["block_3_dilated"].layer.kernel)
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / (64 * 3)), rtol=0.03)
    assert not ops.convert_to_numpy(network.convs["block_3_dilated"].layer.bias).any()
    np.testing.assert_allclose(ops.convert_to_numpy(network.convs["up_1"].kernel), np.full((9, 1), 1 / 9), rtol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Generator(blocks=10, stacks=3), "stacks must divide blocks.*blocks=10, stacks=3"),
        (lambda: Generator(gate_channels=15), "gate_channels be even.*gate_channels=15"),
        (lambda: Generator(upsample_scales=()), "upsample_scales whole numbers from 1"),
        (lambda: Discriminator(n_layers=1), "n_layers must be 2 or more.*n_layers=1"),
        (lambda: StretchTime(2, 9), "one filter of odd length is needed. Received: 2 of 9 taps"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
