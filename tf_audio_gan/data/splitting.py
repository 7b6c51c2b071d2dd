"""Labelled sounds divided into those to train on and those to validate on."""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.data.labels import label_sounds


@dataclass
class Split:
    """Which sounds to train and to validate on (numbers), the groups validated on, and that in words."""

    training: np.ndarray
    validation: np.ndarray
    groups: list
    words: str


def split(sounds, group_by, share, seed):
    """Divides labelled sounds into those to train and those to validate on.

    Args:
        sounds: `Sounds`.
        group_by: what must not be divided: None (every sound by itself), `"folder"`, `"prefix"` or a CSV table with the
            columns `path,label`, the label being the group.
        share: the least share to validate on, in [0, 1).
        seed: of the choice.

    Returns:
        `Split`. Every class stays in training.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation must be a share in [0, 1). Received: validation={share!r}")
    labels = np.array([clip.label for clip in sounds.clips])
    paths = [clip.path for clip in sounds.clips]
    held, groups = np.zeros(len(labels), bool), []
    if share and group_by is not None:
        try:
            numbers, names = label_sounds(paths, group_by)
        except ValueError as error:
            raise ValueError(f"group_by={str(group_by)!r}: {error}") from None
        held, groups = _hold_groups(labels, numbers, names, share, seed)
    elif share:
        held = _hold_sounds(labels, share, seed)
    if share and not held.any():
        raise ValueError(
            f"too little to validate on: {len(labels)} sounds of {len(sounds.label_names)} classes"
            + (f" in groups by {group_by!r}, each the only one of a class" if group_by is not None else "")
            + ". Add sounds, choose another group_by, or train on all of them with validation=0."
        )
    words = f"training on {np.sum(~held)} sounds, validating on {held.sum()}"
    words += f" (all of {', '.join(groups)})" if groups else ""
    if share and group_by is None and (found := _recurring(paths, labels)):
        words += (
            f"\nnote: file names begin with the same {len(found)} names in several classes ({', '.join(found[:3])}"
            f"{', ...' if len(found) > 3 else ''}). If these are speakers, --group-by prefix validates on unheard ones"
        )
    return Split(np.flatnonzero(~held), np.flatnonzero(held), groups, words)


def _hold_sounds(labels, share, seed):
    held, random = np.zeros(len(labels), bool), np.random.default_rng(seed)
    for label in np.unique(labels):
        mine = random.permutation(np.flatnonzero(labels == label))
        held[mine[: min(len(mine) - 1, round(share * len(mine)))]] = True
    return held


def _hold_groups(labels, numbers, names, share, seed):
    numbers, held, groups = np.array(numbers), np.zeros(len(labels), bool), []
    for group in np.random.default_rng(seed).permutation(len(names)):
        with_it = held | (numbers == group)
        if held.mean() < share and set(labels[~with_it]) == set(labels):
            held, groups = with_it, [*groups, names[group]]
    return held, sorted(groups)


def _recurring(paths, labels):
    """File name prefixes found in at least two classes, if all names have one of a few: likely speakers or takes."""
    names = [path.rsplit("/")[-1] for path in paths]
    if not all("_" in name for name in names):
        return []
    classes = {}
    for name, label in zip(names, labels, strict=True):
        classes.setdefault(name.split("_")[0], set()).add(label)
    return sorted(classes) if len(classes) > 1 and min(len(c) for c in classes.values()) > 1 else []
