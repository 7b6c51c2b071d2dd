"""Writes zoo/index.json (size and sha256 of every file of every preset) and the README's tables of them.

python zoo/make_index.py            write both
python zoo/make_index.py --check    exit 1 if one is not up to date
"""

import json
import sys
from pathlib import Path

import tf_audio_gan

ZOO = Path(__file__).parent
README = ZOO.parent / "README.md"
START, END = "<!-- presets -->", "<!-- /presets -->"


def tables(index):
    """Presets, then architectures, as two tables in Markdown, from an index alone."""
    trained = {name: about for name, about in index["presets"].items() if about.get("trained", True)}
    others = {name: about for name, about in index["presets"].items() if name not in trained}
    rows = ["| preset | what it does | against its floors, held out | MB |", "|---|---|---|---|"]
    for name, about in trained.items():
        size = sum(file["bytes"] for file in about["files"].values()) / 1e6
        rows.append(f"| {link(name)} | {about['makes']} | {about['result']} | {size:.1f} |")
    rows += ["", "Architectures of the papers and their authors, without weights, to train on a GPU:", ""]
    rows += ["| architecture | what it does |", "|---|---|"]
    return "\n".join(rows + [f"| {link(name)} | {about['makes']} |" for name, about in others.items()])


def link(name):
    """A preset's name, with the way to its card."""
    return f"[`{name}`](zoo/{name}/README.md)"


def with_tables(readme, index):
    """The README's text with the tables put between its two markers."""
    before, rest = readme.split(START)
    return f"{before}{START}\n\n{tables(index)}\n\n{END}{rest.split(END)[1]}"


def main(check):
    """Writes, or checks; exits with a line if something is not up to date."""
    same = tf_audio_gan.write_zoo_index(ZOO, check)
    if check and not same:
        sys.exit(f"{ZOO / 'index.json'} is out of date: run {__file__}")
    if not README.is_file():  # a zoo by itself
        return
    text = README.read_text(encoding="utf-8")
    wanted = with_tables(text, json.loads((ZOO / "index.json").read_text(encoding="utf-8")))
    if check and wanted != text:
        sys.exit(f"{README} does not show what {ZOO / 'index.json'} holds: run {__file__}")
    if wanted != text:
        README.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
