import numpy as np
import pytest

from tf_audio_gan.metrics.statistics import (
    bootstrap_interval,
    jackknife_interval,
    t_interval,
    two_proportion_test,
    wilson_interval,
)


def coverage(interval, draw, truth, trials=300):
    found = [interval(draw(np.random.default_rng(seed)), seed) for seed in range(trials)]
    return np.mean([i.low <= truth <= i.high for i in found])


@pytest.mark.parametrize("n", [8, 40])
def test_bootstrap_of_a_mean_covers_it_as_often_as_it_says(n):
    def interval(rows, seed):
        return bootstrap_interval(rows, resamples=400, seed=seed)

    assert 0.92 < coverage(interval, lambda rng: rng.normal(3, 2, n), 3) < 0.98  # percentiles unwidened: 0.89 at n = 8


def test_bootstrap_of_a_large_normal_sample_is_the_t_interval(rng):
    rows = rng.normal(5, 1, 400)
    found, expected = bootstrap_interval(rows, resamples=5000, seed=1), t_interval(rows)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=0.01)
    assert found.value == rows.mean() and found == bootstrap_interval(rows, resamples=5000, seed=1)
    narrow = bootstrap_interval(rows, confidence=0.5)
    assert narrow.high - narrow.low < 0.5 * (found.high - found.low)


def test_bootstrap_of_two_samples_and_of_a_biased_statistic(rng):
    a, b = rng.normal(2, 1, 200), rng.normal(0, 2, 300)
    found = bootstrap_interval((a, b), lambda x, y: x.mean() - y.mean(), seed=0)
    error = np.sqrt(a.var(ddof=1) / 200 + b.var(ddof=1) / 300)
    np.testing.assert_allclose([found.low, found.high], found.value + 1.96 * error * np.array([-1, 1]), atol=0.04)
    centred = bootstrap_interval(a, np.max, seed=0, centred=True)
    assert bootstrap_interval(a, np.max, seed=0).high == a.max() < centred.high


def test_t_interval_agrees_with_scipy(rng):
    from scipy import stats

    rows = rng.exponential(size=12)
    expected = stats.t.interval(0.9, 11, rows.mean(), stats.sem(rows))
    np.testing.assert_allclose([(i := t_interval(rows, 0.9)).low, i.high], expected)


def test_jackknife_of_a_mean_is_its_t_interval_and_covers_a_squared_distance():
    rows = np.random.default_rng(3).normal(size=20)
    jackknife, expected = jackknife_interval(rows, np.mean, groups=20), t_interval(rows)
    np.testing.assert_allclose([jackknife.low, jackknife.high], [expected.low, expected.high])

    def distance(a, b):
        return np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)

    def interval(samples, seed):
        return jackknife_interval(samples, distance, seed=seed)

    def draw(rng):
        return rng.normal(0, 1, (60, 4)), rng.normal(0.7, 1, (90, 4))

    expectation = 4 * (0.7**2 + 1 / 60 + 1 / 90)
    assert 0.91 < coverage(interval, draw, expectation) < 0.98


def test_wilson_by_hand():
    # (p + z2 / 2n +- z sqrt(p (1 - p) / n + z2 / 4n2)) / (1 + z2 / n), by hand with z = 1.95996
    np.testing.assert_allclose([(i := wilson_interval(8, 10)).value, i.low, i.high], [0.8, 0.4902, 0.9433], atol=1e-4)
    np.testing.assert_allclose([(i := wilson_interval(0, 10)).low, i.high], [0, 0.2775], atol=1e-4)
    assert wilson_interval(10, 10).high == 1.0


def test_wilson_and_two_proportions_agree_with_scipy():
    from scipy import stats

    expected = stats.binomtest(37, 90).proportion_ci(0.99, method="wilson")
    np.testing.assert_allclose([(i := wilson_interval(37, 90, 0.99)).low, i.high], expected)
    z, p = two_proportion_test([30, 45, 0, 100], 100, [25, 20, 0, 80], 80)
    for i, (a, b) in enumerate([(30, 25), (45, 20)]):
        chi2 = stats.chi2_contingency([[a, 100 - a], [b, 80 - b]], correction=False)
        np.testing.assert_allclose([z[i] ** 2, p[i]], chi2[:2])
    assert z[1] > 0 and list(z[2:]) == [0, 0] and list(p[2:]) == [1, 1]
    assert two_proportion_test(45, 100, 20, 80) == (z[1], p[1])


def test_too_little_to_tell_and_refusals():
    assert bootstrap_interval([4.0]).value == 4.0 and np.isnan(bootstrap_interval([4.0]).low)
    assert np.isnan(jackknife_interval([1.0, 2, 3], np.mean).high) and np.isnan(t_interval([1.0]).low)
    with pytest.raises(ValueError, match="NaN or infinite values among the rows; leave them out"):
        bootstrap_interval([1.0, np.nan])
    with pytest.raises(ValueError, match=r"rows of shape \(0,\); expected at least one"):
        t_interval([])
    with pytest.raises(ValueError, match=r"shapes \[\(2, 2\)\]; without a `statistic`, expected one sample"):
        bootstrap_interval(np.ones((2, 2)))
    with pytest.raises(ValueError, match="confidence = 95"):
        bootstrap_interval([1.0, 2.0], confidence=95)
    with pytest.raises(ValueError, match="resamples = 10"):
        bootstrap_interval([1.0, 2.0], resamples=10)
    with pytest.raises(ValueError, match="11 successes of 10 trials"):
        wilson_interval(11, 10)
    with pytest.raises(ValueError, match="1 successes of 0 trials"):
        two_proportion_test(1, 0, 1, 5)
