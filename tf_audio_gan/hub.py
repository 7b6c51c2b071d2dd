"""A handle (a folder, or the name of a preset in the zoo) becomes a verified local folder."""

import hashlib
import json
from pathlib import Path

ZOO = Path(__file__).resolve().parents[1] / "zoo"  # of a source checkout


def zoo_index():
    """{preset name: {"files": {file name: {"sha256", "bytes"}}, ...}}; empty where there is no zoo."""
    path = ZOO / "index.json"
    return json.loads(path.read_text(encoding="utf-8"))["presets"] if path.is_file() else {}


def resolve(handle):
    """The local folder of a preset.

    Args:
        handle: path of a preset's folder, or the name of a preset in the zoo.

    Returns:
        pathlib.Path of a folder that holds config.json; a zoo preset's files have the size and sha256 of the index.

    Raises:
        FileNotFoundError: neither a folder with a config.json nor a name in the zoo.
        ValueError: a zoo file is not what the index says.
    """
    folder = Path(handle)
    if (folder / "config.json").is_file():
        return folder
    index = zoo_index()
    if str(handle) in index:
        folder = ZOO / str(handle)
        for name, facts in index[str(handle)]["files"].items():
            _verify(folder / name, facts)
        return folder
    known = ", ".join(sorted(index)) or f"none (no index.json in {ZOO})"
    found = "a folder without config.json" if folder.is_dir() else "no such folder"
    raise FileNotFoundError(f"{str(handle)!r} is no preset: {found}, and not a name in the zoo. Presets: {known}")


def _verify(path, facts):
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing from the zoo. Fetch it again (git checkout, or download the preset)."
        )
    data = path.read_bytes()
    if len(data) != facts["bytes"] or hashlib.sha256(data).hexdigest() != facts["sha256"]:
        raise ValueError(
            f"{path} is not the file the zoo's index names (its sha256 or size differs): damaged or changed. "
            "Fetch it again, or copy the folder elsewhere and use its path if the change is yours."
        )
