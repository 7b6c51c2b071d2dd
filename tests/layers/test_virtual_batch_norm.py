import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.layers.virtual_batch_norm import VirtualBatchNorm


def made(mode, rng):
    layer = VirtualBatchNorm(mode, seed=3)
    layer.build((None, None, 4))
    layer.gamma.assign(rng.normal(1, 0.3, 4))
    layer.beta.assign(rng.normal(0, 0.3, 4))
    return layer


def by_hand(layer, x, mean, square):
    """SEGAN's code: std = sqrt(1e-5 + mean of squares - mean^2)."""
    gamma, beta = (np.asarray(v, "float64") for v in (layer.gamma, layer.beta))
    return gamma * (x - mean) / np.sqrt(1e-5 + square - mean**2) + beta


def moments(x):
    return x.mean((0, 1)), (x**2).mean((0, 1))


def test_the_others_are_normalised_by_the_references_statistics_and_their_own_share(rng):
    layer = made("vbn_segan", rng)
    x = rng.normal(0.5, 2, (3, 5, 7, 4))  # groups, batch, time, channels
    x[1] *= 3
    found = ops.convert_to_numpy(layer(x.reshape(15, 7, 4).astype("float32"), groups=3)).reshape(x.shape)
    reference = moments(x[0])
    np.testing.assert_allclose(found[0], by_hand(layer, x[0], *reference), atol=2e-5)
    for group in (1, 2):
        mixed = [own / 6 + 5 / 6 * ref for own, ref in zip(moments(x[group]), reference, strict=True)]
        np.testing.assert_allclose(found[group], by_hand(layer, x[group], *mixed), atol=2e-5)


def test_a_live_pass_of_the_reference_itself_would_repeat_it(rng):
    """So the authors' third pass, of the real examples for their statistics, is the second."""
    layer = made("vbn_segan", rng)
    x = rng.normal(size=(4, 6, 4)).astype("float32")
    both = ops.convert_to_numpy(layer(np.concatenate([x, x]), groups=2))
    np.testing.assert_allclose(both[4:], both[:4], atol=1e-6)


def test_plain_batch_normalisation_is_each_groups_own(rng):
    layer = made("bn", rng)
    x = rng.normal(-1, 2, (2, 5, 7, 4))
    found = ops.convert_to_numpy(layer(x.reshape(10, 7, 4).astype("float32"), groups=2)).reshape(x.shape)
    for group in (0, 1):
        np.testing.assert_allclose(found[group], by_hand(layer, x[group], *moments(x[group])), atol=2e-5)


def test_gradients_flow_through_the_reference(rng):
    layer = made("vbn_segan", rng)
    x = rng.normal(size=(4, 6, 4)).astype("float32")
    loss = lambda v: ops.sum(layer(v, groups=2)[2:] ** 3)  # noqa: E731
    slope = ops.convert_to_numpy(backend.input_gradient(loss, x))
    step = np.zeros_like(x)
    step[0, 2, 1] = 1e-2
    difference = (float(loss(x + step)) - float(loss(x - step))) / 2e-2
    assert slope[0, 2, 1] == pytest.approx(difference, rel=2e-2) and abs(difference) > 1e-3


def test_initial_gains_and_digital_silence():
    gains = []
    for mode in ("vbn_segan", "bn"):
        layer = VirtualBatchNorm(mode)
        layer.build((None, None, 2000))
        gains.append(ops.convert_to_numpy(layer.gamma))
    assert abs(gains[0].mean() - 1) < 2e-3 and abs(gains[0].std() - 0.02) < 2e-3 and (gains[1] == 1).all()
    silence = np.full((2, 3, 2000), 30.0, "float32")
    assert np.isfinite(ops.convert_to_numpy(layer(silence))).all()
    with pytest.raises(ValueError, match="vbn_segan, bn. Received: mode='vbn'"):
        VirtualBatchNorm("vbn")
