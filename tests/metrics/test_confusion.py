import numpy as np

from tf_audio_gan.metrics.confusion import accuracy_facts, confusion_picture


def test_accuracy_by_hand(tmp_path):
    matrix = np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    facts = accuracy_facts(matrix, ["a", "b", "c"])
    assert (facts["accuracy"], facts["right"], facts["n"]) == (0.75, 3, 4)
    assert facts["per_class"] == {
        "a": {"n": 3, "right": 2, "accuracy": 0.666667},
        "b": {"n": 1, "right": 1, "accuracy": 1.0},
        "c": {"n": 0, "right": 0, "accuracy": None},
    }
    confusion_picture(tmp_path / "c.png", matrix, ["a", "b$x", "c" * 40], "title")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG") and len(list(tmp_path.iterdir())) == 1
