"""Listeners that answer a listening test as the page's own script has them do it, for tests."""

import json
import re

from tf_audio_gan.listening_tests.answers import ANSWERS_FORMAT, RUINED


def page_data(page):
    """The JSON inside a page."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="test">(.*?)</script>', text, re.S)[1])


def answer(test, key, rng, opinion, name="", finished=True):
    """One sitting as the page would save it.

    `opinion(systems, items, x)` gives the answer for the systems and items of a trial's clips in the order shown: a
    grade for mos, else an index or "tie"; `x` is X's (system, item, name of the clip).
    """
    blocks = [test["items"][k] for k in rng.permutation(len(test["items"]))[: test["n"]]]
    trials = [trial for block in blocks for trial in block] + test["checks"]
    plain = [trial for block in blocks for trial in block]
    answers = []
    for trial in [*trials, *plain[: test["repeats"]]]:
        clips = rng.permutation(trial["clips"]).tolist()
        facts = [key["clips"][clip] for clip in clips]
        x = str(rng.choice(trial["x"])) if "x" in trial else None
        about_x = x and (key["clips"][x]["system"], key["clips"][x]["item"], x)
        said = opinion([f["system"] for f in facts], [f["item"] for f in facts], about_x)
        said = said if test["kind"] == "mos" or said == "tie" else clips[said]
        row = {"trial": trial["id"], "clips": clips, "answer": said, "plays": [1] * len(clips), "seconds": 2.5}
        answers.append(row | ({"x": x} if x else {}))
    session = rng.bytes(8).hex()
    sitting = {"format": ANSWERS_FORMAT, "version": 1, "page": test["page"], "kind": test["kind"], "listener": name}
    return sitting | {"session": session, "seed": 1, "finished": finished, "trials": len(answers), "answers": answers}


def grades(rng, quality):
    """A mos listener: ruined clips get 1, a system its quality plus noise of the clip."""

    def opinion(systems, items, x):
        if systems[0] == RUINED:
            return 1
        return int(min(5, max(1, round(quality[systems[0]] + 0.05 * rng.standard_normal()))))

    return opinion
