"""A folder of labelled recordings becomes a judge: a trained classifier, its held-out accuracy, a preset."""

import datetime
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tf_audio_gan import backend, durable, preset_folder
from tf_audio_gan.callbacks import Stop
from tf_audio_gan.data.batches import Batches
from tf_audio_gan.data.sounds import Sounds
from tf_audio_gan.data.splitting import split
from tf_audio_gan.data.tf_sounds import dataset
from tf_audio_gan.data.transposed import Transposed, pitch_numbers
from tf_audio_gan.metrics.confusion import accuracy_facts, confusion_picture
from tf_audio_gan.metrics.inception import confusion_matrix
from tf_audio_gan.models.classifier.classifier import REGISTERED, WEIGHTS, Classifier
from tf_audio_gan.models.classifier.presets import NETWORKS

_OPTIMIZERS = {"adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.01), "sgd": keras.optimizers.SGD}
_PLACES = ("data", "out", "test", "labels", "test_labels", "group_by")  # written down without where they lay
_EPOCH = 50  # steps, at least
_TRAIN = {"optimizer": "adamw", "learning_rate": 3e-3, "batch_size": 32, "epochs": 40, "transpose": 0}


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
    batch_size=None, learning_rate=None, transpose=None, max_minutes=None, seed=0, progress=True,
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
        epochs: passes over the sounds, each of 50 steps or more: few sounds are passed over several times; None: the
            network's.
        batch_size: sounds a step; None: the network's.
        learning_rate: of the optimizer, falling to 0 along a cosine for AdamW; None: the network's.
        transpose: semitones: the labels are pitches (whole numbers), each training sound is moved by up to so many and
            its label with it, and the judge knows every pitch from the lowest label to the highest; 0: none of this;
            None: the network's.
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
    arguments = {k: Path(v).name if k in _PLACES and v is not None else v for k, v in locals().items()}
    backend.require_training()
    out, options = Path(out), _options(network, epochs, batch_size, learning_rate, transpose)
    _check_out(out)
    shape = {"sample_rate": sample_rate, "length": length, "channels": channels}
    how = {
        "crop": crop,
        "normalize": normalize,
        "weighting": "file",
        "seed": seed,
        "progress": None if progress else False,
    }
    sounds = Sounds(data, **shape, **how, labels=labels)
    held_out = None if test is None else Sounds(test, **shape, **how, labels=test_labels or labels)
    names = _class_names(sounds, options["transpose"])
    _check_labels(sounds, held_out, names, data)
    parts = split(sounds, group_by, validation, seed)
    judge = Classifier(**{**shape, **NETWORKS[network]["model"], **(model or {})}, labels=names, seed=seed)
    if progress:
        print(f"{sounds.summary()}\n{parts.words}\ntraining on {backend.device_name()}", flush=True)
    began = time.monotonic()
    best, ended = _fit(judge, sounds, parts, options, max_minutes, progress)
    results = {
        "labels": judge.labels,
        "test": None if held_out is None else accuracy(judge, held_out),
        "validation": accuracy(judge, sounds.subset(parts.validation)) if len(parts.validation) else None,
        "training": {"ended": ended, "epochs": best.epochs, "best_epoch": best.epoch, "steps": best.steps},
        "options": options,
        "validation_groups": parts.groups,
        "minutes": round((time.monotonic() - began) / 60, 2),
        "hardware": f"{backend.device_name()}, {os.cpu_count()} CPU cores",
        "arguments": arguments,
    }
    _publish(judge, sounds, held_out, results, out)
    return Judging(judge, out, results, ended, sounds.skipped + (held_out.skipped if held_out else []))


def accuracy(judge, sounds):
    """How often a judge is right on labelled sounds: `metrics.confusion.accuracy_facts`.

    Args:
        judge: `Classifier`.
        sounds: `Sounds` with weighting="file", of the judge's sample rate and length, its labels among the judge's.
    """
    number = np.array([judge.labels.index(name) for name in sounds.label_names])
    truth, probabilities = [], []
    for audio, labels in _once(sounds, 64):
        truth.append(number[labels])
        probabilities.append(judge.probabilities(audio))
    matrix = confusion_matrix(np.concatenate(probabilities), np.concatenate(truth))
    return accuracy_facts(matrix, judge.labels)


def _once(sounds, batch_size):
    """Every sound once, in batches of at most batch_size."""
    n, size = len(sounds), min(batch_size, len(sounds))
    for k in range(-(-n // size)):
        yield sounds.batch(k, size, np.arange(min(size, n - k * size)))


class _Best(keras.callbacks.Callback):
    """Keeps the weights with the best validation accuracy, the later of equals; without validation the newest."""

    def __init__(self, sounds):
        super().__init__()
        self.sounds = sounds
        self.epochs, self.epoch, self.steps, self.score, self.weights = 0, None, 0, -1.0, None

    def on_epoch_end(self, epoch, logs=None):
        score = 0.0
        if self.sounds:
            score = logs["val_accuracy"] = accuracy(self.model, self.sounds)["accuracy"]
        self.epochs, self.steps = epoch + 1, backend.whole(self.model.optimizer.iterations)
        if score >= self.score:
            self.epoch, self.score, self.weights = epoch + 1, score, self.model.get_weights()


def _fit(judge, sounds, parts, options, max_minutes, progress):
    """Trains; leaves the best weights in the judge. Returns (_Best, how it ended)."""
    steps = max(_EPOCH, -(-len(parts.training) // options["batch_size"]))
    total = steps * options["epochs"]
    rate = options["learning_rate"]
    if options["optimizer"] == "adamw":
        rate = keras.optimizers.schedules.CosineDecay(rate, total)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    judge.compile(_OPTIMIZERS[options["optimizer"]](rate), loss, metrics=["accuracy"])
    best = _Best(sounds.subset(parts.validation) if len(parts.validation) else None)
    stop = Stop(total, max_minutes)
    batches = _batches(judge, sounds.subset(parts.training), options)
    try:
        judge.fit(
            batches, epochs=options["epochs"], steps_per_epoch=steps, callbacks=[stop, best], shuffle=False,
            verbose=(1 if sys.stdout.isatty() else 2) if progress else 0,
        )  # fmt: skip
    except KeyboardInterrupt:
        if best.weights is None:
            print("\ninterrupted in the first epoch: there is no judge to keep yet", flush=True)
            raise
        stop.ask("interrupted")
    judge.set_weights(best.weights)
    return best, stop.reason or "finished"


def _batches(judge, sounds, options):
    size, semitones = options["batch_size"], options["transpose"]
    if semitones:
        return Transposed(sounds, size, semitones, int(judge.labels[0]), int(judge.labels[-1]))
    if keras.backend.backend() == "tensorflow":  # Keras' own pipeline around `Batches` would be slow to end
        return dataset(sounds, size, labels=True)
    return Batches(sounds, size, labels=True)


def _options(network, epochs, batch_size, learning_rate, transpose):
    if network not in NETWORKS:
        raise ValueError(f"there is no network {network!r} for judges. Networks: {', '.join(NETWORKS)}")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    for name, value in given.items():
        if value is not None and (not value > 0 or name != "learning_rate" and not isinstance(value, int)):
            raise ValueError(f"{name} must be a number above 0, whole but for the rate. Received: {name}={value!r}")
    if transpose is not None and (not isinstance(transpose, int) or transpose < 0):
        raise ValueError(f"transpose must be a whole number of semitones from 0. Received: transpose={transpose!r}")
    given["transpose"] = transpose
    return {**_TRAIN, **NETWORKS[network]["train"], **{k: v for k, v in given.items() if v is not None}}


def _check_out(out):
    if not out.exists() or out.is_dir() and not any(out.iterdir()):
        return
    kind = None
    if (out / preset_folder.CONFIG).is_file():
        kind = preset_folder.read_config(out / preset_folder.CONFIG).get("registered_name")
    if kind != REGISTERED:
        raise ValueError(f"{out} exists and holds no judge; it will not be overwritten. Choose another folder.")


def _class_names(sounds, transpose):
    """The judge's labels: those of the sounds; every pitch from the lowest to the highest if they are transposed."""
    if not transpose:
        return sounds.label_names
    numbers = pitch_numbers(sounds.label_names)
    return [str(n) for n in range(numbers.min(), numbers.max() + 1)]


def _check_labels(sounds, held_out, names, data):
    if len(sounds.label_names) < 2:
        raise ValueError(
            f"{data} has one class, {sounds.label_names[0]!r}; a judge tells at least two apart. "
            "With labels='folder' every class is a sub-folder."
        )
    if held_out is None:
        return
    if held_out.path.resolve() == sounds.path.resolve():
        raise ValueError(f"test is {data}, the folder that is trained on. Name held-out sounds, or leave test out.")
    new = sorted(set(held_out.label_names) - set(names))
    if new:
        raise ValueError(
            f"{held_out.path} has labels that {data} has no sound of: {', '.join(new[:10])}"
            f"{', ...' if len(new) > 10 else ''}. Those there are: {', '.join(names[:20])}"
            f"{', ...' if len(names) > 20 else ''}. Take them out of test, or add them to data."
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
