import numpy as np
import pytest

from tf_audio_gan.backend import Draws
from tf_audio_gan.models.dcgan import Upsample
from tf_audio_gan.models.wavegan.networks import Discriminator, Generator, resolve_strides

PUBLISHED = [  # wavegan.md 1.1 to 1.5: length, dim, options of G, options of D, parameters of G, of D
    (16384, 64, {}, {}, 19_065_345, 17_427_969),
    (16384, 32, {}, {}, 5_180_673, 4_361_985),
    (32768, 64, {}, {}, 73_149_953, 69_875_201),
    (65536, 64, {}, {}, 73_149_953, 69_875_201),
    (32768, 32, {}, {}, 19_115_777, 17_478_401),
    (65536, 32, {}, {}, 19_115_777, 17_478_401),
    (16384, 64, {"channels": 2}, {"channels": 2}, 19_065_345 + 1_601, 17_427_969 + 1_600),
    (16384, 64, {"upsampling": "nearest"}, {}, 19_065_345, 17_427_969),
    (16384, 64, {"post_filter": 512}, {"phase_shuffle": 0}, 19_065_345 + 512, 17_427_969),
    (16384, 64, {"batch_norm": True}, {"batch_norm": True}, 19_065_345 + 3_968, 17_427_969 + 3_840),
    (65536, 64, {"batch_norm": True}, {"batch_norm": True}, 73_149_953 + 8_064, 69_875_201 + 7_936),
]


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.parametrize("length, dim, g, d, g_parameters, d_parameters", PUBLISHED)
def test_parameters_are_the_published_ones(blank, length, dim, g, d, g_parameters, d_parameters):
    assert trainable(Generator(length, dim=dim, **g)) == g_parameters
    assert trainable(Discriminator(length, dim=dim, **d)) == d_parameters


@pytest.mark.parametrize("length", [16384, 32768, 65536])
@pytest.mark.parametrize("channels", [1, 2])
def test_shapes(length, channels, rng):
    z = rng.uniform(-1, 1, (2, 100)).astype("float32")
    audio = np.asarray(Generator(length, channels, dim=2, post_filter=16)(z))
    assert audio.shape == (2, length, channels)
    network = Discriminator(length, channels, dim=2)
    (logits,), (features,) = network(audio, draws=Draws(0, 0))
    assert logits.shape == (2,) and len(features) == len(network.strides)
    assert len(network.shuffles) == 4  # convolutions 4 and 5 of the long networks have none
    strides, start = resolve_strides(length)
    assert features[-1].shape == (2, start, 2 * 2 ** (len(strides) - 1))


@pytest.mark.parametrize("stride, left", [(4, 10), (2, 11), (3, 11)])
def test_same_padding_is_tensorflows(stride, left, rng):
    """Total k - stride; the transposed convolution crops what the convolution pads: out[t] at t x stride - left."""
    x = rng.normal(size=(1, 6, 3)).astype("float32")
    layer = Upsample(2, 25, (stride,), "zeros")
    y = np.asarray(layer(x))[0]
    kernel, bias = (np.asarray(w) for w in layer.conv.weights)  # (25, out, in)
    full = np.zeros((6 * stride + 25, 2))
    for t in range(6):
        full[t * stride : t * stride + 25] += x[0, t] @ kernel.transpose(0, 2, 1)
    np.testing.assert_allclose(y, full[left : left + 6 * stride] + bias, atol=1e-5)

    critic = Discriminator(6 * stride, 3, dim=2, kernel_size=25, strides=(stride,), phase_shuffle=0)
    audio = rng.normal(size=(1, 6 * stride, 3)).astype("float32")
    kernel, bias = (np.asarray(w) for w in critic.convs[0].weights)  # (25, in, out)
    padded = np.pad(audio[0], ((left, 25), (0, 0)))
    expected = [np.tensordot(padded[t * stride : t * stride + 25], kernel, 2) + bias for t in range(6)]
    expected = np.where(np.array(expected) > 0, expected, 0.2 * np.array(expected))
    np.testing.assert_allclose(np.asarray(critic(audio)[1][0][0])[0], expected, atol=1e-5)


def test_nearest_repeats_then_convolves(rng):
    x = rng.normal(size=(1, 5, 2)).astype("float32")
    layer = Upsample(3, 25, (4,), "nearest")
    y = np.asarray(layer(x))[0]
    kernel, bias = (np.asarray(w) for w in layer.conv.weights)
    padded = np.pad(np.repeat(x[0], 4, axis=0), ((12, 12), (0, 0)))
    np.testing.assert_allclose(y, [np.tensordot(padded[t : t + 25], kernel, 2) + bias for t in range(20)], atol=1e-5)


def test_post_filter_works_on_each_channel_alone(rng):
    """A delta passes the sound on; the taps of one channel do not touch the other."""
    z = rng.uniform(-1, 1, (1, 100)).astype("float32")
    plain, filtered = (Generator(64, 2, dim=2, strides=(4,), post_filter=n, seed=1) for n in (0, 9))
    filtered.project.set_weights(plain.project.get_weights())
    filtered.ups[0].set_weights(plain.ups[0].get_weights())
    taps = np.zeros((9, 2, 1), "float32")
    taps[4, 0], taps[5, 1] = 1, 1
    filtered.post_filter.set_weights([taps])
    a, b = np.asarray(plain(z))[0], np.asarray(filtered(z))[0]
    np.testing.assert_allclose(b[:, 0], a[:, 0], atol=1e-6)
    np.testing.assert_allclose(b[:-1, 1], a[1:, 1], atol=1e-6)


def test_initial_weights_are_glorot_uniform_and_seeded():
    a, b, c = (Generator(1024, dim=8, strides=(4, 4), seed=s) for s in (0, 0, 1))
    kernel = np.asarray(a.ups[0].conv.kernel)
    bound = np.sqrt(6 / (25 * (kernel.shape[1] + kernel.shape[2])))
    assert np.abs(kernel).max() <= bound and np.isclose(kernel.std(), bound / np.sqrt(3), rtol=0.05)
    assert not np.asarray(a.ups[0].conv.bias).any()
    np.testing.assert_array_equal(kernel, b.ups[0].conv.kernel)
    assert not np.array_equal(kernel, c.ups[0].conv.kernel)


def test_batch_norm_uses_what_the_paper_used(rng):
    """The generator trains on the batch and generates with running means; the discriminator is always on the batch."""
    z = rng.uniform(-1, 1, (8, 100)).astype("float32")
    generator = Generator(64, dim=4, strides=(4, 4), batch_norm=True)
    trained, used = np.asarray(generator(z, training=True)), np.asarray(generator(z))
    assert not np.allclose(trained, used, atol=1e-3)
    critic = Discriminator(64, dim=4, strides=(4, 4), batch_norm=True, phase_shuffle=0)
    loud, quiet = (np.asarray(critic(x)[1][0][1]).std() for x in (10 * trained, trained))
    np.testing.assert_allclose(loud, quiet, rtol=0.2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"length": 16000}, "no published strides; 16384, 32768, 65536"),
        ({"length": 1000, "strides": (4, 4, 4)}, "product 64.*Nearest lengths: 960, 1024"),
        ({"length": 64, "strides": (4, 0)}, "every stride must be at least 1"),
        ({"upsampling": "linear"}, "zeros, nearest. Received: upsampling='linear'"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Generator(**arguments)


def test_any_length_is_start_times_strides(rng):
    assert resolve_strides(6000, (5, 5, 4)) == ((5, 5, 4), 60)
    assert Generator(6000, dim=2, strides=(5, 5, 4))(np.zeros((1, 100), "float32")).shape == (1, 6000, 1)
