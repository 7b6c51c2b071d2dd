"""Card, metadata.json, results.json, data.csv, index and files of every trained preset say the same."""

import csv
import json
import re
from pathlib import Path

import pytest

from tf_audio_gan import durable
from tf_audio_gan.evaluating import cards
from tf_audio_gan.publishing import _SECTIONS, front_matter, with_files

ZOO = Path(__file__).parents[1] / "zoo"
INDEX = json.loads((ZOO / "index.json").read_text())["presets"]
NAMES = [name for name, about in INDEX.items() if about.get("trained", True)]
LEFT_OUT = ("philipp", "smpl-")  # recordings whose terms rest on a bare claim
LIMIT = 120 * 10**6  # bytes of the zoo


def loaded(name, file):
    return json.loads((ZOO / name / file).read_text())


def evaluations(name):
    """{title: evaluation}; none of a judge, whose results.json is of its own kind."""
    return loaded(name, "results.json").get("evaluations", {})


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_all_that_a_stranger_asks(name):
    card, facts = (ZOO / name / "README.md").read_text(), loaded(name, "metadata.json")
    for section in (*_SECTIONS, "## Files"):
        assert card.count(f"\n{section}\n") == 1, section
    words = front_matter(ZOO / name / "README.md")
    assert all(words.get(word) for word in ("makes", "result", "license", "tags"))
    assert words["makes"] == INDEX[name]["makes"] and words["result"] == INDEX[name]["result"]
    training = card[card.index("## Training") : card.index("## Results")]
    assert f"{facts['steps']:,}" in training or str(facts["steps"]) in training
    assert re.search(r"\d+\s+minutes", training) and re.search(r"(2|two) CPU\s+cores", training)
    assert (
        re.search(r"^    tf-audio-gan (judge )?train |tf_audio_gan.train_judge\(", training, re.M)
        and "Seed 0" in training
    )
    limits = card[card.index("## Limits") : card.index("## Licence")]
    assert re.search(r"\bNot for\b", limits)
    assert "Attribution" in card or "as the recordings" in card[card.index("## Licence") :]


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_those_of_the_card_the_index_and_the_results(name):
    card, facts = (ZOO / name / "README.md").read_text(), loaded(name, "metadata.json")
    assert with_files(card, ZOO / name) == card
    files = sorted((ZOO / name).glob("*.weights.h5"))
    for path in files:
        digest = durable.sha256(path)
        assert f"| `{path.name}` | {path.stat().st_size:,} | `{digest}` |" in card
        assert INDEX[name]["files"][path.name] == {"bytes": path.stat().st_size, "sha256": digest}
        assert f"{facts['parameters'][path.name.split('.')[0]]:,} |" in card
    before = facts.get("float16", {}).get("float32_sha256", {})  # results may be of what was halved since
    for title, found in evaluations(name).items():
        for file, digest in found["sha256"]["weights"].items():
            assert digest in (durable.sha256(ZOO / name / file), before.get(file)), f"{title}: {file}"


@pytest.mark.parametrize("name", NAMES)
def test_results_stand_between_ceiling_and_floor_with_intervals(name):
    card = (ZOO / name / "README.md").read_text()
    if not evaluations(name):
        held_out = loaded(name, "results.json")["test"]
        assert 0 < held_out["low"] < held_out["accuracy"] <= held_out["high"] <= 1
        assert all(f"{100 * held_out[key]:.1f}" in card for key in ("low", "accuracy", "high")) and "95 %" in card
        return
    assert cards.check(ZOO / name) is None
    for title, found in evaluations(name).items():
        roles = set(found["roles"].values())
        assert {"ceiling", "floor"} <= roles and f"### {title}\n" in card
        measured = [row for row, role in found["roles"].items() if role not in ("ceiling", "floor")]
        intervals = [v for row in measured for v in found["rows"][row].values() if v.get("low") is not None]
        assert intervals and all(v["low"] <= v["value"] <= v["high"] for v in intervals)


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_has_a_source_and_a_licence(name):
    card = (ZOO / name / "README.md").read_text()
    with open(ZOO / name / "data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["source"] and row["licence"] and row["commit"] and re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
    said = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) recordings", card)]
    assert len(rows) in said or any(a + b == len(rows) for a in said for b in said)


@pytest.mark.parametrize("name", NAMES)
def test_recordings_whose_terms_rest_on_a_bare_claim_are_left_out(name):
    with open(ZOO / name / "data.csv", newline="") as file:
        names = [Path(row["path"]).name for row in csv.DictReader(file)]
    assert not [found for found in names if found.startswith(LEFT_OUT)]


def test_the_readme_shows_what_the_card_of_drums_does():
    readme, card = ((ZOO.parent / path).read_text() for path in ("README.md", "zoo/wavegan_drums/README.md"))
    table = readme[readme.index("held-out drum recordings") : readme.index("*Mel distance*")]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 8 and set(rows) <= set(card[: card.index("### The recordings it was trained on")].splitlines())


def test_the_zoo_stays_small():
    assert sum(path.stat().st_size for path in ZOO.rglob("*") if path.is_file()) < LIMIT
