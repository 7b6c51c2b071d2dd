import keras
import numpy as np
import pytest
from keras import ops

from tf_audio_gan import backend
from tf_audio_gan.losses.feature_matching import feature_matching


def maps(rng, scales=3, layers=6):
    return [[rng.normal(size=(2, 8 + i, 3 + k)).astype("float32") for k in range(layers)] for i in range(scales)]


@pytest.mark.parametrize(
    ("reduction", "factor"),
    [("official_code", 0.8 / 3), ("paper", 1.0), ("mean", 1 / 18)],  # of the sum over MelGAN's 3 x 6 maps
)
def test_weights_of_melgans_eighteen_maps(reduction, factor, rng):
    real, fake = maps(rng), maps(rng)
    sums = sum(np.abs(r - f).mean() for a, b in zip(real, fake, strict=True) for r, f in zip(a, b, strict=True))
    found = ops.convert_to_numpy(feature_matching(real, fake, reduction))
    np.testing.assert_allclose(found, factor * sums, rtol=1e-5)


def test_one_scale_of_few_layers(rng):
    """The code's weight follows the discriminator: 4 / (5 - 1) / 1 for five maps of one scale."""
    real, fake = maps(rng, 1, 5), maps(rng, 1, 5)
    ratio = feature_matching(real, fake) / feature_matching(real, fake, "paper")
    np.testing.assert_allclose(ops.convert_to_numpy(ratio), 1.0, rtol=1e-6)


def test_real_maps_get_no_gradient():
    x = np.full((1, 4, 2), 2.0, "float32")
    slope = backend.input_gradient(lambda v: feature_matching([[v * v]], [[3 * v]], "paper"), x)
    np.testing.assert_allclose(ops.convert_to_numpy(slope), 3 / 8)  # fake 6 over real 4: of the fake side alone


def test_half_maps_are_averaged_in_float32():
    real, fake = np.zeros((1, 4096, 16), "float32"), np.full((1, 4096, 16), 0.1, "float32")
    found = feature_matching([[ops.cast(real, "bfloat16")]], [[ops.cast(fake, "bfloat16")]], "paper")
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(found), 0.10009765625, rtol=1e-6)  # bfloat16(0.1)


def test_mismatches_are_named(rng):
    real = maps(rng, 2, 3)
    with pytest.raises(ValueError, match=r"Received: \[3, 3\] and \[3, 2\] maps"):
        feature_matching(real, [real[0], real[1][:2]])
    with pytest.raises(ValueError, match=r"Received: \[\] and \[\] maps"):
        feature_matching([], [])
    shorter = [real[0], [real[1][0], real[1][1][:, :5], real[1][2]]]
    with pytest.raises(ValueError, match=r"map 1 of scale 1 has shape \(2, 9, 4\) for real and \(2, 5, 4\) for fake"):
        feature_matching(real, shorter)
    with pytest.raises(ValueError, match=r"\(2, 8, 3\) for real and \(2, 8\) for fake"):
        feature_matching(real, [[real[0][0][..., 0], *real[0][1:]], real[1]])
    with pytest.raises(ValueError, match="official_code, paper, mean. Received: reduction='sum'"):
        feature_matching(real, real, "sum")
