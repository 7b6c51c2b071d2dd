import json

import numpy as np
import pytest
import soundfile


@pytest.fixture
def digits(tmp_path):
    rng = np.random.default_rng(0)
    for kind, hz in (("zero", 300), ("one", 2500)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for take in range(10):
            tone = np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * np.arange(8192) / 16000)
            soundfile.write(tmp_path / "data" / kind / f"ann_{take}.wav", 0.5 * tone, 16000)
    return tmp_path / "data"


def test_train_says_what_came_out(command, digits, tmp_path):
    words = ("judge", "train", digits, "--out", tmp_path / "judge", "--length", 8192, "--epochs", 1, "--seed", 4)
    status, out, err = command(*words)
    assert status == 0, err
    assert (
        "20 sounds" in out
        and "training on 16 sounds, validating on 4" in out
        and "finished after 1 epochs (50 steps)" in out
    )
    assert "validation:" in out and "95 % interval" in out and "--test FOLDER" in out and str(tmp_path / "judge") in out
    results = json.loads((tmp_path / "judge" / "results.json").read_text())
    assert results["labels"] == ["one", "zero"] and results["arguments"]["seed"] == 4


@pytest.mark.parametrize(
    "words, message",
    [
        ("{d}", "Missing option '--out'"),
        ("{d}/zero --out {d}/../j", "have no label"),
        ("{d}/nowhere --out {d}/../j", "nowhere"),
        ("{d} --out {d}/../j --network big", "no network 'big'"),
        ("{d} --out {d}", "holds no judge"),
        ("{d} --out {d}/../j --epochs 0", "'--epochs'"),
    ],
)
def test_wrong_inputs_get_one_clear_line(command, digits, words, message):
    status, out, err = command("judge", "train", *words.format(d=digits).split())
    assert status in (1, 2) and message in " ".join((out + err).split()) and "Traceback" not in err
    assert sorted(p.name for p in digits.parent.iterdir()) == ["data"]
