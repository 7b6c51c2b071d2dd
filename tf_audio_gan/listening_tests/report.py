"""The files of an analysed listening test: results.json, answers.csv and a picture of the results."""

import csv
import json
from pathlib import Path

from tf_audio_gan.durable import whole, write_text

COLUMNS = ("listener", "session", "file", "kept", "trial", "check", "passed", "systems", "items", "files")
COLUMNS += ("x", "answer", "right", "plays", "seconds")
_INK, _REFERENCE = "#2a6f97", "#c05621"
_AXES = {
    "mos": "mean opinion: 1 bad to 5 excellent",
    "ab": "Bradley-Terry strength (log odds)",
    "abx": "share of right answers (0.5: guessing)",
}


def write_report(result, out):
    """Write what `opinions.analyse_opinions` found.

    Args:
        result: its dict.
        out: a folder, made if it is not there: gets results.json (all but the single answers), answers.csv (a row an
            answer; a list within a cell is joined by ``|``) and results.png.

    Returns:
        The three paths.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder for the results")
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / name for name in ("results.json", "answers.csv", "results.png")]
    summary = {name: value for name, value in result.items() if name != "rows"}
    write_text(paths[0], json.dumps(summary, indent=1, allow_nan=False) + "\n")
    with whole(paths[1]) as new, open(new, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: _cell(name, row) for name in COLUMNS} for row in result["rows"])
    with whole(paths[2]) as new:
        _draw(result, new)
    return paths


def _cell(name, row):
    value = row.get(name)
    if isinstance(value, list):
        return "|".join(map(str, value))
    if name == "answer" and value is None:
        return "tie"
    return "" if value is None else value


def points(result):
    """The picture's lines: ``(label, estimate, low, high, is it the reference)``, best first except for pairs."""
    if result["kind"] == "abx":
        pairs = result["pairs"]
        return [(f"{p['a']} / {p['b']}", p["share"], p["low"], p["high"], False) for p in pairs if p["answers"]]
    name = "mean" if result["kind"] == "mos" else "strength"
    systems = sorted((s for s in result["systems"] if s["answers"]), key=lambda s: -s[name])
    return [(s["system"], s[name], s["low"], s["high"], s["system"] == result["reference"]) for s in systems]


def _draw(result, path):
    """A line a system (or pair): the estimate and its interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = points(result)
    figure = Figure((6.4, 1.3 + 0.42 * len(lines)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for y, (_, estimate, low, high, reference) in enumerate(lines):
        colour = _REFERENCE if reference else _INK
        axes.plot([low, high], [y, y], color=colour, lw=2.2, solid_capstyle="round")
        axes.plot([estimate], [y], "o", color=colour, ms=6.5)
        axes.annotate(f"{estimate:.2f}", (estimate, y), (0, 7), textcoords="offset points", fontsize=8, ha="center")
    labels = [f"{label} (reference)" if reference else label for label, *_, reference in lines]
    axes.set_yticks(range(len(lines)), labels, parse_math=False)
    axes.set_ylim(len(lines) - 0.5, -0.75)
    if result["kind"] != "ab":
        axes.set_xlim((0.9, 5.1) if result["kind"] == "mos" else (-0.02, 1.02))
    axes.axvline({"mos": 3, "ab": 0, "abx": 0.5}[result["kind"]], color="#c9cbcc", lw=1, zorder=0)
    axes.set_xlabel(_AXES[result["kind"]], fontsize=9)
    counts = f"{result['listeners']['kept']} listeners, {result['items']} items, {result['answers']} answers"
    axes.set_title(f"{result['title']}: {counts}, 95 % intervals", fontsize=9, loc="left", parse_math=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, labelsize=9)
    figure.savefig(path, format="png")
