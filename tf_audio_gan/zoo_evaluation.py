"""The presets of the zoo, measured again by the settings that their results.json records."""

from pathlib import Path

from tf_audio_gan import durable, hub
from tf_audio_gan.evaluating import cards, provenance, results
from tf_audio_gan.evaluation import evaluate
from tf_audio_gan.models.classifier.classifier import REGISTERED

SETTINGS = ("n", "seed", "labels", "judge", "metrics", "crop", "normalize", "batch_size", "snr", "also", "blend")
_FOLDERS = ("data", "train", "noise", "noisy")  # settings that are folders of sounds


def evaluated_presets():
    """Names of the zoo's presets that are evaluated: not architectures, nor judges, which bring their own results."""
    found = {name: about for name, about in hub.zoo_index().items() if about.get("trained", True)}
    return sorted(name for name, about in found.items() if about.get("class") != REGISTERED)


def evaluate_again(name, data=None, *, check=False, progress=None):
    """Measures a preset of the zoo again by the settings in its results.json; writes that and the card's tables.

    Args:
        name: of the preset.
        data: the folder that holds the folders of sounds that the settings name.
        check: write nothing. Without data: does the card show what results.json holds? With data: are the numbers of
            a new run the recorded ones?
        progress: show bars; None = on a terminal.

    Returns:
        A list of lines on what differs; without `check` always empty.

    Raises:
        FileNotFoundError: no such preset or folder, or it has no results.json.
        ValueError: its card has no markers, or results.json is damaged.
    """
    folder = hub.ZOO / name
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is no preset of the zoo. Presets: {', '.join(sorted(hub.zoo_index()))}")
    before, card = cards.read_results(folder), folder / "README.md"
    cards.with_section(card.read_text(encoding="utf-8"), {}, card)
    problems = [why] if check and (why := cards.check(folder)) else []
    if data is None:
        return problems
    after = {title: _again(folder, old["settings"], Path(data), progress) for title, old in before.items()}
    if check:
        found = [line for title in before for line in cards.differences(before[title], after[title])]
        return problems + [f"{name}: {line}" for line in found]
    durable.write_text(folder / "results.json", results.as_json({"format": results.FORMAT, "evaluations": after}))
    text = card.read_text(encoding="utf-8")  # again: people edit cards while presets are measured
    durable.write_text(card, cards.with_section(text, after, card))
    return []


def _again(folder, settings, data, progress):
    """One recorded evaluation, measured anew: the content of its results.json."""
    places = {key: settings[key] for key in _FOLDERS if settings.get(key)}
    given = {key: value for key, value in settings.items() if key not in ("preset", *_FOLDERS)}
    unknown = [key for key in given if key not in SETTINGS]
    if unknown:
        where, known = folder / "results.json", ", ".join(SETTINGS)
        raise ValueError(f"{where}: unknown setting {', '.join(unknown)}. Known: {', '.join(_FOLDERS)}, {known}")
    if str(given.get("labels")).lower().endswith(".csv"):
        given["labels"] = data / given["labels"]
    given |= {key: data / place for key, place in places.items()}
    found = evaluate(folder, **given, progress=progress).as_dict()
    found["settings"] |= places  # as recorded: below the folder that was given
    return found | {"command": provenance.command("evaluate", found["settings"])}
