"""A folder of labelled recordings becomes a judge: a trained classifier, its held-out accuracy, a preset."""

import datetime
import os
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tf_audio_gan import backend, durable, preset_folder
from tf_audio_gan.callbacks import Stop
from tf_audio_gan.confusion import accuracy_facts, confusion_matrix, confusion_picture
from tf_audio_gan.data.batches import Batches
from tf_audio_gan.data.labels import label_sounds
from tf_audio_gan.data.sounds import Sounds
from tf_audio_gan.models.classifier.classifier import REGISTERED, WEIGHTS, Classifier
from tf_audio_gan.models.classifier.presets import NETWORKS

_OPTIMIZERS = {"adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.01), "sgd": keras.optimizers.SGD}
_TRAIN = {"optimizer": "adamw", "learning_rate": 2e-3, "batch_size": 32, "epochs": 40}


@dataclass
class Judging:
    """How a call of `train_judge` ended.

    Attributes:
        judge: the trained `Classifier`, with the weights that were best on validation.
        folder: of its preset.
        results: what results.json holds.
        ended: "finished", "time is up" or "interrupted".
        skipped: [(file, reason)] of sounds that could not be used.
    """

    judge: Classifier
    folder: Path
    results: dict
    ended: str
    skipped: list


def train_judge(
    data, out, *, test=None, labels="folder", test_labels=None, group_by=None, validation=0.2, network="light",
    model=None, sample_rate=16000, length=16384, channels=1, crop="start", normalize="peak", epochs=None,
    batch_size=None, learning_rate=None, max_minutes=None, seed=0, progress=True,
):  # fmt: skip
    """Trains a classifier on labelled sounds and writes it as a preset with its measured accuracy.

    After each epoch the judge is tried on the part of `data` that it does not train on, and the best weights are kept.
    How good it is only `test` tells: sounds that neither training nor that choice has seen, by other speakers or
    instruments if the judge is to hear new ones. Ctrl-C ends training and goes on with the best weights so far.

    Args:
        data: a folder of labelled sounds, or of shards made by `prepare_sounds`.
        out: the preset's folder; made, or replaced if it holds a judge.
        test: a folder of held-out sounds.
        labels: `"folder"`, `"prefix"` or a CSV table with the columns `path,label`.
        test_labels: the same for `test`; None: as `labels`.
        group_by: what must not be divided between training and validation, e.g. a speaker: None (every sound by
            itself), `"folder"`, `"prefix"` or a CSV table with the columns `path,label`, the label being the group.
        validation: the least share of the sounds to validate on, of every class (without groups); 0: none, train on
            all for all epochs.
        network: a name in `NETWORKS`: "light" (words, drums; a CPU), "pitch" (labels are pitches) or "sc09".
        model: keywords of `Classifier` that replace the network's.
        sample_rate: Hz.
        length: samples that the judge hears.
        channels: audio channels.
        crop: `"start"`: the first `length` samples; `"random"`: any, another in each epoch.
        normalize: per file: `"peak"`, `"rms"` or `"none"`.
        epochs: passes over the sounds; None: the network's.
        batch_size: sounds a step; None: the network's.
        learning_rate: of the optimizer, falling to 0 along a cosine for AdamW; None: the network's.
        max_minutes: stop training after so long.
        seed: of weights, split, order, augmentation.
        progress: say what happens, with Keras' bar.

    Returns:
        `Judging`.

    Raises:
        ValueError: fewer than two classes, sounds without a label, test labels that are not in `data`, nothing to
            validate on, an unknown network or keyword, or `out` holds something else.
        FileNotFoundError: no such folder or table.
    """
    arguments = {k: str(v) if isinstance(v, Path) else v for k, v in locals().items()}
    backend.require_training()
    out, options = Path(out), _options(network, epochs, batch_size, learning_rate)
    _check_out(out)
    shape = {"sample_rate": sample_rate, "length": length, "channels": channels}
    how = {"crop": crop, "normalize": normalize, "weighting": "file", "seed": seed, "progress": progress and None}
    sounds = Sounds(data, **shape, **how, labels=labels)
    held_out = None if test is None else Sounds(test, **shape, **how, labels=test_labels or labels)
    _check_labels(sounds, held_out, data)
    parts = split(sounds, group_by, validation, seed)
    judge = Classifier(**{**shape, **NETWORKS[network]["model"], **(model or {})}, labels=sounds.label_names, seed=seed)
    if progress:
        print(f"{sounds.summary()}\n{parts.words}\ntraining on {backend.device_name()}", flush=True)
    began = time.monotonic()
    best, ended = _fit(judge, sounds, parts, options, max_minutes, progress)
    results = {
        "labels": judge.labels,
        "test": None if held_out is None else accuracy(judge, held_out),
        "validation": accuracy(judge, sounds.subset(parts.validation)) if len(parts.validation) else None,
        "training": {"ended": ended, "epochs": best.epochs, "best_epoch": best.epoch, "steps": best.steps, **options},
        "validation_groups": parts.groups,
        "minutes": round((time.monotonic() - began) / 60, 2),
        "hardware": f"{backend.device_name()}, {os.cpu_count()} CPU cores",
        "arguments": arguments,
    }
    _publish(judge, sounds, held_out, results, out)
    return Judging(judge, out, results, ended, sounds.skipped + (held_out.skipped if held_out else []))


def accuracy(judge, sounds):
    """How often a judge is right on labelled sounds: `confusion.accuracy_facts`.

    Args:
        judge: `Classifier`.
        sounds: `Sounds` with weighting="file", of the judge's sample rate and length, its labels among the judge's.
    """
    number = np.array([judge.labels.index(name) for name in sounds.label_names])
    truth, guess = [], []
    for audio, labels in _once(sounds, 64):
        truth.append(number[labels])
        guess.append(judge.probabilities(audio).argmax(axis=1))
    matrix = confusion_matrix(np.concatenate(truth), np.concatenate(guess), len(judge.labels))
    return accuracy_facts(matrix, judge.labels)


def _once(sounds, batch_size):
    """Every sound once, in batches of at most batch_size."""
    n, size = len(sounds), min(batch_size, len(sounds))
    for k in range(-(-n // size)):
        yield sounds.batch(k, size, np.arange(min(size, n - k * size)))


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
        group_by: see `train_judge`.
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
        held, groups = _hold_groups(labels, *label_sounds(paths, group_by), share, seed)
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


class _Best(keras.callbacks.Callback):
    """Keeps the weights with the best validation accuracy, the later of equals; without validation the newest."""

    def __init__(self, sounds, progress):
        super().__init__()
        self.sounds, self.progress = sounds, progress
        self.epochs, self.epoch, self.steps, self.score, self.weights = 0, None, 0, -1.0, None

    def on_epoch_end(self, epoch, logs=None):
        score = accuracy(self.model, self.sounds)["accuracy"] if self.sounds else 0.0
        logs["val_accuracy"] = score
        self.epochs, self.steps = epoch + 1, backend.whole(self.model.optimizer.iterations)
        if self.sounds and self.progress:
            print(f"validation accuracy {score:.4f}{' (best)' if score >= self.score else ''}", flush=True)
        if score >= self.score:
            self.epoch, self.score, self.weights = epoch + 1, score, self.model.get_weights()


def _fit(judge, sounds, parts, options, max_minutes, progress):
    """Trains; leaves the best weights in the judge. Returns (_Best, how it ended)."""
    steps = -(-len(parts.training) // options["batch_size"])
    total = steps * options["epochs"]
    rate = options["learning_rate"]
    if options["optimizer"] == "adamw":
        rate = keras.optimizers.schedules.CosineDecay(rate, total)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    judge.compile(_OPTIMIZERS[options["optimizer"]](rate), loss, metrics=["accuracy"])
    best = _Best(sounds.subset(parts.validation) if len(parts.validation) else None, progress)
    stop = Stop(total, max_minutes)
    batches = Batches(sounds.subset(parts.training), options["batch_size"], labels=True)
    try:
        judge.fit(
            batches, epochs=options["epochs"], steps_per_epoch=steps, callbacks=[stop, best], shuffle=False,
            verbose="auto" if progress else 0,
        )  # fmt: skip
    except KeyboardInterrupt:
        if best.weights is None:
            raise
        stop.ask("interrupted")
    judge.set_weights(best.weights)
    return best, stop.reason or "finished"


def _options(network, epochs, batch_size, learning_rate):
    if network not in NETWORKS:
        raise ValueError(f"there is no network {network!r} for judges. Networks: {', '.join(NETWORKS)}")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    for name, value in given.items():
        if value is not None and (not value > 0 or name != "learning_rate" and not isinstance(value, int)):
            raise ValueError(f"{name} must be a number above 0, whole but for the rate. Received: {name}={value!r}")
    return {**_TRAIN, **NETWORKS[network]["train"], **{k: v for k, v in given.items() if v is not None}}


def _check_out(out):
    if not out.exists() or out.is_dir() and not any(out.iterdir()):
        return
    kind = None
    if (out / preset_folder.CONFIG).is_file():
        kind = preset_folder.read_config(out / preset_folder.CONFIG).get("registered_name")
    if kind != REGISTERED:
        raise ValueError(f"{out} exists and holds no judge; it will not be overwritten. Choose another folder.")


def _check_labels(sounds, held_out, data):
    if len(sounds.label_names) < 2:
        raise ValueError(
            f"{data} has one class, {sounds.label_names[0]!r}; a judge tells at least two apart. "
            "With labels='folder' every class is a sub-folder."
        )
    if held_out is None:
        return
    if held_out.path.resolve() == sounds.path.resolve():
        raise ValueError(f"test is {data}, the folder that is trained on. Name held-out sounds, or leave test out.")
    new = sorted(set(held_out.label_names) - set(sounds.label_names))
    if new:
        raise ValueError(
            f"{held_out.path} has labels that {data} has no sound of: {', '.join(new[:10])}"
            f"{', ...' if len(new) > 10 else ''}. Those there are: {', '.join(sounds.label_names[:20])}"
            f"{', ...' if len(sounds.label_names) > 20 else ''}. Take them out of test, or add them to data."
        )


def _publish(judge, sounds, held_out, results, out):
    library, version = backend.version()
    metadata = {
        "steps": results["training"]["steps"],
        "data": {"clips": len(sounds), "seconds": round(sounds.seconds, 3), "fingerprint": sounds.fingerprint},
        "test": held_out and {"clips": len(held_out), "fingerprint": held_out.fingerprint},
        f"{library}_version": version,
    }
    which = "test" if results["test"] else "validation"
    facts = results[which]

    def write(folder):
        judge.write_preset(folder, metadata)
        results["weights_sha256"] = durable.sha256(folder / WEIGHTS)
        results["measured"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        preset_folder.write_json(folder / "results.json", results)
        if facts:
            title = f"{which}: {facts['right']} of {facts['n']} right, {100 * facts['accuracy']:.1f} %"
            confusion_picture(folder / "confusion.png", np.array(facts["confusion"]), judge.labels, title)

    preset_folder.replace(out, write)
