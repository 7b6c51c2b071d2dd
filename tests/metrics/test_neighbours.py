import numpy as np
import pytest

from tf_audio_gan.metrics import neighbours
from tf_audio_gan.metrics.neighbours import drop_self_matches, memorisation, nearest_neighbours, self_distances

RNG = np.random.default_rng(0)
A, B = RNG.normal(5, 1, (37, 6)), RNG.normal(5, 1, (53, 6))


@pytest.mark.parametrize("block", [6 * 7, 6 * 200])
def test_neighbours_agree_with_cdist_in_blocks_of_any_size(block, monkeypatch):
    from scipy.spatial.distance import cdist

    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", block)
    monkeypatch.setattr(neighbours, "_BLOCK_ROWS", 20)
    distances, indices = nearest_neighbours(A.astype(np.float32), B, k=3)
    expected = cdist(A.astype(np.float32), B)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :3], rtol=1e-12)
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :3])
    within = cdist(A, A) + np.diag(np.full(37, np.inf))
    np.testing.assert_allclose(self_distances(A), within.min(axis=1), rtol=1e-12)


def test_a_row_that_stands_twice_is_at_distance_0_and_its_own_match_is_dropped():
    twice = np.concatenate([A * 1000, A[:2] * 1000])
    assert list(np.flatnonzero(self_distances(twice) == 0)) == [0, 1, 37, 38]
    distances, indices = drop_self_matches(np.array([[0.0, 2], [1, 2]]), np.array([[4, 5], [6, 7]]))
    np.testing.assert_array_equal([distances, indices], [[2, 1], [5, 6]])


def test_memorisation_tells_copies_from_new_sounds():
    training, held_out, new = (RNG.normal(size=(n, 6)) for n in (300, 500, 500))
    fair = memorisation(new, training, held_out)
    assert 0.44 < fair.share_nearer < 0.56 and 0.02 < fair.share_suspicious < 0.09
    copies = memorisation(np.concatenate([new[:60], training[:40] + 1e-4]), training, held_out)
    assert set(range(60, 100)) <= set(copies.copies) and copies.copies[0] >= 60
    np.testing.assert_array_equal(copies.nearest[60:], np.arange(40))
    assert copies.share_nearer > 0.6 and copies.share_suspicious >= 0.4
    assert memorisation(held_out, training, held_out).share_nearer == 0.5


def test_refusals():
    with pytest.raises(ValueError, match=r"features of shapes \(37, 6\) and \(53, 5\)"):
        nearest_neighbours(A, B[:, :5])
    with pytest.raises(ValueError, match="k = 54 neighbours among 53 rows"):
        nearest_neighbours(A, B, k=54)
    with pytest.raises(ValueError, match=r"rows \[3\] hold NaN"):
        nearest_neighbours(np.where(np.arange(37)[:, None] == 3, np.nan, A), B)
    with pytest.raises(ValueError, match="1 rows; a nearest other row expects at least 2"):
        self_distances(A[:1])
