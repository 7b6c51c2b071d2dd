"""Writes zoo/index.json: the size and sha256 of every file of every preset beside this script.

python zoo/make_index.py            write it
python zoo/make_index.py --check    exit 1 if it is not up to date
"""

import hashlib
import json
import sys
from pathlib import Path

ZOO = Path(__file__).parent


def entry(folder):
    """What the index says of one preset."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    audio = json.loads((folder / "audio.json").read_text(encoding="utf-8"))
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        files[path.relative_to(folder).as_posix()] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"class": config["registered_name"], **audio, "files": files}


def index():
    """The whole index as text."""
    presets = {p.parent.name: entry(p.parent) for p in sorted(ZOO.glob("*/config.json"))}
    return json.dumps({"format": 1, "presets": presets}, indent=1) + "\n"


if __name__ == "__main__":
    path = ZOO / "index.json"
    if "--check" in sys.argv[1:]:
        sys.exit(None if path.is_file() and path.read_text() == index() else f"{path} is out of date: run {__file__}")
    path.write_text(index(), encoding="utf-8")
    print(f"{path}: {', '.join(json.loads(path.read_text())['presets'])}")
