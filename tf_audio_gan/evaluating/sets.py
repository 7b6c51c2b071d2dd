"""Sets of sounds against one reference: which sounds, which metrics can be had, their values for every set."""

import sys

import numpy as np

from tf_audio_gan.data.scan import bar
from tf_audio_gan.evaluating import baselines, copies, provenance, reading
from tf_audio_gan.metrics.confusion import accuracy_facts
from tf_audio_gan.metrics.inception import confusion_matrix
from tf_audio_gan.metrics.sets import SoundSet, missing_input
from tf_audio_gan.pictures import comparison_sheet

MOST = 1000  # sounds of a set, unless asked for more
MOST_TRAINING = 5_000
SHEET = 8  # clips of each kind in the picture
WAYS = {  # how a user gives what a metric needs
    "judge": "--judge",
    "labels": "--judge, --labels and sounds made for labels",
    "training": "--train",
    "pitch": "--labels that are MIDI numbers, and sounds made for them",
}
AGAINST_TRAINING = ("d_train", "abs_d_train", copies.NAME)  # training data or nothing
CELLS_OF_TRAINING = ("ndb", "ndb_share", "js")  # cells of the training data, where there are any
ROLES = {"real": "ceiling", "generated": "evaluated", "shaped noise": "floor", "noise": "floor", "silence": "floor"}


class Sets:
    """The real halves of an evaluation, then the generated sounds and the floors, each of n clips.

    Args:
        real: folder of recordings.
        form: see `reading.open_sounds`.
        n: sounds of each set; None: at most `MOST`.
        most: generated sounds that there are.
        seed: of the halves and the noise.
        labels: of the recordings, see `Sounds`.
        train: folder of the training data, or None.
        progress: show bars; None = on a terminal.

    Attributes:
        n: clips of a set.
        rows: {row: `SoundSet`}, without the generated ones until they are added.
        reference: the `SoundSet` that every row is compared with.
        training: a `SoundSet`, or None.
        label_names: what the labels' numbers mean.
        about: {set: {"n", "what"}}.
        notes: lines for people.
        failed: [(set, file, reason)].
    """

    def __init__(self, real, form, *, n=None, seed=0, labels=None, train=None, most=sys.maxsize, progress=None):
        if n is not None and n < 2:
            raise ValueError(f"n must be at least 2 sounds of each set. Received: n={n}")
        self.seed, self.form, self.notes, self.failed = seed, form, [], []
        sounds = reading.open_sounds(real, form, labels, progress)
        first, second = reading.halves(sounds, seed)
        self.n = min(n or MOST, most, len(first), len(second))
        if n and n > self.n:
            fewest = f"half of {sounds.path.name} is {len(first)}" if self.n < most else f"{most} were generated"
            self.notes.append(f"{self.n} sounds of each set, not {n}: {fewest}")
        self.reference = reading.read(sounds, first[: self.n])
        self.rows = {"real": reading.read(sounds, second[: self.n])}
        self.label_names = list(sounds.label_names)
        self.reference_hash = provenance.reference_list(sounds, first[: self.n])
        self.failed += [("real", *why) for why in sounds.skipped]
        self.about = {
            "reference": {"n": len(self.reference.names), "what": f"half of the recordings in {sounds.path.name}"},
            "real": {"n": len(self.rows["real"].names), "what": "the other half, no file in both"},
        }
        self.training = self._read_training(train, progress) if train is not None else None

    def _read_training(self, folder, progress):
        sounds = reading.open_sounds(folder, self.form, None, progress)
        wanted = reading.chosen(sounds, MOST_TRAINING, self.seed)
        self.failed += [("training", *why) for why in sounds.skipped]
        what = f"the training data in {sounds.path.name}"
        if len(sounds) > MOST_TRAINING:
            what = f"{MOST_TRAINING} drawn from {what}"
        self.about["training"] = {"n": len(wanted), "what": what}
        return reading.read(sounds, wanted)

    def add(self, clips, what, label_names=()):
        """Adds the generated sounds, then the floors, made after the ceiling's sounds.

        Args:
            clips: `SoundSet`.
            what: how they came about, in words.
            label_names: what the numbers of its labels mean.
        """
        if clips.labels is not None:
            self.label_names += [name for name in label_names if name not in self.label_names]
            clips.labels = np.array([self.label_names.index(name) for name in label_names])[clips.labels]
        real, rng = self.rows["real"], np.random.default_rng([self.seed, 1])
        if len(clips.names) < self.n:
            self.notes.append(f"only {len(clips.names)} generated sounds; the other sets have {self.n}")
        floors = {
            "shaped noise": baselines.shaped_noise(real.audio, real.sample_rate, rng),
            "noise": baselines.steady_noise(real.audio, rng),
            "silence": np.zeros_like(real.audio),
        }
        words = {
            "shaped noise": "white noise with the level and decay of the ceiling's sounds",
            "noise": "white noise with their levels",
            "silence": "digital silence",
        }
        self.rows["generated"], self.about["generated"] = clips, {"n": len(clips.names), "what": what}
        for row, audio in floors.items():
            self.rows[row] = SoundSet(audio, real.sample_rate, names=real.names, labels=real.labels)
            self.about[row] = {"n": len(audio), "what": words[row]}
        if self.label_names and all(name.isdigit() for name in self.label_names):
            pitches = np.array([float(name) for name in self.label_names])
            for found in self.rows.values():
                found.pitches = None if found.labels is None else pitches[found.labels]

    def hear(self, judge, normalize):
        """Has a judge hear every set: its features, its probabilities, and labels in its own numbers.

        Args:
            judge: a `Classifier`.
            normalize: "peak" if the judge was trained on sounds of peak 1, else "none".

        Raises:
            ValueError: a label that the judge does not know.
        """
        numbers = self._judges_numbers(judge)
        for clips in [self.reference, *self.rows.values()]:
            audio = reading.for_judge(clips.audio, clips.sample_rate, judge, normalize)
            clips.judge_features, clips.probabilities = judge.features(audio), judge.probabilities(audio)
            if clips.labels is not None:
                clips.labels = numbers[clips.labels]

    def _judges_numbers(self, judge):
        unknown = [name for name in self.label_names if name not in judge.labels]
        if unknown:
            raise ValueError(
                f"the judge does not know the label {', '.join(unknown[:5])}; its labels: {', '.join(judge.labels)}"
            )
        return np.array([judge.labels.index(name) for name in self.label_names], int)

    def against(self, metric):
        """The set that a metric compares with: the reference, or the training data."""
        of_training = metric.name in AGAINST_TRAINING + CELLS_OF_TRAINING
        return self.training if of_training and self.training is not None else self.reference

    def lacks(self, metric):
        """What a metric needs and is not there, a key of `WAYS`; None if it can be measured."""
        if metric.name in AGAINST_TRAINING and self.training is None:
            return "training"
        return metric.needs if missing_input(metric, self.against(metric), self.rows["generated"]) else None

    def draw(self, path):
        """The picture: real clips beside generated ones."""
        comparison_sheet(
            path, self.rows["real"].audio[:SHEET], self.rows["generated"].audio[:SHEET], self.reference.sample_rate
        )


def choose(registry, names):
    """Metrics by name, in the registry's order; all of them without names.

    Args:
        registry: {name: metric}.
        names: None, or a list of names.

    Raises:
        ValueError: an unknown name; those there are.
    """
    unknown = [name for name in names or () if name not in registry]
    if unknown:
        raise ValueError(f"there is no metric {', '.join(unknown)}. Metrics: {', '.join(registry)}")
    return [metric for name, metric in registry.items() if not names or name in names]


def measurable(sets, metrics):
    """Splits metrics by whether what they need is there.

    Returns:
        `(metrics that can be measured, [a line for each kind of thing that is lacking])`.
    """
    lacking = {}
    for metric in metrics:
        lacking.setdefault(sets.lacks(metric), []).append(metric)
    lines = [
        f"left out without {WAYS[need]}: {', '.join(m.name for m in found)}" for need, found in lacking.items() if need
    ]
    return lacking.get(None, []), lines


def measure(sets, metrics, progress=None):
    """Measures every set.

    Args:
        sets: `Sets`, complete.
        metrics: `SetMetric`s whose needs are met.
        progress: show a bar; None = on a terminal.

    Returns:
        `(rows, columns, per_file)` of an `Evaluation`.
    """
    order = [row for row in ROLES if row in sets.rows]
    rows, columns = {row: {} for row in order}, {}
    files = {row: [{"set": row, "file": name} for name in sets.rows[row].names] for row in order}
    jobs = [(metric, row) for metric in metrics for row in order]
    for metric, row in bar(jobs, len(jobs), "Measuring", progress):
        if missing_input(metric, sets.against(metric), sets.rows[row]):
            continue  # of the floors, which nobody asked for a label
        for column, measured in metric.function(sets.against(metric), sets.rows[row], seed=sets.seed).items():
            rows[row][column] = measured
            columns[column] = {"metric": metric.name, "unit": metric.unit, "better": metric.better}
            if getattr(measured, "per_clip", None) is not None:
                for line, value in zip(files[row], measured.per_clip, strict=True):
                    line[column] = float(value)
    if copies.NAME in columns:
        for row in order:
            nearest = copies.nearest_training(sets.training, sets.rows[row])[1]
            for line, number in zip(files[row], nearest, strict=True):
                line["nearest_training"] = sets.training.names[number]
    return rows, columns, [line for lines in files.values() for line in lines]


def by_class(sets, names):
    """What the judge hears of every class.

    Args:
        sets: `Sets` that a judge has heard.
        names: of the judge's classes.

    Returns:
        {row: `metrics.confusion.accuracy_facts`} of the recordings and of the generated sounds, where they have labels.
    """
    found = {row: sets.rows[row] for row in ("real", "generated") if sets.rows[row].labels is not None}
    matrices = {row: confusion_matrix(clips.probabilities, clips.labels) for row, clips in found.items()}
    return {row: accuracy_facts(matrix, names) for row, matrix in matrices.items()}


def line_of_classes(row, facts):
    """The share of each class that the judge heard as it was asked for, in a line for people."""
    counts = [f"{name} {c['right']}/{c['n']}" for name, c in facts["per_class"].items() if c["n"]]
    return f"accuracy of each class, {row}: {', '.join(counts)}"


def notes_on(values):
    """A line for each note of a row of `Measured`, with the columns that it is about."""
    found = {}
    for column, measured in values.items():
        if measured.note:
            found.setdefault(measured.note, []).append(column)
    return [f"{', '.join(columns)}: {note}" for note, columns in found.items()]
