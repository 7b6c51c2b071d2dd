"""SEGAN's networks against the paper's sizes, the authors' outputs, and layers computed by hand."""

import numpy as np
import pytest
from keras import ops

from tests.peers import last, parameters, peer
from tf_audio_gan import SEGAN, SEGANPlus
from tf_audio_gan.backend import Draws
from tf_audio_gan.models.segan import networks
from tf_audio_gan.models.segan.networks import Discriminator, Generator, code_length, scaled

FILTERS = (16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024)
PLUS = {"stride": 4, "padding": "reflect", "init": "normal"}
SMALL = {"filters": (4, 8, 8), **PLUS}


@pytest.fixture(name="blank")
def without_drawing_weights(monkeypatch):
    """Weights of 0, whose number is what is asked for."""
    monkeypatch.setattr(networks, "_kernel", lambda *_: "zeros")
    monkeypatch.setattr(networks, "initial_weights", lambda *_: {"kernel_initializer": "zeros"})


@pytest.mark.parametrize(
    "cls, keywords, generator, discriminator, biases",
    [
        (SEGAN, {}, 73_100_049, 24_373_081, (73_096_048, 24_370_569)),
        (SEGANPlus, {}, 64_770_561, 25_825_793, None),
        (SEGANPlus, {"skip_merge": "sum", "head": "conv"}, 59_435_585, 21_598_866, None),
    ],
)
def test_parameters_are_the_published_ones(blank, cls, keywords, generator, discriminator, biases):
    model = cls(**keywords)
    assert (parameters(model.generator), parameters(model.discriminator)) == (generator, discriminator)
    if biases is not None:  # convolutions without them, as the authors count those
        convs = model.generator.downs + model.generator.ups, model.discriminator.downs
        counts = [sum(conv.bias.shape[0] for conv in found) for found in convs]
        assert (generator - counts[0], discriminator - counts[1]) == biases


def test_parameters_of_segan_without_latents_and_of_small_ones_without_biases(blank):
    assert parameters(Generator(FILTERS)) == 56_847_121
    assert parameters(Generator((4, 8))) - parameters(Generator((4, 8), bias=False)) == 4 + 8 + 4 + 1
    found = [parameters(Discriminator(64, (4, 8), bias=bias)) for bias in (True, False)]
    assert found[0] - found[1] == 4 + 8


def loaded(network, state):
    """A SEGAN+ generator with the arrays of the authors' state dict."""
    levels, turned = len(network.downs), {k: v.T if v.ndim == 3 else v for k, v in state.items()}
    for i in range(levels):
        network.downs[i].set_weights([turned[f"enc_blocks.{i}.conv.{n}"] for n in ("weight", "bias")])
        network.down_acts[i].set_weights([turned[f"enc_blocks.{i}.act.weight"][None]])
        network.ups[i].set_weights([turned[f"dec_blocks.{i}.deconv.{n}"] for n in ("weight", "bias")])
    for i in range(levels - 1):
        network.up_acts[i].set_weights([turned[f"dec_blocks.{i}.act.weight"][None]])
        network.gains[i].assign(turned[f"alpha_{i}.skip_k"].reshape(-1))
    return network


def test_a_generator_agrees_with_the_authors():
    arrays, state = peer("segan_plus_generator")
    network = loaded(Generator(**SMALL, latent_dim=8, skip_gain="random", seed=1), state)
    found = ops.convert_to_numpy(network(last(arrays["noisy"]), last(arrays["z"])))
    np.testing.assert_allclose(found, last(arrays["clean"]), atol=1e-5)


def conv_by_hand(x, kernel, bias, stride, left, right, mode):
    """Convolution of x [time, in] with a stride, in a loop."""
    padded = np.pad(x, ((left, right), (0, 0)), mode=mode)
    starts = range(0, len(padded) - len(kernel) + 1, stride)
    return np.array([np.einsum("kc,kco->o", padded[i : i + len(kernel)], kernel) for i in starts]) + bias


@pytest.mark.parametrize("padding, mode, stride", [("zeros", "constant", 2), ("reflect", "reflect", 4)])
def test_a_level_pads_as_the_authors(padding, mode, stride, rng):
    network = Discriminator(64, (3,), stride=stride, padding=padding)
    x = rng.normal(size=(1, 64, 2)).astype("float32")
    kernel, bias = (np.asarray(w, "float64") for w in network.downs[0].get_weights())
    expected = conv_by_hand(x[0], kernel, bias, stride, 14, 15, mode)
    assert len(expected) == 64 // stride
    np.testing.assert_allclose(ops.convert_to_numpy(network.down(x, 0))[0], expected, atol=1e-5)


def test_skips_leave_before_the_activation_and_come_in_after_it(rng):
    """Two levels by their own layers: [latents, code], PReLU, then [decoder, skip] or their sum."""
    x, z = rng.normal(size=(2, 64, 1)).astype("float32"), rng.normal(size=(2, 16, 3)).astype("float32")
    for merge in ("concat", "sum"):
        network = Generator((4, 3), stride=2, latent_dim=3, skip_merge=merge, skip_gain="random", seed=2)
        for act in (*network.down_acts, *network.up_acts):
            act.alpha.assign(rng.uniform(0.1, 0.4, act.alpha.shape))
        skip = network.downs[0](x)
        code = network.down_acts[1](network.downs[1](network.down_acts[0](skip)))
        up = network.up_acts[0](network.ups[0](ops.concatenate([z, code], -1)))
        skip = skip * ops.convert_to_tensor(network.gains[0])
        merged = ops.concatenate([up, skip], -1) if merge == "concat" else up + skip
        expected = ops.convert_to_numpy(ops.tanh(network.ups[1](merged)))
        np.testing.assert_allclose(ops.convert_to_numpy(network(x, z)), expected, atol=1e-6)


def test_initial_weights_are_the_authors():
    segan, plus = Generator((64, 64), latent_dim=64), Generator((64, 64), latent_dim=64, skip_gain="ones", **PLUS)
    for network in (segan, plus):
        for i, down in enumerate(network.downs):
            kernel, bias = down.get_weights()
            largest = 0.04 if network is segan else 0.12  # two deviations where truncated
            assert np.abs(kernel).max() < largest and not bias.any()
            assert abs(kernel.std() - (0.0176 if network is segan else 0.02)) < (2e-3 if i == 0 else 3e-4)
    assert abs(segan.ups[0].get_weights()[0].std() - 0.0176) < 3e-4
    bound = 1 / np.sqrt(128 * 31)
    kernel, bias = plus.ups[0].get_weights()
    assert 0.99 * bound < np.abs(kernel).max() <= bound and 0.5 * bound < np.abs(bias).max() <= bound
    assert abs(kernel.std() - bound / np.sqrt(3)) < 1e-4
    assert all((np.asarray(gain) == 1).all() for gain in plus.gains) and not segan.gains
    assert not any(np.asarray(act.alpha).any() for act in (*plus.down_acts, *plus.up_acts))


def test_groups_are_judged_as_in_calls_of_their_own(rng):
    x = rng.normal(size=(6, 1024, 2)).astype("float32")
    network = Discriminator(1024, norm="bn", activation="prelu", head="dense", hidden=(8, 4), **SMALL)
    logits = lambda x, n=1, **more: ops.convert_to_numpy(network(x, groups=n, **more)[0][0])  # noqa: E731
    both, alone = logits(x, 2), np.concatenate([logits(x[:3]), logits(x[3:])])
    assert both.shape == (6,)
    np.testing.assert_allclose(both, alone, atol=1e-5)
    reference = Discriminator(1024, norm="vbn_segan", **SMALL)
    found = [ops.convert_to_numpy(reference(x[:n], groups=n // 3)[0][0]) for n in (3, 6)]
    np.testing.assert_allclose(found[1][:3], found[0], atol=1e-5)
    assert np.abs(found[1][3:] - ops.convert_to_numpy(reference(x[3:])[0][0])).max() > 1e-4


def test_shifts_move_layers_by_the_draws_alone(rng):
    x = rng.normal(size=(4, 1024, 2)).astype("float32")
    network = Discriminator(1024, norm="bn", phase_shift=5, **SMALL)
    judge = lambda draws: ops.convert_to_numpy(network(x, groups=2, draws=draws)[0][0])  # noqa: E731
    seen = [judge(draws) for draws in (None, Draws(0, 1), Draws(0, 1), Draws(0, 2))]
    np.testing.assert_array_equal(seen[1], seen[2])
    assert np.abs(seen[0] - seen[1]).max() > 1e-4 < np.abs(seen[1] - seen[3]).max()
    network.phase_shift = 0
    np.testing.assert_array_equal(judge(Draws(0, 1)), seen[0])


def test_widths_and_lengths():
    assert scaled((64, 128, 1024), 0.25) == (16, 32, 256) and scaled((16, 6), 0.05) == (1, 1)
    assert scaled((10,), 0.26) == (3,)
    assert code_length(16384, 11, 2) == 8 and code_length(16384, 5, 4) == 16
    with pytest.raises(ValueError, match=r"4\^5 = 1024 samples. Received: window=16000. 16384 would do"):
        code_length(16000, 5, 4)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"padding": "same"}, "zeros, reflect. Received: padding='same'"),
        ({"skip_merge": "add"}, "concat, sum"),
        ({"skip_gain": "one"}, "none, ones, zeros, random"),
        ({"kernel_size": 30}, "kernel_size odd"),
        ({"stride": 1}, "stride from 2"),
    ],
)
def test_unknown_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Generator(**{**SMALL, **change})
