"""The commands evaluate, compare and zoo evaluate: what they print and write, and what they refuse."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from tf_audio_gan import WaveGAN, hub
from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.evaluating import cards

FEW = "level_db,mel_distance"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Real hits, others, a broken file among them, a small preset, noisy copies of the hits."""
    base = tmp_path_factory.mktemp("evaluate")
    write_drum_hits(base / "real", 12, seed=0)
    write_drum_hits(base / "fake", 6, seed=1)
    (base / "fake" / "broken.wav").write_bytes(b"no sound")
    (base / "empty").mkdir()
    (base / "file.txt").write_text("no sound")
    WaveGAN(length=4096, strides=[4, 4, 4, 4], dim=2).save_to_preset(
        base / "preset", {"recipe": {"data": {"crop": "start"}}}
    )
    rng = np.random.default_rng(0)
    for path in (base / "real").rglob("*.wav"):
        audio, rate = read_audio(path)
        name = base / "noisy" / path.relative_to(base / "real")
        name.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, audio + 0.01 * rng.standard_normal(audio.shape), rate)
    return base


@pytest.fixture
def here(places, tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_evaluate_prints_a_table_and_writes_where_it_says(command, places, here):
    status, out, err = command("evaluate", places / "preset", places / "real", "--metrics", FEW, "--n", 5, "--seed", 3)
    assert status == 0, err
    assert "real (ceiling)" in out and "silence (floor)" in out and "mel distance (dB) ↓" in out
    assert "reference: half of the recordings in real, n = 5" in out
    found = json.loads((here / "evaluation" / "preset" / "results.json").read_text())
    assert found["command"].startswith("tf-audio-gan evaluate preset real --n 5 --seed 3")
    assert (here / "evaluation" / "preset" / "picture.png").stat().st_size > 10_000
    assert str(here) not in json.dumps(found), "no path of this machine"


def test_compare_names_what_failed_and_json_is_alone_on_standard_output(command, places, here):
    words = ("compare", places / "real", places / "fake", "--metrics", FEW, "--length", 4096)
    status, out, _ = command(*words)
    assert status == 0 and "skipped 1 files" in out and "generated: broken.wav: cannot be decoded" in out
    status, out, _ = command(*words, "--json")
    found = json.loads(out)
    assert status == 0 and found == json.loads((here / "evaluation" / "fake" / "results.json").read_text())
    assert found["n_failed"] == 1 and {about["n"] for about in found["sets"].values()} == {6}


def test_compare_in_pairs(command, places, here):
    words = ("compare", places / "real", places / "noisy", "--pairs", "enhancement", "--sample-rate", 16000)
    status, out, err = command(*words, "--metrics", "si_sdr", "--out", here / "p", "--workers", 1)
    assert status == 0 and "white noise (floor)" in out and "n = 8" in out, err
    assert "skipped 4 files" in out and "has no partner of its name" in out


WRONG = [
    ("evaluate {b}/nowhere {b}/real", "nowhere' is no preset"),
    ("evaluate {b}/preset {b}/nowhere", "no folder at"),
    ("evaluate {b}/preset {b}/empty", "holds no audio files"),
    ("evaluate {b}/preset {b}/file.txt", "is a file"),
    ("evaluate {b}/preset {b}/real --metrics loudness", "there is no metric loudness. Metrics: "),
    ("evaluate {b}/preset {b}/real --metrics fd_clf", "no metric can be measured: left out without --judge: fd_clf"),
    ("evaluate {b}/preset {b}/real --judge {b}/preset", "holds no judge"),
    ("evaluate {b}/preset {b}/real --n 1", "'--n'"),
    ("evaluate {b}/preset {b}/real --crop middle", "crop must be one of random, start"),
    ("evaluate {b}/preset {b}/real --out {b}/file.txt", "is a file; the results need a folder"),
    ("evaluate {b}/preset {b}/real --labels colour", "labels must be None, 'folder', 'prefix'"),
    ("evaluate {b}/preset {b}/real --fad {b}/file.txt", "fad and fad_rate go together"),
    ("evaluate {b}/preset {b}/real --dnsmos {b}/none.onnx", "none.onnx"),
    ("evaluate {b}/preset", "Missing argument"),
    ("compare {b}/real {b}/nowhere", "no folder at"),
    ("compare {b}/real {b}/fake --sample-rate 3", "sample_rate must be a whole number"),
    ("compare {b}/real {b}/fake --noisy {b}/noisy", "--pairs enhancement"),
    ("compare {b}/real {b}/empty --pairs enhancement", "no two files match by name: 12 in"),
    ("compare {b}/real {b}/noisy --pairs vocoding", "Choose one with --sample-rate"),
    ("compare {b}/real {b}/noisy --pairs singing", "pairs must be one of vocoding, enhancement"),
    ("compare {b}/real {b}/noisy --pairs vocoding --n 3", "n is for sets of sounds"),
    ("compare {b}/real {b}/noisy --pairs vocoding --noisy {b}/noisy", "the floor of enhancement"),
    ("zoo evaluate", "--data DIR; or --check"),
    ("zoo evaluate nonsense --check", "is no preset of the zoo"),
]


@pytest.mark.parametrize("words, message", WRONG, ids=[w[0].replace("{b}/", "") for w in WRONG])
def test_wrong_inputs_get_one_clear_line_and_leave_nothing(command, places, here, words, message):
    before = sorted(p.relative_to(places) for p in places.rglob("*"))
    status, out, err = command(*words.format(b=places).split())
    said = " ".join((out + err).replace("│", " ").split())
    assert status in (1, 2) and message in said and "Traceback" not in said
    assert sorted(p.relative_to(places) for p in places.rglob("*")) == before and not list(here.iterdir())


@pytest.fixture
def zoo(places, tmp_path, monkeypatch):
    """A zoo of one preset that has settings, no results yet."""
    folder = tmp_path / "zoo"
    shutil.copytree(places / "preset", folder / "tiny")
    shutil.copy(hub.ZOO / "make_index.py", folder)
    (folder / "tiny" / "README.md").write_text(f"# tiny\n{cards.START}\n{cards.END}\nend\n")
    settings = {"data": "real", "n": 4, "seed": 1, "metrics": FEW.split(",")}
    (folder / "tiny" / "results.json").write_text(json.dumps({"evaluations": {"Held out": {"settings": settings}}}))
    monkeypatch.setattr(hub, "ZOO", folder)
    return folder


def test_the_zoo_is_evaluated_again_by_its_own_settings(command, places, zoo):
    assert command("zoo", "evaluate", "tiny", "--check")[0] == 1
    status, out, err = command("zoo", "evaluate", "tiny", "--data", places)
    assert status == 0 and "tiny: evaluated" in out, err
    card = (zoo / "tiny" / "README.md").read_text()
    assert "### Held out" in card and "| mel distance (dB) ↓ |" in card and card.endswith("end\n")
    assert command("zoo", "evaluate", "--check")[:2] == (0, "tiny: checked\n"), "the index was made: tiny is found"
    hub.resolve("tiny")
    assert command("zoo", "evaluate", "--check", "--data", places)[0] == 0
    results = zoo / "tiny" / "results.json"
    content = json.loads(results.read_text())
    content["evaluations"]["Held out"]["rows"]["generated"]["mel_distance"]["value"] += 1
    results.write_text(json.dumps(content))
    status, _, err = command("zoo", "evaluate", "tiny", "--check", "--data", places)
    assert (
        status == 1 and "does not show what results.json holds" in err and "mel_distance of generated: recorded" in err
    )


def test_an_unknown_recorded_setting_is_named(command, places, zoo):
    results = zoo / "tiny" / "results.json"
    results.write_text(results.read_text().replace('"seed"', '"sead"'))
    status, _, err = command("zoo", "evaluate", "tiny", "--data", places)
    assert status == 1 and "unknown setting sead. Known: data, train, noise, noisy, n, seed" in err
