"""The results of an evaluation, and the files they are written to."""

import contextlib
import csv
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from tf_audio_gan import durable

FORMAT = 1
RESULTS, PER_FILE, PICTURE = "results.json", "per_file.csv", "picture.png"


@dataclass
class Evaluation:
    """What was measured, on what, and how to measure it again.

    Attributes:
        name: what was evaluated.
        task: "generation", "vocoding" or "enhancement".
        rows: {set or row: {column: `metrics.sets.Measured`}}, the ceiling first, the floors last.
        roles: {row: "ceiling", "evaluated" or "floor"}.
        columns: {column: {"metric", "unit", "better": "higher", "lower" or None}}.
        sets: {name of a set: {"n", "what"}}: which sounds were compared with which.
        settings: everything that decides the numbers, as keywords.
        facts: versions, hashes, hardware, the command, seconds.
        left_out: lines on metrics that could not be measured here, and what they need.
        notes: lines on what was measured: sets that were cut, values that are undefined or biased.
        failed: [(set, file, reason)].
        per_file: dicts with set, file and a value for each column that has one a file.
        picture: (path) -> None, draws the picture; not stored.
    """

    name: str
    task: str
    rows: dict
    roles: dict
    columns: dict
    sets: dict
    settings: dict
    facts: dict
    left_out: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    per_file: list = field(default_factory=list)
    picture: object = None
    out: Path | None = None

    def as_dict(self):
        """Everything but the per-file values, as JSON holds it: numbers that are not finite become null."""
        failed = [{"set": where, "file": file, "reason": reason} for where, file, reason in self.failed]
        rows = {row: {c: _plain(m) for c, m in values.items()} for row, values in self.rows.items()}
        return {
            "format": FORMAT, "name": self.name, "task": self.task, "settings": self.settings, **self.facts,
            "sets": self.sets, "roles": self.roles, "columns": self.columns, "rows": rows,
            "left_out": self.left_out, "notes": self.notes, "n_failed": len(failed), "failed": failed,
        }  # fmt: skip

    def write(self, out):
        """Writes results.json, per_file.csv and picture.png; interrupted, it leaves the folder as it was.

        Args:
            out: a folder, made where missing; see `check_out`.
        """
        out = check_out(out)
        with durable.writing(out):
            out.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as together:  # the files take their places when all of them are written
                if self.picture:
                    self.picture(together.enter_context(durable.whole(out / PICTURE)))
                with open(
                    together.enter_context(durable.whole(out / PER_FILE)), "w", newline="", encoding="utf-8"
                ) as file:
                    _write_table(file, self.per_file)
                new = together.enter_context(durable.whole(out / RESULTS))
                new.write_text(as_json(self.as_dict()), encoding="utf-8")
        self.out = out


def as_json(content):
    """JSON text, indented by one space, in UTF-8, as results.json holds it."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(measured):
    """A `Measured` as JSON: value, low, high (null where unknown or not finite), n, and a note where there is one."""
    numbers = {name: number(getattr(measured, name)) for name in ("value", "low", "high")}
    return numbers | {"n": int(measured.n)} | ({"note": measured.note} if measured.note else {})


def number(value):
    """A float of at most 8 significant digits; None for None, NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.8g}")


def _write_table(file, rows):
    """CSV with the union of the rows' keys as columns; an empty cell where a value is undefined."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.writer(file)
    table.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        table.writerow(["" if isinstance(c, float) and number(c) is None else c for c in cells])


def check_out(out):
    """The folder as a path, if an evaluation may write there.

    Raises:
        ValueError: it is a file, or holds files of an evaluation's names that no evaluation wrote.
    """
    out = Path(out).expanduser()
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; the results need a folder. Choose another --out")
    theirs = [name for name in (RESULTS, PER_FILE, PICTURE) if (out / name).exists()]
    if theirs and not _ours(out / RESULTS):
        raise ValueError(f"{out / theirs[0]} is not of an evaluation; it will not be overwritten. Choose another --out")
    return out


def _ours(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["format"] == FORMAT and "rows" in content and "settings" in content
    except (OSError, ValueError, KeyError, TypeError):
        return False
