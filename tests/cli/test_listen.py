"""`tf-audio-gan listen make` and `listen analyse`, from folders of sounds to a table."""

import json

import numpy as np
import pytest

from tests.listening_tests.listeners import answer, grades, page_data
from tf_audio_gan.audio.io import write_audio


@pytest.fixture
def base(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        for i in range(6):
            write_audio(tmp_path / name / f"{i}.wav", 0.1 * rng.standard_normal(400), 8000)
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_from_folders_to_a_table(command, base):
    page, heard = base / "page.html", base / "heard"
    make = ("listen", "make", "mos", f"real [x]={base / 'one'}", base / "two", "--reference", base / "one")
    status, out, err = command(*make, "--out", page, "--n", 5)
    assert (status, err) == (0, "") and "5 items of 2 systems, 16 trials a listener, all at -23.0 LUFS" in out
    assert "matched: 6 file names in every folder" in out and f"--key {base / 'page.key.json'}" in out
    heard.mkdir()
    test, key, rng = page_data(page), json.loads((base / "page.key.json").read_text()), np.random.default_rng(0)
    assert key["reference"] == "real [x]"
    for k in range(5):
        opinion = grades(rng, {"real [x]": 5, "two": 2}) if k < 4 else (lambda *_: 5)
        (heard / f"{k}.json").write_text(json.dumps(answer(test, key, rng, opinion, f"Listener {k}")))
    (heard / "bad.json").write_text("{")
    analyse = ("listen", "analyse", heard, "--key", base / "page.key.json", "--out", base / "results")
    status, out, err = command(*analyse)
    assert (status, err) == (0, "")
    assert "5 listeners" in out and "Listener 4: 3 of 6 checks passed, left out" in out
    assert "│ real [x] (reference) │ 5.00 │" in out and "│ two                  │ 2.00 │" in out
    assert "skipped 1 files" in out and "bad.json: not JSON" in out
    assert sorted(p.name for p in (base / "results").iterdir()) == ["answers.csv", "results.json", "results.png"]
    status, out, _ = command(*analyse, "--keep-all")
    assert status == 0 and "left out" not in out and "kept all the same" in out
    status, out, _ = command(*analyse, "--json")
    assert status == 0 and json.loads(out) == json.loads((base / "results" / "results.json").read_text())


WRONG = [
    ("listen make mushra {b}/one {b}/two --out {b}/p.html", "kind must be one of mos, ab, abx"),
    ("listen make mos {b}/one --out {b}/p.html", "1 system (one)"),
    ("listen make mos {b}/one {b}/empty --out {b}/p.html", "empty: 0 sounds"),
    ("listen make mos {b}/one {b}/two --out {b}/p.txt", "a file in .html"),
    ("listen make mos {b}/one {b}/two", "Missing option '--out'"),
    ("listen make mos {b}/one {b}/two --out {b}/p.html --n 0", "'--n'"),
    ("listen analyse {b}/nowhere --key {b}/one/0.wav", "0.wav: not JSON"),
    ("listen analyse {b}/empty --out {b}/r", "name the page's key"),
    ("listen analyse", "Missing argument"),
]


@pytest.mark.parametrize("words, message", WRONG, ids=[w[0].replace("{b}/", "") for w in WRONG])
def test_wrong_inputs_get_one_clear_line(command, base, words, message):
    before = sorted(base.rglob("*"))
    status, out, err = command(*words.format(b=base).split())
    said = " ".join((out + err).replace("│", " ").split())
    assert status in (1, 2) and message in said and "Traceback" not in said
    assert sorted(base.rglob("*")) == before
