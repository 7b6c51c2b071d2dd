import csv
import json
import math

import numpy as np
import pytest
from scipy import optimize, stats

from tests.listening_tests.listeners import answer, page_data
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.listening_tests.answers import KEY_FORMAT, RUINED
from tf_audio_gan.listening_tests.making import make_listening_test
from tf_audio_gan.listening_tests.opinions import analyse_opinions
from tf_audio_gan.listening_tests.report import write_report
from tf_audio_gan.listening_tests.statistics import (
    abx_d_prime,
    bradley_terry,
    holm,
    pigeonhole_weights,
)


def test_bradley_terry_of_two_is_their_log_odds():
    strengths = bradley_terry([[0, 30], [10, 0]])
    assert strengths[0] - strengths[1] == pytest.approx(math.log(3)) and strengths.sum() == pytest.approx(0)
    strengths = bradley_terry([[0, 7], [0, 0]], prior=0.5)
    assert strengths[0] - strengths[1] == pytest.approx(math.log(7.5 / 0.5))


def test_bradley_terry_of_four_maximises_the_likelihood(rng):
    wins = rng.integers(0, 20, (3, 4, 4)).astype(float) + 0.5

    def cost(strengths, table):
        gaps = strengths[:, None] - strengths[None]
        return np.sum(table * np.logaddexp(0, -gaps) * (1 - np.eye(4)))

    for table, mine in zip(wins, bradley_terry(wins), strict=True):
        best = optimize.minimize(cost, np.zeros(4), args=(table,), tol=1e-12).x
        np.testing.assert_allclose(mine, best - best.mean(), atol=2e-5)


def test_bradley_terry_refuses_what_has_no_strengths():
    with pytest.raises(ValueError, match="do not converge: a system won or lost every comparison; give a prior"):
        bradley_terry([[0, 5], [0, 0]])
    with pytest.raises(ValueError, match=r"wins has shape \(2, 3\); expected square"):
        bradley_terry(np.ones((2, 3)))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0] and holm([]) == []


def test_d_prime_of_abx_is_that_of_simulated_listeners(rng):
    d, trials = 1.5, 400_000
    a, b = d + rng.standard_normal(trials), rng.standard_normal(trials)
    x = d + rng.standard_normal(trials)
    assert abx_d_prime(np.mean(np.abs(x - a) < np.abs(x - b))) == pytest.approx(d, abs=0.03)
    assert (abx_d_prime(0.5), abx_d_prime(0.3), abx_d_prime(1.0)) == (pytest.approx(0, abs=1e-4), 0, math.inf)


def test_the_bootstraps_intervals_cover_the_truth():
    """Listeners and items with their own leanings: 95 % intervals hold the true mean in about 95 of 100 tests."""
    rng, hits = np.random.default_rng(1), 0
    listener, item = np.repeat(np.arange(16), 16), np.tile(np.arange(16), 16)
    for _ in range(200):
        scores = rng.normal(0, 0.4, 16)[listener] + rng.normal(0, 0.4, 16)[item] + rng.normal(0, 0.7, 256)
        weights = pigeonhole_weights(listener, item, 400, rng)
        low, high = np.quantile(weights @ scores / weights.sum(axis=1), [0.025, 0.975])
        hits += low <= 0 <= high
    assert 180 <= hits <= 199


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of each kind about three matched systems, made of sounds of no importance."""
    base, rng = tmp_path_factory.mktemp("opinions"), np.random.default_rng(0)
    for name in ("good", "fair", "poor"):
        for i in range(8):
            write_audio(base / name / f"{i}.wav", 0.1 * rng.standard_normal(400), 8000)
    folders = [base / name for name in ("good", "fair", "poor")]
    made = {kind: make_listening_test(kind, folders, base / f"{kind}.html", n=8) for kind in ("mos", "ab", "abx")}
    made["loose"] = make_listening_test("mos", folders, base / "loose.html", n=8, matched=False)
    return made


class Answers:
    """A folder that gathers answers to a page."""

    def __init__(self, made, folder, seed=0):
        self.test, self.key = page_data(made.page), json.loads(made.key.read_text())
        self.key_path, self.folder, self.rng = made.key, folder, np.random.default_rng(seed)

    def add(self, opinion, name="", change=None):
        sitting = answer(self.test, self.key, self.rng, opinion, name)
        if change:
            change(sitting)
        path = self.folder / f"{len(list(self.folder.iterdir()))}.json"
        path.write_text(json.dumps(sitting))
        return path

    def analyse(self, **options):
        return analyse_opinions(self.folder, self.key_path, **options)


QUALITY = {"good": 4.2, "fair": 3.0, "poor": 1.9}


def grader(rng, leaning=0.0):
    items = {}

    def opinion(systems, numbers, _):
        if systems[0] == RUINED:
            return 1
        here = items.setdefault((systems[0], numbers[0]), QUALITY[systems[0]] + leaning + 0.4 * rng.standard_normal())
        return int(np.clip(round(here), 1, 5))

    return opinion


def chooser(rng, strengths):
    def opinion(systems, numbers, _):
        if RUINED in systems:
            return 1 - systems.index(RUINED)
        gap = strengths[systems[0]] - strengths[systems[1]]
        return "tie" if rng.random() < 0.1 else int(rng.random() > 1 / (1 + math.exp(-gap)))

    return opinion


@pytest.mark.parametrize("page", ["mos", "loose"])
def test_mean_opinions_against_numpy_and_scipy(pages, tmp_path, page):
    answers = Answers(pages[page], tmp_path)
    for k in range(8):
        answers.add(grader(answers.rng, leaning=(k - 3.5) / 10), name=f"L{k}")
    result = answers.analyse()
    first = [r for r in result["rows"] if not r["check"]]
    assert len(first) == result["answers"] == 8 * 24 and len(result["rows"]) == 8 * (24 + 3 + 3)
    per_item = {s: [np.mean([r["answer"] for r in first if r["systems"] == [s] and r["items"] == [i]]) for i in range(8)] for s in QUALITY}  # fmt: skip # noqa: E501
    for system in result["systems"]:
        assert system["mean"] == pytest.approx(np.mean(per_item[system["system"]]))
        assert system["low"] < system["mean"] < system["high"] < system["low"] + 1.2
        assert abs(system["mean"] - QUALITY[system["system"]]) < 0.35 and sum(system["grades"]) == 64
    pair = next(p for p in result["pairs"] if (p["a"], p["b"]) == ("good", "poor"))
    test = stats.wilcoxon if page == "mos" else stats.mannwhitneyu
    assert pair["p"] == pytest.approx(test(per_item["good"], per_item["poor"]).pvalue)
    assert pair["p"] <= pair["p_holm"] < 0.05 and pair["low"] > 0


def test_preferences_give_back_the_strengths(pages, tmp_path):
    answers, truth = Answers(pages["ab"], tmp_path), {"good": 1.0, "fair": 0.0, "poor": -1.0}
    for _ in range(12):
        answers.add(chooser(answers.rng, truth))
    result = answers.analyse()
    for system in result["systems"]:
        assert system["low"] < truth[system["system"]] * 0.9 < system["high"], "ties draw strengths together a little"
    pair = next(p for p in result["pairs"] if (p["a"], p["b"]) == ("good", "fair"))
    rows = [r for r in result["rows"] if set(r["systems"]) == {"good", "fair"}]
    wins = [sum(r["answer"] == name for r in rows) for name in ("good", "fair", None)]
    assert (pair["wins_a"], pair["wins_b"], pair["ties"]) == tuple(wins) and sum(wins) == 96
    assert pair["p"] == pytest.approx(stats.binomtest(wins[0], wins[0] + wins[1]).pvalue)
    assert pair["share"] == pytest.approx((wins[0] + wins[2] / 2) / 96)


def test_unanimous_preferences_have_intervals(pages, tmp_path):
    answers, order = Answers(pages["ab"], tmp_path), {"good": 3, "fair": 2, "poor": 1, RUINED: 0}
    for _ in range(2):
        answers.add(lambda systems, *_: int(order[systems[0]] < order[systems[1]]))
    result = answers.analyse()
    jeffreys = stats.beta(16.5, 0.5).ppf(0.025)
    for pair in result["pairs"]:
        assert pair["share"] == 1.0 and pair["low"] == pytest.approx(jeffreys, abs=0.03)
    strengths = [s["strength"] for s in result["systems"]]
    assert strengths == sorted(strengths, reverse=True)
    assert all(s["low"] < s["strength"] < s["high"] for s in result["systems"])


def test_a_difference_that_is_heard_and_one_that_is_not(pages, tmp_path):
    answers = Answers(pages["abx"], tmp_path)

    def listener(systems, numbers, x):
        heard = "poor" in systems or RUINED in systems
        return systems.index(x[0]) if heard else int(answers.rng.integers(2))

    for _ in range(6):
        answers.add(listener)
    by_pair = {(p["a"], p["b"]): p for p in answers.analyse()["pairs"]}
    told, guessed = by_pair["good", "poor"], by_pair["good", "fair"]
    assert (told["right"], told["answers"]) == (48, 48) and told["p"] == pytest.approx(0.5**48) and told["d_prime"] > 3
    assert guessed["low"] < 0.5 < guessed["high"] and guessed["p_holm"] > 0.05
    assert guessed["p"] == pytest.approx(stats.binomtest(guessed["right"], 48, alternative="greater").pvalue)


def test_careless_listeners_are_left_out_and_named_or_kept_on_request(pages, tmp_path):
    answers = Answers(pages["mos"], tmp_path)
    for _ in range(3):
        answers.add(grader(answers.rng))
    careless = answers.add(lambda *_: int(answers.rng.integers(3, 6)), name="Careless")
    result = answers.analyse()
    assert result["listeners"]["kept"] == 3 and result["listeners"]["read"] == 4
    (left,) = result["listeners"]["left_out"]
    assert left["listener"] == "Careless" and left["file"] == str(careless) and left["passed"] < 0.75 * left["checks"]
    assert answers.analyse(keep_all=True)["listeners"]["kept"] == 4
    alone = tmp_path / "alone"
    alone.mkdir()
    careless.rename(alone / "0.json")
    with pytest.raises(ValueError, match=r"no answers by a listener who passed the checks \(Careless \d of 6\)"):
        analyse_opinions(alone, answers.key_path)


def test_an_early_save_of_the_same_sitting_counts_once(pages, tmp_path):
    answers = Answers(pages["mos"], tmp_path)
    path = answers.add(grader(answers.rng))
    early = json.loads(path.read_text())
    early["answers"], early["finished"] = early["answers"][:5], False
    (tmp_path / "early.json").write_text(json.dumps(early))
    result = answers.analyse()
    assert (result["listeners"]["read"], result["listeners"]["unfinished"], result["answers"]) == (1, 0, 24)
    assert "1 listener: the bootstrap's intervals are too narrow" in result["notes"]


DAMAGE = {
    "a trial of another page": (lambda s: s["answers"][0].update(trial="00"), "damaged: '00' is missing or unknown"),
    "a clip of another trial": (lambda s: s["answers"][0].update(clips=s["answers"][1]["clips"]), "not its own"),
    "a grade of 7": (lambda s: s["answers"][0].update(answer=7), "the grade 7; expected a whole number from 1 to 5"),
    "no session": (lambda s: s.pop("session"), "damaged: 'session' is missing"),
    "answers that are no list": (lambda s: s.update(answers=3), "damaged: 'int' object is not iterable"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_skipped_and_named(pages, tmp_path, damage):
    change, reason = DAMAGE[damage]
    answers = Answers(pages["mos"], tmp_path)
    answers.add(grader(answers.rng))
    path = answers.add(grader(answers.rng), change=change)
    result = answers.analyse()
    assert [p for p, _ in result["skipped"]] == [str(path)] and reason in result["skipped"][0][1]
    assert result["listeners"]["read"] == 1


def test_what_is_no_set_of_answers_is_refused(pages, tmp_path):
    answers = Answers(pages["mos"], tmp_path)
    (tmp_path / "cut.json").write_text('{"format": "tf_au')
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ValueError, match=r"no answers could be read: .*cut\.json: not JSON.*other\.json: not saved by"):
        answers.analyse()
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        analyse_opinions(tmp_path / "nowhere", answers.key_path)
    with pytest.raises(ValueError, match="no key in .*name the page's key: --key"):
        analyse_opinions(tmp_path)
    foreign = Answers(pages["loose"], tmp_path).add(grader(answers.rng))
    with pytest.raises(ValueError, match=r"2\.json: answers to another page .* than the key's"):
        analyse_opinions(foreign, answers.key_path)
    with pytest.raises(ValueError, match="no key of a listening test"):
        analyse_opinions(foreign, tmp_path / "other.json")
    assert KEY_FORMAT in answers.key_path.read_text()


@pytest.mark.parametrize("kind", ["mos", "ab", "abx"])
def test_the_reports_files(pages, tmp_path, kind):
    (tmp_path / "in").mkdir()
    answers = Answers(pages[kind], tmp_path / "in")
    for _ in range(2):
        answers.add({"mos": grader(answers.rng)}.get(kind, chooser(answers.rng, QUALITY) if kind == "ab" else lambda s, n, x: s.index(x[0])))  # fmt: skip # noqa: E501
    result = answers.analyse()
    paths = write_report(result, tmp_path / "deep" / "out")
    assert [p.name for p in paths] == ["results.json", "answers.csv", "results.png"]
    assert json.loads(paths[0].read_text())["pairs"] == result["pairs"] and paths[2].stat().st_size > 5000
    with open(paths[1], newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result["rows"]) and {r["kept"] for r in rows} == {"True"}
    assert rows[0]["answer"] == str(result["rows"][0]["answer"] if result["rows"][0]["answer"] is not None else "tie")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is a file; name a folder"):
        write_report(result, tmp_path / "file")
