import numpy as np
import pytest

from tf_audio_gan.confusion import accuracy_facts, confusion_matrix, confusion_picture, wilson


@pytest.mark.parametrize("right, n", [(0, 10), (3, 10), (460, 510), (510, 510)])
def test_wilson_agrees_with_scipy(right, n):
    from scipy.stats import binomtest

    expected = binomtest(right, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(right, n), [expected.low, expected.high], atol=1e-12)


def test_accuracy_by_hand(tmp_path):
    matrix = confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], 3)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    facts = accuracy_facts(matrix, ["a", "b", "c"])
    assert (facts["accuracy"], facts["right"], facts["n"]) == (0.75, 3, 4)
    assert facts["per_class"] == {
        "a": {"n": 3, "right": 2, "accuracy": 0.666667},
        "b": {"n": 1, "right": 1, "accuracy": 1.0},
        "c": {"n": 0, "right": 0, "accuracy": None},
    }
    confusion_picture(tmp_path / "c.png", matrix, ["a", "b$x", "c" * 40], "title")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG") and len(list(tmp_path.iterdir())) == 1
