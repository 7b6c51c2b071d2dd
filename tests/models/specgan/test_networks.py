import numpy as np
import pytest

from tf_audio_gan.backend import Draws
from tf_audio_gan.models.dcgan import Upsample
from tf_audio_gan.models.specgan.networks import Discriminator, Generator, resolve_strides

PUBLISHED = [  # wavegan.md 4.2 (128 frames of 128 bins); longer ones grow as WaveGAN's do, 1.3
    (128, 64, {}, {}, 19_065_345, 17_427_969),
    (128, 32, {}, {}, 5_180_673, 4_361_985),
    (128, 64, {"upsampling": "nearest"}, {"phase_shuffle": 1}, 19_065_345, 17_427_969),
    (128, 64, {"batch_norm": True}, {"batch_norm": True}, 19_065_345 + 3_968, 17_427_969 + 3_840),
    (256, 32, {}, {}, 19_115_777, 17_478_401),
    (512, 32, {}, {}, 19_115_777, 17_478_401),
]


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.parametrize("frames, dim, g, d, g_parameters, d_parameters", PUBLISHED)
def test_parameters_are_the_published_ones(blank, frames, dim, g, d, g_parameters, d_parameters):
    assert trainable(Generator(frames, dim=dim, **g)) == g_parameters
    assert trainable(Discriminator(frames, dim=dim, **d)) == d_parameters


def test_layers_are_the_published_ones(blank):
    """Table 4.2 row by row, d = 64: parameters and the map after each layer."""
    generator, critic = Generator(), Discriminator()
    layers = [generator.project, *(up.conv for up in generator.ups)]
    counts = [1_654_784, 13_107_712, 3_277_056, 819_328, 204_864, 1_601]
    assert [layer.count_params() for layer in layers] == counts
    assert [layer.count_params() for layer in critic.convs] == [1_664, 204_928, 819_456, 3_277_312, 13_108_224]
    assert critic.logit.count_params() == 16_385 and generator.start == (4, 4) and generator.width == 1024


@pytest.mark.parametrize("frames", [128, 256, 512])
def test_shapes(frames, rng):
    z = rng.uniform(-1, 1, (2, 100)).astype("float32")
    picture = np.asarray(Generator(frames, dim=2)(z))
    assert picture.shape == (2, frames, 128, 1) and np.abs(picture).max() <= 1
    network = Discriminator(frames, dim=2, phase_shuffle=1)
    (logits,), (features,) = network(picture, draws=Draws(0, 0))
    assert logits.shape == (2,) and len(features) == len(network.strides) and len(network.shuffles) == 4
    assert features[-1].shape == (2, 4, 4, 2 * 2 ** (len(network.strides) - 1))


def padding(stride):
    """(before, after) of a kernel of 5: TensorFlow's "same", kernel - stride in all."""
    return (5 - stride) // 2, -(-(5 - stride) // 2)


@pytest.mark.parametrize("strides", [(2, 2), (4, 1), (2, 1)])
def test_same_padding_is_tensorflows(strides, rng):
    """1 before and 2 after for stride 2; the transposed convolution crops what the convolution pads."""
    assert padding(2) == (1, 2)
    (top, bottom), (left, right) = (padding(s) for s in strides)
    x = rng.normal(size=(1, 3, 4, 2)).astype("float32")
    layer = Upsample(3, 5, strides, "zeros")
    y = np.asarray(layer(x))[0]
    kernel, bias = (np.asarray(w) for w in layer.conv.weights)  # (5, 5, out, in)
    full = np.zeros((3 * strides[0] + 5, 4 * strides[1] + 5, 3))
    for i in range(3):
        for j in range(4):
            at = np.s_[i * strides[0] : i * strides[0] + 5, j * strides[1] : j * strides[1] + 5]
            full[at] += kernel @ x[0, i, j]
    wanted = full[top : top + 3 * strides[0], left : left + 4 * strides[1]] + bias
    np.testing.assert_allclose(y, wanted, atol=1e-5)

    critic = Discriminator(4, 4, dim=2, strides=(2,))
    picture = rng.normal(size=(1, 4, 4, 1)).astype("float32")
    kernel, bias = (np.asarray(w) for w in critic.convs[0].weights)  # (5, 5, 1, out)
    padded = np.pad(picture[0], ((1, 2), (1, 2), (0, 0)))
    wanted = [[np.tensordot(padded[i : i + 5, j : j + 5], kernel, 3) for j in (0, 2)] for i in (0, 2)]
    wanted = np.where(wanted + bias > 0, wanted + bias, 0.2 * (wanted + bias))
    np.testing.assert_allclose(np.asarray(critic(picture)[1][0][0])[0], wanted, atol=1e-5)


def test_nearest_repeats_then_convolves(rng):
    x = rng.normal(size=(1, 3, 2, 2)).astype("float32")
    layer = Upsample(3, 5, (4, 2), "nearest")
    y = np.asarray(layer(x))[0]
    kernel, bias = (np.asarray(w) for w in layer.conv.weights)
    padded = np.pad(x[0].repeat(4, 0).repeat(2, 1), ((2, 2), (2, 2), (0, 0)))
    wanted = [[np.tensordot(padded[i : i + 5, j : j + 5], kernel, 3) + bias for j in range(4)] for i in range(12)]
    np.testing.assert_allclose(y, wanted, atol=1e-5)


def test_phase_shuffle_moves_time_and_not_frequency(rng):
    """The second convolution of a shuffled map is that of the map shifted in time, reflected at the ends."""
    critic = Discriminator(16, 16, dim=2, strides=(2, 2), phase_shuffle=1)
    picture, draws = rng.normal(size=(1, 16, 16, 1)).astype("float32"), Draws(0, 0)
    first, second = (np.asarray(x) for x in critic(picture, draws=draws)[1][0])
    shift = next(int(s) for s in [draws.fold("shuffle", 0).shared_integer(-1, 2)])
    moved = np.pad(first, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="reflect")[:, 1 - shift : 9 - shift]
    wanted = np.asarray(critic.convs[1](moved))
    np.testing.assert_allclose(second, np.where(wanted > 0, wanted, 0.2 * wanted), atol=1e-5)
    assert shift, "draw another step: this one shifts by 0"


def test_initial_weights_are_glorot_uniform_and_seeded():
    a, b, c = (Generator(16, 16, dim=8, strides=(2, 2), seed=s) for s in (0, 0, 1))
    kernel = np.asarray(a.ups[0].conv.kernel)
    bound = np.sqrt(6 / (25 * (kernel.shape[2] + kernel.shape[3])))
    assert np.abs(kernel).max() <= bound and np.isclose(kernel.std(), bound / np.sqrt(3), rtol=0.05)
    assert not np.asarray(a.ups[0].conv.bias).any()
    np.testing.assert_array_equal(kernel, b.ups[0].conv.kernel)
    assert not np.array_equal(kernel, c.ups[0].conv.kernel)


def test_strides_grow_in_time():
    """Five layers double both axes; those before them, the slowest, stretch time alone."""
    assert resolve_strides(128, 128) == (((2, 2),) * 5, (4, 4))
    assert resolve_strides(512, 128) == (((4, 1), *((2, 2),) * 5), (4, 4))
    assert resolve_strides(192, 128, (2,) * 5) == (((2, 2),) * 5, (6, 4))
    assert resolve_strides(12, 16, (3, 2)) == (((3, 2), (2, 2)), (2, 4))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"frames": 125}, "125 frames have no strides of their own; 128, 256, 512 frames have.*multiple of 32"),
        ({"frames": 100, "strides": (2,) * 5}, r"frames must be a multiple of 32.*Received: 100. Nearest: 96, 128"),
        ({"bins": 100}, r"bins \(n_fft / 2\) must be a multiple of 32.*Received: 100. Nearest: 96, 128"),
        ({"frames": 64, "strides": (4, 0)}, "every stride must be at least 1"),
        ({"upsampling": "linear"}, "zeros, nearest. Received: upsampling='linear'"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Generator(**arguments)
