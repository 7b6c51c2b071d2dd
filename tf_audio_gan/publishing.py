"""A preset goes into a zoo: checked, copied whole, and named in the index that says what every file is."""

import hashlib
import json
import shutil
from pathlib import Path

from tf_audio_gan import durable, hub, preset_folder

_WANTED = {
    "config.json": "what makes the model",
    "metadata.json": "versions and parameters",
    "audio.json": "sample rate and length",
    "recipe.toml": "how it was trained",
    "results.json": "what was measured",
    "data.csv": "every recording used, with its licence",
    "README.md": "the card",
}
_WORDS = ("makes", "result", "license")  # at the head of a card: for lists of presets
_FILES = ("<!-- files -->", "<!-- /files -->")
_OF_TRAINED = ("results.json", "data.csv")  # which an architecture has not
_JUDGE = "tf_audio_gan>Classifier"
_SECTIONS = ("## Use", "## Training", "## Results", "## Limits", "## Licence")


def write_zoo_index(zoo, check=False):
    """Writes index.json of a zoo: class, audio settings, and size and SHA-256 of every file of every preset in it.

    Cards that have a line `<!-- files -->`, and after it `<!-- /files -->`, get their table of weights between these.

    Args:
        zoo: folder of presets' folders.
        check: write nothing.

    Returns:
        Whether the index and the cards were up to date.
    """
    path, same = Path(zoo) / hub.INDEX, True
    for card in sorted(Path(zoo).glob("*/README.md")):
        old = card.read_text(encoding="utf-8")
        if (new := with_files(old, card.parent)) != old:
            same = False
            if not check:
                durable.write_text(card, new)
    text = _index(Path(zoo))
    same = path.is_file() and path.read_text(encoding="utf-8") == text and same
    if not check and not same:
        durable.write_text(path, text)
    return same


def publish_preset(preset, zoo, float16=False):
    """Copies a preset into a zoo, or replaces it there, and writes the index; any server of files can offer it.

    Args:
        preset: folder of the preset; its name is the preset's.
        zoo: folder, made where missing.
        float16: store weights there in half the width, if the preset then makes the same (`half_width.LIMIT`).

    Returns:
        pathlib.Path of the preset in the zoo.

    Raises:
        FileNotFoundError: a file that a stranger needs is missing; all that are.
        ValueError: its card lacks a section, or a word at its head, that it should have; a name that handles cannot
            have; or float16 changes what it makes.
    """
    preset, zoo = Path(preset).resolve(), Path(zoo)
    _check(preset)
    target = zoo / preset.name
    if target.resolve() != preset or float16:
        preset_folder.replace(target, lambda new: _copy(preset, new, float16))
    write_zoo_index(zoo)
    return target


def publish_architecture(name, zoo, recipe=None):
    """Writes an architecture into a zoo: a preset without weights, for others to train; its card is written by hand.

    Args:
        name: of the architecture, and of its recipe where none is given.
        zoo: folder, made where missing.
        recipe: see `recipes.load_recipe`.

    Returns:
        pathlib.Path of the architecture in the zoo.

    Raises:
        ValueError: there is no such recipe, or something else in its place.
    """
    from tf_audio_gan.recipes import load_recipe

    recipe = load_recipe(name if recipe is None else recipe)
    model, target = recipe.build_model(), Path(zoo) / name

    def write(new):
        model.write_architecture(new, {"trained": False})
        recipe.write(new / "recipe.toml")

    preset_folder.replace(target, write)
    write_zoo_index(zoo)
    return target


def _copy(preset, new, float16):
    shutil.copytree(preset, new, dirs_exist_ok=True)
    path = new / "metadata.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    if float16 and "float16" not in facts:
        from tf_audio_gan.models import classifier_class
        from tf_audio_gan.models.gan import from_preset

        judge = preset_folder.read_config(new / preset_folder.CONFIG).get("registered_name") == _JUDGE
        model = classifier_class().from_preset(new) if judge else from_preset(new)
        preset_folder.write_json(path, {**facts, "float16": model.halve_weights(new)})


def _check(preset):
    if not (preset / "config.json").is_file():
        raise FileNotFoundError(f"{preset} is no preset: it has no config.json")
    wanted, trained = _WANTED, not preset_folder.untrained(preset)
    if not trained:
        wanted = {name: what for name, what in _WANTED.items() if name not in _OF_TRAINED}
    missing = [f"{name} ({what})" for name, what in wanted.items() if not (preset / name).is_file()]
    if trained and not list(preset.glob("*.weights.h5")):
        missing.append("weights")
    if missing:
        raise FileNotFoundError(f"{preset} lacks what a stranger needs: {', '.join(missing)}")
    words, card = front_matter(preset / "README.md"), (preset / "README.md").read_text(encoding="utf-8")
    without = [name for name in _WORDS if not words.get(name)]
    if without:
        raise ValueError(
            f"{preset / 'README.md'} does not say {', '.join(without)}: begin it with a line ---, then lines such as "
            '"makes: drum hits", "result: nearer to recordings than noise is", "license: cc-by-4.0", then ---'
        )
    lacking = [section for section in _SECTIONS if section not in card]
    if lacking:
        raise ValueError(f"{preset / 'README.md'} lacks the sections {', '.join(lacking)}")
    if not preset.name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"a preset's name has letters, digits, _ and - alone. Received: {preset.name!r}")


def _index(zoo):
    presets = {p.parent.name: _entry(p.parent) for p in sorted(zoo.glob("*/config.json"))}
    return json.dumps({"format": 1, "presets": presets}, indent=1) + "\n"


def _entry(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    audio = json.loads((folder / "audio.json").read_text(encoding="utf-8"))
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        files[path.relative_to(folder).as_posix()] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    words = front_matter(folder / "README.md")
    about = {name: words[name] for name in _WORDS if name in words}
    about |= {"trained": False} if preset_folder.untrained(folder) else {}
    return {"class": config["registered_name"], **about, **audio, "files": files}


def with_files(card, folder):
    """A card's text with the table of the preset's weights between its markers; unchanged where it has none."""
    before, found, rest = card.partition(_FILES[0])
    _, ended, after = rest.partition(_FILES[1])
    if not found or not ended:
        return card
    facts = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    rows = ["| file | bytes | SHA-256 | parameters |", "|---|---|---|---|"]
    for path in sorted(folder.glob("*.weights.h5")):
        count = facts.get("parameters", {}).get(path.name.removesuffix(".weights.h5"))
        numbers = "" if count is None else f"{count:,}"
        rows.append(f"| `{path.name}` | {path.stat().st_size:,} | `{durable.sha256(path)}` | {numbers} |")
    return f"{before}{found}\n\n" + "\n".join(rows) + f"\n\n{ended}{after}"


def front_matter(card):
    """The words at the head of a card, between two lines of `---`: {name: value}; none without them, or a card."""
    lines = Path(card).read_text(encoding="utf-8").splitlines() if Path(card).is_file() else []
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return {}
    pairs = [line.partition(":") for line in lines[1 : lines.index("---", 1)]]
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}
