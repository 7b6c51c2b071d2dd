"""The way between latents, against scipy and by hand."""

import numpy as np
import pytest
from keras import ops
from scipy.spatial import geometric_slerp

from tf_audio_gan.models.gansynth.slerp import slerp


def test_unit_vectors_take_scipys_way(rng):
    a, b = (x / np.linalg.norm(x) for x in rng.normal(size=(2, 16)))
    weights = np.linspace(0, 1, 9)
    made = ops.convert_to_numpy(slerp(a[None], b[None], weights[:, None]))
    np.testing.assert_allclose(made, geometric_slerp(a, b, weights), atol=1e-6)


def test_lengths_go_from_one_to_the_other(rng):
    a, b = rng.normal(size=(2, 3, 8))
    np.testing.assert_allclose(slerp(a, b, 0.0), a, rtol=1e-6)
    np.testing.assert_allclose(slerp(a, b, 1.0), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("b", [[2.0, 0.0], [-1.0, 0.0]])
def test_without_a_circle_the_way_is_a_line(b):
    a = np.array([1.0, 0.0])
    np.testing.assert_allclose(slerp(a, np.array(b), 0.25), 0.75 * a + 0.25 * np.array(b), atol=1e-6)
