"""Both networks against the published counts, and against themselves written out at full size."""

import numpy as np
import pytest
from keras import ops

from tf_audio_gan.models.gansynth.networks import Discriminator, Generator, pooled, start_of, upscaled

BLOCKS_G = [3_187_714, 1_180_674, 1_180_674, 1_180_674, 442_882, 110_850, 27_778]
BLOCKS_D = [2_690_560, 1_180_928, 1_180_928, 1_180_928, 443_136, 110_976, 27_840]
SMALL = {"frames": 8, "bins": 16, "blocks": 3, "classes": 5, "base": 16, "most": 6}


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("frames", "bins", "start"), [(128, 1024, (2, 16)), (256, 512, (4, 8))])
def test_parameters_are_the_published_ones(frames, bins, start):
    generator, critic = Generator(frames, bins), Discriminator(frames, bins)
    assert generator.start == critic.start == start
    assert count(generator.trainable_variables) == 7_311_246 and count(critic.trainable_variables) == 6_831_230
    assert count(generator.used(7, False)) == 7_308_802
    for network, counts in ((generator, BLOCKS_G), (critic, BLOCKS_D)):
        layers = [(*network.block(b), network.rgb[b - 1]) for b in range(1, 8)]
        assert [count(w for layer in block for w in layer.weights) for block in layers] == counts
    assert critic.score.count_params() == 257 and critic.pitch.count_params() == 15_677


def test_parameters_of_magentas_defaults():
    sizes = {"frames": 256, "bins": 512, "base": 512, "most": 128}
    assert count(Generator(**sizes).trainable_variables) == 1_889_646
    assert count(Discriminator(**sizes).trainable_variables) == 1_125_142


def test_scales_follow_from_the_kernels():
    generator, critic = Generator(), Discriminator()
    found = [layer.scale for layer in (*generator.convs, *generator.rgb)]
    wanted = [0.014041] + [0.029463] * 8 + [0.041667, 0.041667, 0.058926, 0.058926, 0.083333]
    np.testing.assert_allclose(found, wanted + [0.0625] * 4 + [0.0884, 0.125, 0.1768], rtol=1e-3)
    np.testing.assert_allclose([layer.scale for layer in critic.convs[:2]], [0.029405, 0.015625], rtol=1e-4)
    assert critic.score.scale == critic.pitch.scale == 0.0625 and {layer.scale for layer in critic.rgb} == {1.0}


@pytest.fixture
def latents(rng):
    return rng.normal(size=(4, 256)).astype("float32"), np.eye(5, dtype="float32")[[0, 1, 4, 4]]


def test_smaller_stages_are_the_first_blocks_of_the_full_one(latents):
    """The full picture is the sum over blocks of alpha times what each draws, enlarged: natively, without enlarging."""
    generator = Generator(**SMALL)
    drawn = [upscaled(generator(*latents, blocks=b), 2 ** (3 - b)) for b in (1, 2, 3)]
    assert [array(generator(*latents, blocks=b)).shape[1:] for b in (1, 2, 3)] == [(2, 4, 2), (4, 8, 2), (8, 16, 2)]
    for p in (0.0, 0.3, 1.0, 1.75, 2.0):
        alphas = [max(0.0, min(p - (b - 2), b - p)) for b in (1, 2, 3)]
        assert sum(alphas) == pytest.approx(1)
        full = sum(a * array(picture) for a, picture in zip(alphas, drawn, strict=True))
        blocks = int(np.ceil(p)) + 1
        share = p - (blocks - 2) if p % 1 else None
        native = upscaled(generator(*latents, blocks=blocks, share=share), 2 ** (3 - blocks))
        np.testing.assert_allclose(array(native), full, atol=1e-6)


def by_hand(critic, picture, p):
    """The discriminator on full-size pictures, as the paper's code has it."""

    def seen(b):
        return ops.leaky_relu(critic.rgb[b - 1](pooled(picture, 2 ** (3 - b))), 0.2)

    blocks = int(np.ceil(p)) + 1
    x = seen(blocks)
    for b in range(blocks, 1, -1):
        for conv in critic.block(b):
            x = ops.leaky_relu(conv(x), 0.2)
        alpha = np.clip((b - 1) - p, 0, 1)
        x = alpha * seen(b - 1) + (1 - alpha) * pooled(x, 2)
    return array(x), blocks


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0, 1.75, 2.0])
def test_the_discriminator_at_small_size_sees_what_it_sees_at_full_size(p, rng):
    critic = Discriminator(**{k: v for k, v in SMALL.items()})
    blocks = int(np.ceil(p)) + 1
    small = rng.uniform(-1, 1, (4, *(n * 2 ** (blocks - 1) for n in (2, 4)), 2)).astype("float32")
    share = np.float32(p - (blocks - 2)) if p % 1 else None
    (logits,), (features,) = critic(small, blocks=blocks, share=share)
    x, _ = by_hand(critic, upscaled(ops.convert_to_tensor(small), 2 ** (3 - blocks)), p)
    spread = np.mean(np.sqrt(x.var(axis=0) + 1e-6))
    x = np.concatenate([x, np.full((*x.shape[:-1], 1), spread, "float32")], axis=-1)
    for conv in critic.block(1):
        x = ops.leaky_relu(conv(x), 0.2)
    np.testing.assert_allclose(array(features[-1]), array(x), atol=1e-5)
    np.testing.assert_allclose(array(logits), array(critic.score(x))[:, 0], atol=1e-5)
    assert critic.classify(features).shape == (4, 5)


def test_the_first_map_is_a_convolution_over_zeros(latents, rng):
    """1 x 1 x 261 normalised, zeros of the start's size less 1 on every side, kernel of the start's size."""
    generator = Generator(**SMALL)
    first = generator.convs[0]
    x = np.concatenate(latents, axis=1)
    x = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-8)
    padded = np.pad(x[:, None, None], ((0, 0), (1, 1), (3, 3), (0, 0)))
    wanted = ops.conv(padded, ops.convert_to_tensor(first.kernel) * first.scale, 1, "valid", "channels_last")
    np.testing.assert_allclose(array(first(x)), array(wanted), atol=1e-5)
    larger = [latents[0] * 3, latents[1] * 3]
    np.testing.assert_allclose(array(generator(*larger)), array(generator(*latents)), atol=1e-3)


def test_a_stage_uses_its_own_variables():
    generator, critic = Generator(**SMALL), Discriminator(**SMALL)
    for network in (generator, critic):
        heads = 4 if network is critic else 0
        assert len(network.used(1, False)) == 4 + 2 + heads
        assert len(network.used(2, True)) == 8 + 4 + heads and len(network.used(2, False)) == 8 + 2 + heads
        paths = {v.path for v in network.used(2, False)}
        assert not [path for path in paths if "block_3" in path or "block_1_rgb" in path]
        assert len(network.used(3, True)) + 2 == len(network.trainable_variables)


def test_scaling(rng):
    facts = Generator(**SMALL).facts
    logs = np.float32([-13.815511, 10.376636, -20.0, 20.0]).reshape(1, 2, 2, 1)
    x = np.concatenate([logs, np.float32([1, -1, 0.5, 2]).reshape(1, 2, 2, 1)], axis=-1)
    found = array(facts.normalise(x)).reshape(4, 2)
    np.testing.assert_allclose(found, [[-0.8, 0.8], [0.8, -0.8], [-1, 0.4], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(array(facts.denormalise(found.reshape(1, 2, 2, 2)))[0, 0], x[0, 0], atol=1e-4)


def test_scales_of_every_bin_at_smaller_sizes(rng):
    """Enlarged pictures normalised bin by bin, then averaged: the means of the scales."""
    facts = Generator(**SMALL, frequency=True).facts
    facts.assign(slope=rng.uniform(0.01, 0.02, (16, 2)), offset=rng.uniform(-0.1, 0.1, (16, 2)))
    small = rng.uniform(-5, 5, (2, 2, 4, 2)).astype("float32")
    full = pooled(facts.normalise(upscaled(ops.convert_to_tensor(small), 4)), 4)
    np.testing.assert_allclose(array(facts.normalise(ops.convert_to_tensor(small))), array(full), atol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((128, 1024, 0), "blocks must be a whole number from 1. Received: blocks=0"),
     ((128, 96, 7), "multiples of 64. Received: frames=128, bins=96")],
)  # fmt: skip
def test_wrong_sizes_are_named(sizes, message):
    with pytest.raises(ValueError, match=message):
        start_of(*sizes)
