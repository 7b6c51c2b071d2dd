"""What listeners said, in numbers: mean opinion scores, preferences and discrimination, with intervals and tests.

Intervals are of 95 %, from a bootstrap that draws listeners and items anew at the same time (Owen 2007, "The pigeonhole
bootstrap"), for the next test will have other listeners and other sounds: it is somewhat wide, never too narrow where
there are many answers. With fewer than five listeners or items it is too narrow, like every bootstrap.
"""

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np

from tf_audio_gan.listening_tests.answers import read_answers, read_key
from tf_audio_gan.listening_tests.statistics import (
    abx_d_prime,
    bradley_terry,
    holm,
    pigeonhole_weights,
)
from tf_audio_gan.metrics.statistics import wilson_interval

DRAWS = 2000
_FEW = 5


def analyse_opinions(answers, key=None, *, keep_all=False, seed=0):
    """Analyse the answers to one listening test.

    A listener who fails more than a quarter of the checks met (`answers.PASS`) is left out and named. A
    check is passed when a clip ruined on purpose is graded 1 or 2, is not preferred and not tied, or is told apart,
    and when the grade of a clip that comes twice differs by at most 1; only the first of the two counts as an answer.

    Args:
        answers: files that the page saved, or folders of them.
        key: the page's ``.key.json``; default: the only key in the folders of the answers.
        keep_all: keep listeners who failed the checks.
        seed: of the bootstrap.

    Returns:
        A dict that JSON can hold. ``kind``, ``title``, ``page``, ``matched``, ``reference``; ``listeners``: counts and
        who was left out; ``skipped``: files that could not be read; ``systems`` and ``pairs``: the results, a dict
        each; ``method``: a sentence each on what was done; ``notes``: what to be careful about; ``rows``: every
        answer.

    Raises:
        ValueError: for answers to another page, no key, none readable, or no careful listener.
    """
    answers = [Path(path) for path in ([answers] if isinstance(answers, (str, Path)) else answers)]
    key = read_key(key or _find_key(answers))
    listeners, skipped = read_answers(answers, key)
    kept = [one for one in listeners if keep_all or one.careful]
    left_out = [one for one in listeners if one not in kept]
    table = _Table(kept, key, np.random.default_rng(seed))
    if not table.answers:
        failed = ", ".join(f"{one.name or one.session} {one.passed} of {one.checks}" for one in listeners)
        raise ValueError(f"no answers by a listener who passed the checks ({failed}); --keep-all keeps them")
    result = {name: key[name] for name in ("kind", "title", "question", "page", "matched", "reference")}
    result["listeners"] = {
        "read": len(listeners),
        "kept": len(kept),
        "unfinished": sum(not one.finished for one in kept),
        "failed_checks": [_check_facts(one) for one in listeners if not one.careful],
        "left_out": [_check_facts(one) for one in left_out],
    }
    result |= {"skipped": skipped, "answers": len(table.answers), "items": len(table.item_names)}
    result |= {"mos": _mos, "ab": _ab, "abx": _abx}[key["kind"]](table)
    return result | {"notes": _notes(table, result["systems"]), "rows": _rows(listeners, kept)}


def _find_key(answers):
    folders = {path if path.is_dir() else path.parent for path in answers}
    keys = sorted({found for folder in folders for found in folder.glob("*.key.json")})
    if len(keys) != 1:
        found = f"{len(keys)} keys ({', '.join(map(str, keys))})" if keys else "no key"
        raise ValueError(f"{found} in {', '.join(map(str, sorted(folders)))}; name the page's key: --key PAGE.key.json")
    return keys[0]


def _check_facts(listener):
    facts = {"listener": listener.name, "session": listener.session, "file": listener.path}
    return facts | {"passed": listener.passed, "checks": listener.checks}


class _Table:
    """The answers that count, with the numbers of their listeners and items, and bootstrap weights for them."""

    def __init__(self, listeners, key, rng):
        self.matched, self.systems, self.rng = key["matched"], key["systems"], rng
        pairs = [(one.session, a) for one in listeners for a in one.answers if not a["check"]]
        self.answers = [a for _, a in pairs]
        self.listener_names, self.listener = _numbered([session for session, _ in pairs])
        self.item_names, self.item = _numbered([a["items"][0] for a in self.answers])
        drawn = pigeonhole_weights(self.listener, self.item, DRAWS, rng) if pairs else np.ones((0, 0))
        self.weights = np.vstack([np.ones(drawn.shape[1]), drawn])  # first the answers as they are

    def ratio(self, value, mask):
        """Mean of `value` where `mask`, then of each draw: ``[1 + DRAWS]``; NaN where a draw has none."""
        total = self.weights @ mask.astype(float)
        return np.divide(self.weights @ (value * mask), total, out=np.full(len(total), np.nan), where=total > 0)

    def pairs(self):
        """Each two systems, with a mask of the answers about both."""
        for a, b in itertools.combinations(self.systems, 2):
            yield a, b, np.array([{a, b} == set(answer["systems"]) for answer in self.answers])


def _numbered(names):
    unique, numbers = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    return unique.tolist(), numbers


def _interval(values):
    """The estimate and the middle 95 % of its draws."""
    draws = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(draws, [0.025, 0.975]) if len(draws) else (math.nan, math.nan)
    return {"low": _number(low), "high": _number(high)}


def _number(value):
    """A float; None where there is none, for JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def _mos(table):
    """Mean opinion of each system, and each two systems compared."""
    grade = np.array([answer["answer"] for answer in table.answers], float)
    masks = {name: np.array([answer["systems"] == [name] for answer in table.answers]) for name in table.systems}
    means = {name: table.ratio(grade, mask) for name, mask in masks.items()}
    systems = []
    for name, mask in masks.items():
        facts = {"system": name, "mean": _number(means[name][0])} | _interval(means[name])
        spread = np.std(grade[mask], ddof=1) if mask.sum() > 1 else math.nan
        counts = [int(np.sum(grade[mask] == g)) for g in range(1, 6)]
        systems.append(facts | {"deviation": _number(spread), "answers": int(mask.sum()), "grades": counts})
    pairs = []
    for a, b in itertools.combinations(table.systems, 2):
        difference = means[a] - means[b]
        facts = {"a": a, "b": b, "difference": _number(difference[0])} | _interval(difference)
        pairs.append(facts | _item_test(table, grade, masks[a], masks[b]))
    _add_holm(pairs)
    test = (
        "Wilcoxon signed-rank test of the items' mean grades"
        if table.matched
        else "Mann-Whitney test of the clips' mean grades (the items are not matched)"
    )
    return {"systems": systems, "pairs": pairs, "method": [_BOOTSTRAP, f"p: {test}, two-sided; {_HOLM}"]}


_BOOTSTRAP = f"intervals: 95 %, {DRAWS} draws of listeners and items together (pigeonhole bootstrap, percentiles)"
_HOLM = "p_holm: corrected by Holm for the number of pairs"


def _item_test(table, grade, mask_a, mask_b):
    """The p-value of two systems' per-item means: paired where items are matched."""
    from scipy import stats

    a, b = ({i: grade[mask & (table.item == i)].mean() for i in table.item[mask]} for mask in (mask_a, mask_b))
    if not table.matched:
        p = stats.mannwhitneyu(list(a.values()), list(b.values())).pvalue if a and b else math.nan
        return {"items": min(len(a), len(b)), "p": _number(p)}
    both = sorted(a.keys() & b.keys())
    differences = np.round([a[i] - b[i] for i in both], 9)
    if not np.any(differences):
        return {"items": len(both), "p": 1.0 if both else None}
    return {"items": len(both), "p": _number(stats.wilcoxon(differences).pvalue)}


def _add_holm(pairs):
    known = [pair for pair in pairs if pair["p"] is not None]
    for pair, p in zip(known, holm([pair["p"] for pair in known]), strict=True):
        pair["p_holm"] = p
    for pair in pairs:
        pair.setdefault("p_holm", None)


def _ab(table):
    """Each two systems' preferences, and Bradley-Terry strengths of all."""
    from scipy import stats

    pairs, prior = [], _prior_wins(table)
    for a, b, mask in table.pairs():
        said = Counter(answer["answer"] for answer, hit in zip(table.answers, mask, strict=True) if hit)
        points = np.array([{a: 1.0, None: 0.5}.get(answer["answer"], 0.0) for answer in table.answers])
        i, j = table.systems.index(a), table.systems.index(b)
        won, lost = (table.weights @ (mask * p) + prior[:, k, m] for p, k, m in ((points, i, j), (1 - points, j, i)))
        share = won / (won + lost)
        share[0] = points[mask].mean() if mask.any() else math.nan
        facts = {"a": a, "b": b, "wins_a": said[a], "wins_b": said[b], "ties": said[None]}
        decided = said[a] + said[b]
        p = float(stats.binomtest(said[a], decided).pvalue) if decided else None
        pairs.append(facts | {"share": _number(share[0])} | _interval(share) | {"p": p})
    _add_holm(pairs)
    method = [
        "share: of the preferences for the first of the two, a tie being half a win for each",
        f"p: two-sided binomial test without the ties; it takes answers as independent; {_HOLM}",
        "strength: Bradley-Terry, natural logarithm, mean 0; the odds of a win are exp(difference); a tie is half a "
        "win for each, and half a win each way is added to each pair, so that no strength is infinite",
        f"{_BOOTSTRAP}; in each draw the half wins of each pair are drawn too, from gamma(1/2), so that unanimous "
        "answers get an interval (with independent answers it is about Jeffreys's)",
    ]
    return {"systems": _strengths(table, prior), "pairs": pairs, "method": method}


def _prior_wins(table):
    """Wins added to each pair each way: a half, and in the draws gamma(1/2), whose mean that is."""
    shape = (len(table.weights), len(table.systems), len(table.systems))
    prior = np.maximum(table.rng.gamma(0.5, size=shape), 0.005)  # less would take the strengths ages to settle
    prior[0] = 0.5
    return prior


def _strengths(table, prior):
    """Bradley-Terry strengths with intervals."""
    number = {name: k for k, name in enumerate(table.systems)}
    wins = prior.copy()
    for column, answer in enumerate(table.answers):
        i, j = (number[name] for name in answer["systems"])
        points = {None: 0.5, answer["systems"][0]: 1.0}.get(answer["answer"], 0.0)
        wins[:, i, j] += points * table.weights[:, column]
        wins[:, j, i] += (1 - points) * table.weights[:, column]
    strengths = bradley_terry(wins)
    systems = []
    for name, k in number.items():
        count = sum(name in answer["systems"] for answer in table.answers)
        facts = {"system": name, "strength": float(strengths[0, k])} | _interval(strengths[:, k])
        systems.append(facts | {"answers": count})
    return systems


def _abx(table):
    """How often X was told, for each two systems."""
    from scipy import stats

    right = np.array([answer["right"] for answer in table.answers], float)
    pairs = []
    for a, b, mask in table.pairs():
        n, k = int(mask.sum()), int(right[mask].sum())
        interval = wilson_interval(k, n) if n else None
        low, high = (interval.low, interval.high) if n else (math.nan, math.nan)
        p = float(stats.binomtest(k, n, alternative="greater").pvalue) if n else None
        facts = {"a": a, "b": b, "right": k, "answers": n, "share": k / n if n else None}
        facts |= {"low": _number(low), "high": _number(high)}
        facts |= {f"cluster_{end}": value for end, value in _interval(table.ratio(right, mask)).items()}
        shares = {"d_prime": (k + 0.5) / (n + 1), "d_prime_low": low, "d_prime_high": high}
        facts |= {name: _number(abx_d_prime(share)) if n else None for name, share in shares.items()}
        pairs.append(facts | {"p": p})
    _add_holm(pairs)
    method = [
        "share: of right answers, 0.5 by guessing; low and high: Wilson, 95 %, answers taken as independent",
        f"cluster_low and cluster_high: of the share. {_BOOTSTRAP}",
        f"p: one-sided binomial test against guessing; {_HOLM}",
        "d': the ABX differencing model (Macmillan and Creelman 2005, ch. 9), from (right + 0.5) / (answers + 1); "
        "its ends from those of the share, null where there is no upper end",
    ]
    return {"systems": [], "pairs": pairs, "method": method}


def _notes(table, systems):
    same = [one["system"] for one in systems if one["low"] is not None and one["low"] == one["high"]]
    notes = [f"{name}: its answers all agree, so its interval says nothing" for name in same]
    for what, count in (("listeners", len(table.listener_names)), ("items", len(table.item_names))):
        if count < _FEW:
            notes.append(f"{count} {what if count > 1 else what[:-1]}: the bootstrap's intervals are too narrow")
    return notes


def _rows(listeners, kept):
    """Every answer, also those that do not count."""
    rows = []
    for one in listeners:
        facts = {"listener": one.name, "session": one.session, "file": one.path, "kept": one in kept}
        rows += [facts | answer for answer in one.answers]
    return rows
