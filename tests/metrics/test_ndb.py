import numpy as np
import pytest

from tf_audio_gan.metrics.ndb import compare_cells, jensen_shannon, kmeans, ndb, nearest_centre

RNG = np.random.default_rng(0)
MODES = RNG.normal(0, 8, (10, 3))


def blobs(n, rng, modes=10):
    return MODES[rng.integers(0, modes, n)] + rng.normal(size=(n, 3))


def test_kmeans_is_as_good_as_that_of_scikit_learn_and_finds_the_modes():
    from sklearn.cluster import KMeans

    rows = blobs(400, RNG)
    ours = nearest_centre(rows, kmeans(rows, 10, seed=1))[1].sum()
    assert ours < 1.02 * KMeans(10, n_init=10, random_state=0).fit(rows).inertia_
    uniform = RNG.uniform(size=(500, 4))
    ours = nearest_centre(uniform, kmeans(uniform, 20))[1].sum()
    assert ours < 1.05 * KMeans(20, n_init=10, random_state=0).fit(uniform).inertia_
    np.testing.assert_array_equal(kmeans(rows, 5, seed=3), kmeans(rows, 5, seed=3))


def test_kmeans_of_few_different_rows():
    centres = kmeans(np.repeat([[0.0], [1.0]], 5, axis=0), 4)
    assert centres.shape == (4, 1) and set(centres.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(np.sort(kmeans(np.arange(5.0)[:, None], 5).ravel()), np.arange(5))


def test_chance_makes_five_percent_of_the_cells_different():
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found.append(ndb(blobs(1500, rng), blobs(600, rng), 20, seed=seed).share)
    assert 0.02 < np.mean(found) < 0.09


def test_a_mode_that_is_never_made_is_found():
    result = ndb(blobs(2000, RNG), blobs(500, RNG, modes=9), 10)
    gone = np.argmin(result.query_shares)
    assert result.p_values[gone] < 1e-6 and result.z[gone] < -5 and result.query_shares[gone] < 0.005
    assert result.ndb >= 1 and result.share == result.ndb / 10
    assert (result.k, result.n, result.m, result.warning) == (10, 2000, 500, "")
    assert np.isclose(result.reference_shares.sum(), 1)


def test_shares_by_hand():
    reference, queries = np.repeat([0.0, 10.0], [50, 50])[:, None], np.repeat([1.0, 9.0], [15, 3])[:, None]
    result = compare_cells(np.array([[0.0], [10.0]]), reference, queries)
    z = (15 / 18 - 0.5) / np.sqrt(65 / 118 * 53 / 118 * (1 / 100 + 1 / 18))
    np.testing.assert_allclose(result.z, [z, -z])
    assert result.ndb == 2 and result.warning.startswith("18 queries for 2 cells: fewer than 10")


def test_jensen_shannon_by_hand():
    np.testing.assert_allclose(jensen_shannon([1, 0], [0, 1]), np.log(2))
    middle = 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)) + 0.5 * np.log(1 / 0.75)
    np.testing.assert_allclose(jensen_shannon([0.5, 0.5], [1, 0]), middle)
    assert jensen_shannon([0.2, 0.8], [0.2, 0.8]) == 0


def test_refusals():
    with pytest.raises(ValueError, match="k = 50 cells of 5 rows"):
        ndb(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="of features queries hold NaN"):
        ndb(np.ones((5, 2)), np.full((5, 2), np.nan), 2)
