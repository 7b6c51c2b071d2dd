import numpy as np
import pytest

from tf_audio_gan.metrics.inception import (
    accuracy,
    class_accuracies,
    confusion_matrix,
    inception_score,
    label_entropy,
    label_histogram,
    prediction_entropies,
)

RNG = np.random.default_rng(0)
PREDICTED = RNG.dirichlet(np.full(5, 0.3), 60)


def test_scores_by_hand():
    certain = np.tile(np.eye(4), (25, 1))
    np.testing.assert_allclose(inception_score(certain, 1).value, 4.0)
    np.testing.assert_allclose(inception_score(np.tile([0.7, 0.2, 0.1], (20, 1))).value, 1.0)
    np.testing.assert_allclose(inception_score(np.eye(4)[[0, 1] * 10], 5, seed=None).groups, [2.0] * 5)


def test_score_agrees_with_the_definition():
    order = np.random.default_rng(3).permutation(len(PREDICTED))
    expected = []
    for group in PREDICTED[order].reshape(4, 15, 5):
        divergences = [sum(p * np.log(p / q) for p, q in zip(row, group.mean(0), strict=True)) for row in group]
        expected.append(np.exp(np.mean(divergences)))
    score = inception_score(PREDICTED, 4, seed=3)
    np.testing.assert_allclose([score.value, score.std], [np.mean(expected), np.std(expected)], rtol=1e-12)
    assert score.value == inception_score(PREDICTED, 4, seed=3).value != inception_score(PREDICTED, 4, seed=4).value


def test_the_entropies_add_up_and_agree_with_scipy():
    from scipy.stats import entropy

    np.testing.assert_allclose(prediction_entropies(PREDICTED), entropy(PREDICTED, axis=1))
    total = np.log(inception_score(PREDICTED, 1).value) + prediction_entropies(PREDICTED).mean()
    np.testing.assert_allclose(total, label_entropy(PREDICTED))
    assert prediction_entropies(np.eye(3)).max() == 0
    np.testing.assert_allclose(label_entropy(np.eye(3)), np.log(3))


def test_accuracy_and_confusions_by_hand():
    predicted = np.eye(3)[[0, 0, 1, 2, 2, 0]]
    labels = np.array([0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(confusion_matrix(predicted, labels), [[2, 0, 0], [1, 1, 2], [0, 0, 0]])
    np.testing.assert_array_equal(label_histogram(predicted), [3, 1, 2])
    assert accuracy(predicted, labels).value == 0.5 and 0 < accuracy(predicted, labels).low < 0.5
    first, second, none = class_accuracies(predicted, labels)
    assert first.value == 1.0 and second.value == 0.25 and np.isnan(none.value)


def test_refusals():
    with pytest.raises(ValueError, match=r"rows \[1\] are no probabilities.*sum of 2 .*softmax first"):
        inception_score([[0.5, 0.5], [1, 1]], 1)
    with pytest.raises(ValueError, match=r"rows \[0\] are no probabilities.*minimum of -0.5"):
        label_entropy([[1.5, -0.5]])
    with pytest.raises(ValueError, match="are no probabilities"):
        prediction_entropies([[np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"shape \(3,\); expected \[clips, classes\]"):
        label_histogram([0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="splits = 10 for 3 clips"):
        inception_score(np.eye(3))
    with pytest.raises(ValueError, match="labels from 0 to 3; expected 0 to 2"):
        accuracy(np.eye(3), [0, 1, 3])
    with pytest.raises(ValueError, match="labels are float64 of shape"):
        accuracy(np.eye(3), [0.0, 1, 2])
