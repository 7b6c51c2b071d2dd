"""A label for every sound, from its folder, its name or a table; and shares of classes."""

import csv
import unicodedata
from pathlib import Path

import numpy as np


def label_sounds(paths, labels):
    """Names the class of each path.

    Args:
        paths: relative paths with `/`.
        labels: None (no labels), `"folder"` (the first folder below the root), `"prefix"` (the file name before its
            first underscore) or the path of a CSV table with the columns `path,label`.

    Returns:
        `(numbers, names)`: a class number for each path, and the sorted class names (empty without labels).

    Raises:
        ValueError: an unknown rule, or sounds without a label.
        FileNotFoundError: no such table.
    """
    if labels is None:
        return [0] * len(paths), []
    if labels == "folder":
        found = [path.split("/")[0] if "/" in path else None for path in paths]
        remedy = "labels='folder' needs every sound in a sub-folder named after its class"
    elif labels == "prefix":
        found = [name.split("_")[0] or None if "_" in (name := p.rsplit("/")[-1]) else None for p in paths]
        remedy = "labels='prefix' needs file names such as seven_ab12.wav, where 'seven' is the class"
    elif str(labels).lower().endswith(".csv"):
        table = _read_table(Path(labels))
        found = [table.get(plain_path(path)) for path in paths]
        remedy = f"add a row for each of them to {labels} (path relative to the folder of sounds)"
    else:
        raise ValueError(f"labels must be None, 'folder', 'prefix' or the path of a .csv table; received {labels!r}")
    missing = [path for path, name in zip(paths, found, strict=True) if name is None]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(f"{len(missing)} sounds have no label: {', '.join(missing[:5])}{more}; {remedy}")
    names = sorted(set(found))
    number = {name: i for i, name in enumerate(names)}
    return [number[name] for name in found], names


def plain_path(path):
    """One spelling for paths that mean the same file (accents composed, forward slashes, no leading ./)."""
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/").removeprefix("./"))


def _read_table(path):
    rows = table_rows(path, ("path", "label"), "label table")
    return {plain_path(row["path"] or ""): row["label"].strip() for row in rows if (row["label"] or "").strip()}


def table_rows(path, wanted, what="table"):
    """The rows of a CSV table with the columns `wanted`, {column: text or None}; errors call it `what`.

    Raises:
        FileNotFoundError: no such table.
        ValueError: a column is missing.
    """
    path, names = Path(path), ",".join(wanted)
    if not path.is_file():
        raise FileNotFoundError(f"no {what} at {path}; labels= takes a CSV file with the columns {names}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        lacking = [name for name in wanted if name not in columns]
        if lacking:
            raise ValueError(f"{path} has no column {' and '.join(lacking)}; its columns are {columns}, wanted {names}")
        return list(rows)


def soft_labels(labels, names, n):
    """Shares of each class, for n sounds.

    Args:
        labels: one for all, or n of them: names, numbers of classes, or soft labels: float [classes] or [n, classes];
            or {name: weight} for all. Weights are taken as they are: those of a mixture add up to 1, others
            extrapolate.
        names: of the classes.
        n: how many sounds.

    Returns:
        float32 [n, classes].

    Raises:
        ValueError: a class that there is not, weights that are not finite or of another number of classes, or another
            number of labels.
    """
    if isinstance(labels, dict):
        rows = np.zeros((1, len(names)))
        for name, weight in labels.items():
            rows[0, _number(name, names)] += weight
    else:
        rows = _rows(np.asarray(labels), names)
    if not np.isfinite(rows).all():
        raise ValueError(f"weights of classes must be finite numbers. Received: {labels!r}")
    if len(rows) not in (1, n):
        raise ValueError(f"{n} sounds take one label for all, or {n} of them. Received: {len(rows)}")
    return np.repeat(rows, n // len(rows), axis=0).astype("float32")


def _rows(labels, names):
    classes = len(names)
    if labels.dtype.kind == "f" and labels.ndim in (1, 2) and labels.shape[-1] == classes:
        return np.atleast_2d(labels)
    if labels.dtype.kind in "iuU" and labels.ndim < 2 and labels.size:
        return np.eye(classes)[[_number(label, names) for label in np.atleast_1d(labels).tolist()]]
    raise ValueError(
        f"labels must be names or numbers of classes, [n] or one, or float [n, {classes}]. "
        f"Received: {labels.dtype}, shape {list(labels.shape)}"
    )


def _number(label, names):
    """The number of a class by its name, or by itself."""
    if label in names:
        return list(names).index(label)
    if isinstance(label, int) and 0 <= label < len(names):
        return label
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    raise ValueError(f"there is no class {label!r}. Classes: {shown}; or their numbers, 0 to {len(names) - 1}")
