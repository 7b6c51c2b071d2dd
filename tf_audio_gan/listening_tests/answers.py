"""The answers of a listening test: reading the files that the page saves, and who listened with care."""

import json
from dataclasses import dataclass
from pathlib import Path

KINDS = ("mos", "ab", "abx")
KEY_FORMAT, ANSWERS_FORMAT = "tf_audio_gan listening test key", "tf_audio_gan listening test answers"
RUINED = "(ruined)"  # the system of the clips that checks are made of
_FIELDS = {"page", "title", "question", "matched", "reference", "systems", "trials", "clips"}
PASS = 0.75  # of the checks that a listener answered


@dataclass
class Listener:
    """One sitting: its answers, decoded; the checks it passed of those it met."""

    name: str
    session: str
    path: str
    finished: bool
    answers: list
    passed: int = 0
    checks: int = 0

    @property
    def careful(self):
        """At least three quarters of the checks passed, or no check met."""
        return self.passed >= PASS * self.checks


def read_key(path):
    """The key of a page.

    Args:
        path: the ``.key.json`` file that was written beside it.

    Returns:
        A dict: page, kind, matched, reference, systems, trials and clips.

    Raises:
        ValueError: if the file is no key.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give the .key.json that was written beside the page")
    try:
        key = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}); give the .key.json that was written beside the page") from error
    whole = isinstance(key, dict) and key.get("format") == KEY_FORMAT and key.get("kind") in KINDS
    if not whole or not _FIELDS <= key.keys():
        raise ValueError(f"{path}: no key of a listening test; give the .key.json that was written beside the page")
    return key


def read_answers(paths, key):
    """Read the answers of many listeners.

    Of several files of one sitting (saved early, then at the end) the one with the most answers counts. Files that
    hold no answers, or answers that the page cannot give, are skipped with the reason.

    Args:
        paths: files, or folders whose ``.json`` files are taken; keys among them are passed over.
        key: of the page, as `read_key` gives it.

    Returns:
        ``(listeners, skipped)``: a list of `Listener` in the order of their sessions, and ``(file, reason)`` each.

    Raises:
        ValueError: for answers to another page, or none that can be read.
    """
    sittings, skipped = {}, []
    for path in _files(paths):
        try:
            data = _data(path)
            if data is None:
                continue
            if data["page"] != key["page"]:
                raise ForeignPage(
                    f"{path}: answers to another page ({data['page']}) than the key's ({key['page']}); "
                    "analyse each page's answers with its own key"
                )
            listener = _listener(path, data, key)
        except ForeignPage:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            skipped.append((str(path), _reason(error)))
            continue
        before = sittings.get(listener.session)
        if before is None or len(listener.answers) > len(before.answers):
            sittings[listener.session] = listener
    if not any(listener.answers for listener in sittings.values()):
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3]) or "no answers in the files"
        raise ValueError(f"no answers could be read: {reasons}")
    return [sittings[session] for session in sorted(sittings)], skipped


class ForeignPage(ValueError):
    """Answers were given to another page."""


def _files(paths):
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(path.glob("*.json"))
        elif path.is_file():
            yield path
        else:
            raise FileNotFoundError(f"{path}: no such file or folder; give the files that the page saved")


def _data(path):
    """A file's content; None for a key."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") not in (ANSWERS_FORMAT, KEY_FORMAT):
        raise ValueError("not saved by a listening test")
    return None if data["format"] == KEY_FORMAT else data


def _reason(error):
    if isinstance(error, KeyError):
        return f"damaged: {error} is missing or unknown"
    return f"damaged: {error}" if isinstance(error, (TypeError, AttributeError)) else str(error)


def _listener(path, data, key):
    answers, first = [], {}
    listener = Listener(str(data["listener"]), str(data["session"]), str(path), bool(data["finished"]), answers)
    for raw in data["answers"]:
        answer = _decoded(raw, key)
        if raw["trial"] in first and key["kind"] != "mos":
            raise ValueError(f"two answers to the trial {raw['trial']}")
        if raw["trial"] in first:
            answer["check"] = "repeat"
            answer["passed"] = abs(answer["answer"] - first[raw["trial"]]["answer"]) <= 1
        first.setdefault(raw["trial"], answer)
        answers.append(answer)
    met = [answer["passed"] for answer in answers if answer["check"]]
    listener.passed, listener.checks = sum(met), len(met)
    return listener


def _decoded(raw, key):
    """One answer in terms of systems; ValueError or KeyError for what the page cannot have written."""
    clips, said = list(raw["clips"]), raw["answer"]
    x = [raw["x"]] if key["kind"] == "abx" else []
    strange = set(clips + x) - set(key["trials"][raw["trial"]])
    if strange or len(set(clips)) != (1 if key["kind"] == "mos" else 2):
        raise ValueError(f"trial {raw['trial']} with the clips {clips + x}, which are not its own")
    facts = [key["clips"][clip] for clip in clips]
    answer = {
        "trial": raw["trial"],
        "systems": [fact["system"] for fact in facts],
        "items": [fact["item"] for fact in facts],
        "files": [fact["file"] for fact in facts],
        "answer": _said(key["kind"], said, clips, facts),
        "plays": [int(count) for count in raw["plays"]],
        "seconds": float(raw["seconds"]),
    }
    if x:
        answer["x"] = key["clips"][x[0]]["system"]
        answer["right"] = answer["answer"] == answer["x"]
    answer["check"] = "ruined" if RUINED in answer["systems"] else ""
    answer["passed"] = _passed(key["kind"], answer) if answer["check"] else None
    return answer


def _said(kind, said, clips, facts):
    """A grade, or the system of the clip that was chosen, or None for a tie."""
    if kind == "mos":
        if type(said) is not int or not 1 <= said <= 5:
            raise ValueError(f"the grade {said!r}; expected a whole number from 1 to 5")
        return said
    if kind == "ab" and said == "tie":
        return None
    if said not in clips:
        raise ValueError(f"the answer {said!r}; expected one of {', '.join(clips)}")
    return facts[clips.index(said)]["system"]


def _passed(kind, answer):
    """A ruined clip was graded 1 or 2, was not preferred and not tied, was told apart."""
    if kind == "mos":
        return answer["answer"] <= 2
    return answer["right"] if kind == "abx" else answer["answer"] not in (RUINED, None)
