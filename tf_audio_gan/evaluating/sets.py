"""Sets of sounds against one reference: which sounds, which metrics can be had, their values for every set."""

import numpy as np

from tf_audio_gan.data.scan import bar
from tf_audio_gan.evaluating import baselines, provenance, reading
from tf_audio_gan.metrics.sets import SET_METRICS, SoundSet
from tf_audio_gan.pictures import comparison_sheet

MOST = 1000  # sounds of a set, unless asked for more
MOST_TRAINING = 10_000
SHEET = 8  # clips of each kind in the picture
NEEDS = {  # what a metric needs: how a user gives it
    "judge": "--judge",
    "labels": "--judge, --labels and sounds made for labels",
    "training": "--train",
    "pitch": "labels that are MIDI numbers",
}
ROLES = {"real": "ceiling", "generated": "evaluated", "shaped noise": "floor", "noise": "floor", "silence": "floor"}


class Sets:
    """The real halves of an evaluation, then the generated sounds and the floors, each of n clips.

    Args:
        real: folder of recordings.
        form: see `reading.open_sounds`.
        n: sounds of each set, at most; None: `MOST`.
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

    def __init__(self, real, form, *, n=None, seed=0, labels=None, train=None, progress=None):
        if n is not None and n < 2:
            raise ValueError(f"n must be at least 2 sounds of each set. Received: n={n}")
        self.seed, self.form, self.notes, self.failed = seed, form, [], []
        sounds = reading.open_sounds(real, form, labels, progress)
        first, second = reading.halves(sounds, seed)
        self.n = min(n or MOST, len(first), len(second))
        if n and n > self.n:
            self.notes.append(f"{self.n} sounds of each set, not {n}: half of {real} has no more")
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

    def hear(self, judge, normalize):
        """Has a judge hear every set: its features, its probabilities, and labels in its own numbers.

        Args:
            judge: a `Classifier`.
            normalize: "peak" if the judge was trained on sounds of peak 1, else "none".

        Raises:
            ValueError: a label that the judge does not know.
        """
        numbers = self._judges_numbers(judge)
        for clips in [self.reference, *self.rows.values(), *([self.training] if self.training else [])]:
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

    def have(self):
        """Which needs of metrics are met."""
        labelled = self.rows["generated"].labels is not None
        judged = self.rows["generated"].probabilities is not None
        pitched = labelled and all(name.isdigit() for name in self.label_names)
        met = {"judge": judged, "labels": labelled and judged, "training": self.training is not None, "pitch": pitched}
        return {"audio"} | {need for need, there in met.items() if there}

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


def split_by_needs(metrics, have):
    """Splits metrics by whether what they need is there.

    Args:
        metrics: each with `name` and `needs`.
        have: names among "audio", "judge", "labels", "training", "pitch".

    Returns:
        `(usable metrics, [a line for each kind of need that is lacking])`.
    """
    usable, lacking = [], {}
    for metric in metrics:
        missing = [need for need in needs_of(metric) if need not in have]
        if missing:
            lacking.setdefault(missing[0], []).append(metric.name)
        else:
            usable.append(metric)
    return usable, [f"left out without {NEEDS[need]}: {', '.join(names)}" for need, names in lacking.items()]


def needs_of(metric):
    """The needs of a metric as a tuple."""
    return (metric.needs,) if isinstance(metric.needs, str) else tuple(metric.needs)


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
        for column, measured in metric.function(sets.reference, sets.rows[row], seed=sets.seed).items():
            rows[row][column] = measured
            columns[column] = {"metric": metric.name, "unit": metric.unit, "better": metric.better}
            if getattr(measured, "per_clip", None) is not None:
                for line, value in zip(files[row], measured.per_clip, strict=True):
                    line[column] = float(value)
    return rows, columns, [line for lines in files.values() for line in lines]
