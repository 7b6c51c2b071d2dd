import numpy as np
import pytest

from tf_audio_gan.metrics.frechet import frechet_distance, frechet_infinity, ledoit_wolf_weight
from tf_audio_gan.metrics.kernel import kernel_distance, squared_mmd

RNG = np.random.default_rng(0)


def by_sqrtm(a, b):
    from scipy.linalg import sqrtm

    c, d = np.cov(a.T), np.cov(b.T)
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c + d - 2 * sqrtm(c @ d).real)


def exactly(rows, mean, deviations):
    """Rows whose sample mean and (diagonal) covariance are exactly these."""
    rows = rows - rows.mean(axis=0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T).reshape(rows.shape[1], -1))).T
    return white * deviations + mean


@pytest.mark.parametrize("dim", [1, 5])
def test_diagonal_normals_have_the_closed_form(dim):
    mean, a, b = RNG.normal(size=dim), RNG.uniform(0.5, 2, dim), RNG.uniform(0.5, 2, dim)
    first, second = exactly(RNG.normal(size=(40, dim)), 0, a), exactly(RNG.normal(size=(30, dim)), mean, b)
    result = frechet_distance(first, second)
    np.testing.assert_allclose(result.value, np.sum(mean**2) + np.sum((a - b) ** 2), rtol=1e-9)
    assert (result.n_a, result.n_b, result.dim, result.shrinkage_a) == (40, 30, dim, 0.0)


def test_it_agrees_with_the_matrix_square_root():
    a = RNG.normal(size=(200, 12)) @ RNG.normal(size=(12, 12))
    b = RNG.normal(size=(150, 12)) @ RNG.normal(size=(12, 12)) + 1
    np.testing.assert_allclose(frechet_distance(a, b).value, by_sqrtm(a, b), rtol=1e-6)
    np.testing.assert_allclose(frechet_distance(a, b).value, frechet_distance(b, a).value, rtol=1e-9)
    assert frechet_distance(a, a).value < 1e-9 * np.trace(np.cov(a.T))
    np.testing.assert_allclose(frechet_distance(a, a + 0.5).value, 12 * 0.25, rtol=1e-9)


def test_fewer_rows_than_dimensions_are_shrunk_and_said_to_be():
    from sklearn.covariance import ledoit_wolf

    a, b = RNG.normal(size=(20, 30)) * np.linspace(1, 3, 30), RNG.normal(size=(25, 30)) + 0.2
    result = frechet_distance(a, b)
    weights = [ledoit_wolf(x)[1] for x in (a, b)]
    np.testing.assert_allclose([result.shrinkage_a, result.shrinkage_b], weights, rtol=1e-9)
    assert result.note.startswith("20 rows for 30 dimensions: covariances shrunk by")
    assert "biased upwards" in frechet_distance(a[:, :4], b[:, :4]).note
    assert frechet_distance(a[:, :2], b[:, :2]).note == "" and frechet_distance(a, a).value < 1e-9


def test_many_dimensions_are_computed_in_the_span_of_the_rows():
    a, b = RNG.normal(size=(12, 60)) * 2, RNG.normal(size=(9, 60)) + 0.3
    weights = 0.3, 0.3
    covariances = [0.7 * np.cov(x.T) + 0.3 * np.trace(np.cov(x.T)) / 60 * np.eye(60) for x in (a, b)]
    from scipy.linalg import sqrtm

    c, d = covariances
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c + d - 2 * sqrtm(c @ d).real)
    np.testing.assert_allclose(frechet_distance(a, b, shrinkage=weights[0]).value, expected, rtol=1e-8)
    wide = RNG.normal(size=(9, 60))
    np.testing.assert_allclose(ledoit_wolf_weight(wide @ np.linalg.qr(wide.T)[0], 60), ledoit_wolf_weight(wide))


def test_infinity_takes_the_bias_away():
    raw, extrapolated = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(300, 10)), rng.normal(size=(200, 10)) + 0.1
        raw.append(frechet_distance(a, b).value)
        extrapolated.append(frechet_infinity(a, b, seed=seed).value)
    truth = 10 * 0.01
    assert np.mean(raw) > truth + 0.15 and abs(np.mean(extrapolated) - truth) < 0.05
    result = frechet_infinity(a, b, points=4, repeats=1)
    assert result.shares[-1] == 1.0 and abs(result.distances[-1] - raw[-1]) < 1e-12 and result.slope > 0


def by_double_loop(a, b):
    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    m, n = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_b = sum(k(b[i], b[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_a + within_b - 2 * np.mean([k(x, y) for x in a for y in b])


def test_squared_mmd_agrees_with_the_double_loop(monkeypatch):
    monkeypatch.setattr("tf_audio_gan.metrics.kernel._BLOCK_ROWS", 4)
    a, b = RNG.normal(size=(9, 4)), RNG.normal(size=(7, 4)) + 0.4
    np.testing.assert_allclose(squared_mmd(a, b), by_double_loop(a, b), rtol=1e-10)


def test_kernel_distance_is_unbiased_and_seeded():
    values = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        values.append(squared_mmd(rng.normal(size=(20, 6)), rng.normal(size=(30, 6))))
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(150) and min(values) < 0
    a, b = RNG.normal(size=(50, 6)), RNG.normal(size=(44, 6)) + 1
    result = kernel_distance(a, b, subsets=50, seed=4)
    assert (result.subsets, result.subset_size) == (50, 22) and result == kernel_distance(a, b, subsets=50, seed=4)
    assert abs(result.value - squared_mmd(a, b)) < 3 * result.std / np.sqrt(50)
    whole = kernel_distance(a, a, subsets=3, subset_size=50)
    np.testing.assert_allclose([whole.value, whole.std], [squared_mmd(a, a), 0], atol=1e-9)


def test_refusals():
    a = np.ones((5, 3))
    with pytest.raises(ValueError, match=r"features b have shape \(1, 3\); expected \[n, dim\] with n >= 2"):
        frechet_distance(a, a[:1])
    with pytest.raises(ValueError, match=r"rows \[2\] of features a hold NaN"):
        squared_mmd(np.where(np.arange(5)[:, None] == 2, np.nan, a), a)
    for function in (frechet_distance, squared_mmd):
        with pytest.raises(ValueError, match="features of 3 and 2 dimensions"):
            function(a, a[:, :2])
    with pytest.raises(ValueError, match="shrinkage = 2; expected"):
        frechet_distance(a, a, shrinkage=2)
    with pytest.raises(ValueError, match="5 rows of 3 dimensions; the extrapolation expects at least 6"):
        frechet_infinity(a, a)
    with pytest.raises(ValueError, match="100 subsets of 6 rows; expected at least 1, of 2 to 5"):
        kernel_distance(a, a, subset_size=6)
