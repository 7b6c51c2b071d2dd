"""Results on disk, in a table and in a card."""

import csv
import json
import math

import pytest

from tf_audio_gan.evaluating import cards, provenance, results, tables
from tf_audio_gan.metrics.sets import Measured


def evaluation(value=1.2345):
    rows = {
        "real": {
            "distance": Measured(0.5, 0.25, 0.75, 9),
            "pitch_error": Measured(math.nan, None, None, 0, "no pitch"),
        },
        "generated": {"distance": Measured(value, math.nan, 2.0, 9)},
        "noise": {"distance": Measured(123.4, 120.0, 130.0, 9), "pitch_error": Measured(0.00123, 0.001, 0.002, 9)},
    }
    columns = {
        "distance": {"metric": "distance", "unit": "dB", "better": "lower"},
        "pitch_error": {"metric": "pitch", "unit": "", "better": None},
    }
    roles = {"real": "ceiling", "generated": "evaluated", "noise": "floor"}
    sets = {"reference": {"n": 9, "what": "half of x"}, "generated": {"n": 9, "what": "made"}}
    per_file = [
        {"set": "real", "file": "a.wav", "distance": 0.5},
        {"set": "generated", "file": "s,1", "other": math.nan},
    ]
    return results.Evaluation(
        "tiny", "generation", rows, roles, columns, sets, {"data": "x"}, {"command": "tf-audio-gan evaluate"},
        left_out=["left out: y"], notes=["distance: z"], failed=[("real", "b.wav", "empty")], per_file=per_file,
    )  # fmt: skip


def test_files_hold_everything_and_numbers_that_are_none_are_null(tmp_path):
    evaluation().write(tmp_path / "out")
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["rows"]["real"]["distance"] == {"value": 0.5, "low": 0.25, "high": 0.75, "n": 9}
    assert found["rows"]["real"]["pitch_error"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "note": "no pitch",
    }
    assert found["n_failed"] == 1 and found["failed"][0] == {"set": "real", "file": "b.wav", "reason": "empty"}
    with open(tmp_path / "out" / "per_file.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"set": "real", "file": "a.wav", "distance": "0.5", "other": ""}
    assert rows[1] == {"set": "generated", "file": "s,1", "distance": "", "other": ""}


def test_only_what_an_evaluation_wrote_is_replaced(tmp_path):
    out = tmp_path / "out"
    evaluation().write(out)
    (out / "mine.txt").write_text("keep")
    evaluation(7.0).write(out)
    assert json.loads((out / "results.json").read_text())["rows"]["generated"]["distance"]["value"] == 7
    assert (out / "mine.txt").read_text() == "keep" and len(list(out.iterdir())) == 3
    (out / "results.json").write_text('{"their": "results"}')
    with pytest.raises(ValueError, match="results.json is not of an evaluation; it will not be overwritten"):
        evaluation().write(out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "picture.png").write_bytes(b"theirs")
    with pytest.raises(ValueError, match="picture.png is not of an evaluation"):
        results.check_out(tmp_path / "other")
    with pytest.raises(ValueError, match="is a file"):
        results.check_out(tmp_path / "other" / "picture.png")


def test_an_interrupt_leaves_the_folder_as_it_was(tmp_path):
    def picture(path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    first, second = evaluation(), evaluation(7.0)
    for held in ([], ["per_file.csv", "results.json"]):
        second.picture = picture
        with pytest.raises(KeyboardInterrupt):
            second.write(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == held
        first.write(tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["rows"]["generated"]["distance"]["value"] == 1.2345


@pytest.mark.parametrize(
    "value, low, high, text",
    [
        (9.3517, 8.9, 9.84, "9.35 [8.90, 9.84]"),
        (-23.91, -25, -22.04, "-23.9 [-25.0, -22.0]"),
        (1234.5, None, None, "1234"),
        (0.0706, 0.06, 0.08, "0.071 [0.060, 0.080]"),
        (0.00123, 0.001, 0.002, "0.0012 [0.0010, 0.0020]"),
        (0.0, -0.00001, 0.1, "0 [0.000, 0.100]"),
        (0.0, 0.0, 0.0, "0"),
        (-120.0, -120.0, -120.0, "-120.0"),
        (None, None, None, "-"),
    ],
)
def test_cells(value, low, high, text):
    assert tables.cell({"value": value, "low": low, "high": high}) == text


def test_the_table_names_ceiling_and_floor(capsys):
    from rich.console import Console

    content = evaluation().as_dict()
    Console(width=120).print(tables.rich_table(content))
    printed = capsys.readouterr().out
    assert "real (ceiling)" in printed and "noise (floor)" in printed and "tiny, n = 9" in printed
    card = tables.markdown(content)
    assert "| distance (dB) ↓ | 0.500 [0.250, 0.750] | 1.23 | 123.4 [120.0, 130.0] |" in card
    assert (
        "| pitch error | - | - | 0.0012 [0.0010, 0.0020] |" in card
        and "- distance: z" in card
        and "left out" not in card
    )


@pytest.fixture
def preset(tmp_path):
    (tmp_path / "README.md").write_text(f"# tiny\n\nbefore\n\n{cards.START}\n{cards.END}\n\nafter\n")
    return tmp_path


def record(folder, content):
    (folder / "results.json").write_text(json.dumps({"evaluations": {"Held out": content}}))


def test_a_card_shows_what_results_hold(preset):
    record(preset, evaluation().as_dict())
    card = preset / "README.md"
    assert "README.md does not show what results.json holds" in cards.check(preset)
    card.write_text(cards.with_section(card.read_text(), cards.read_results(preset), card))
    assert cards.check(preset) is None
    text = card.read_text()
    assert text.startswith("# tiny\n\nbefore\n") and text.endswith("after\n") and "### Held out" in text
    card.write_text(text.replace("1.23 |", "1.11 |"))
    assert cards.check(preset)
    record(preset, evaluation().as_dict() | {"roles": {}})
    assert "results.json is damaged (KeyError: 'real')" in cards.check(preset)
    record(preset, {"settings": {"data": "x"}})
    assert "Held out has settings but no results" in cards.check(preset)


def test_cards_and_results_that_cannot_be_used_are_named(preset):
    with pytest.raises(FileNotFoundError, match='results.json is missing. Write {"evaluations"'):
        cards.read_results(preset)
    for content in ("[]", "{", '{"evaluations": {}}', '{"evaluations": {"a": {"settings": {}}}}'):
        (preset / "results.json").write_text(content)
        with pytest.raises(ValueError, match="results.json holds no evaluations"):
            cards.read_results(preset)
    with pytest.raises(ValueError, match="card.md needs a line <!-- results -->"):
        cards.with_section("no markers", {}, "card.md")


def test_a_second_run_is_compared_number_by_number():
    before, after = evaluation().as_dict(), evaluation(1.2346).as_dict()
    assert cards.differences(before, after) == []
    after["rows"]["generated"]["distance"]["value"] = 1.3
    del after["rows"]["noise"]["pitch_error"]
    assert cards.differences(before, after) == [
        "distance of generated: recorded 1.2345, now 1.3",
        "pitch_error of noise: recorded 0.00123, now None",
    ]


def test_the_command_can_be_given_again():
    settings = {"preset": "a b", "data": "x", "train": None, "n": 9, "metrics": ["fd", "kd"], "fad_rate": 16000}
    assert provenance.command("evaluate", settings) == (
        "tf-audio-gan evaluate 'a b' x --n 9 --metrics fd,kd --fad-rate 16000"
    )
