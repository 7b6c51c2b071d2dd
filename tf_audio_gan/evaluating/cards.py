"""The results in a preset's folder: results.json, and the table between two markers of the card that shows it."""

import json

from tf_audio_gan.evaluating import tables

START, END = "<!-- results -->", "<!-- /results -->"
TOLERANCE = 1e-3  # of two runs, relative: other processors add in another order


def read_results(folder):
    """The evaluations that a preset records: {title: results, or at first {"settings": ...} alone}.

    Raises:
        FileNotFoundError: there is no results.json.
        ValueError: it is not what `zoo evaluate` writes.
    """
    path = folder / "results.json"
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} is missing. Write {{"evaluations": {{"Held-out": {{"settings": {{"data": "FOLDER"}}}}}}}} '
            "there, then run `tf-audio-gan zoo evaluate`"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["evaluations"]
        folders = [evaluation["settings"]["data"] for evaluation in found.values()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} holds no evaluations ({type(error).__name__}: {error}); expected "
            '{"evaluations": {TITLE: {"settings": {"data": FOLDER, ...}}}}'
        ) from None
    if not folders:
        raise ValueError(f"{path} holds no evaluations; expected at least one")
    return found


def section(evaluations):
    """What stands between the markers of a card."""
    parts = [f"### {title}\n\n{tables.markdown(results)}" for title, results in evaluations.items()]
    return f"{START}\n\n" + "\n\n".join(parts) + f"\n\n{END}"


def with_section(card, evaluations, path):
    """A card's text with the section put in place of what stood between the markers; ValueError without markers."""
    start, end = card.find(START), card.find(END)
    if not 0 <= start < end:
        raise ValueError(f"{path} needs a line {START} and after it a line {END}: the table goes between them")
    return card[:start] + section(evaluations) + card[end + len(END) :]


def check(folder):
    """The reason why a preset's card and results.json disagree; None if they agree."""
    evaluations, path = read_results(folder), folder / "README.md"
    without = [title for title, results in evaluations.items() if "rows" not in results]
    if without:
        return f"{folder / 'results.json'}: {', '.join(without)} has settings but no results"
    card = path.read_text(encoding="utf-8")
    try:
        same = with_section(card, evaluations, path) == card
    except (KeyError, TypeError, AttributeError) as error:
        return f"{folder / 'results.json'} is damaged ({type(error).__name__}: {error}); evaluate the preset again"
    return None if same else f"{path} does not show what results.json holds"


def differences(before, after):
    """Lines on the numbers of two results that differ by more than the tolerance, or that one of them lacks."""
    found = []
    recorded = before.get("rows", {})
    for row in dict.fromkeys([*recorded, *after["rows"]]):
        old, new = recorded.get(row, {}), after["rows"].get(row, {})
        for column in dict.fromkeys([*old, *new]):
            a, b = (values.get(column, {}).get("value") for values in (old, new))
            if a is None and b is None:
                continue
            if a is None or b is None or abs(a - b) > TOLERANCE * max(abs(a), abs(b), 1e-3):
                found.append(f"{column} of {row}: recorded {a}, now {b}")
    return found
