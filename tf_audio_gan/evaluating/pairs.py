"""References and estimates, file by file: what is measured, between which ceiling and floor, and the picture."""

import math

import numpy as np

from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import folder_at
from tf_audio_gan.evaluating import pairing, provenance, results
from tf_audio_gan.evaluating.sets import choose
from tf_audio_gan.metrics.pairs import PAIR_METRICS, missing_extra
from tf_audio_gan.metrics.sets import Measured
from tf_audio_gan.metrics.statistics import bootstrap_interval
from tf_audio_gan.pictures import contact_sheet

SHEET, SHEET_SECONDS = 4, 4.0  # files in the picture, and how much of each


class Pairs:
    """Two folders of files with the same names, a task, and the metrics that can be had.

    Args:
        real: folder of the references.
        fake: folder of the estimates.
        task: "vocoding" or "enhancement".
        noisy: folder of the noisy files, or None.
        metrics: names, or None for all of the task.
        seed: of the floor.
        sample_rate: Hz, or None for the references' own.
        models: `LocalModels`.
        mel: see `pairing.Plan`.
        beside: {row: (folder of more estimates, its role, what it is)}.

    Raises:
        ValueError: an unknown task or metric, nothing matches, references of several rates.
    """

    def __init__(self, real, fake, task, noisy, metrics, seed, sample_rate, models, mel=None, beside=None):
        if task not in pairing.TASKS:
            raise ValueError(f"pairs must be one of {', '.join(pairing.TASKS)}. Received: {task!r}")
        if noisy is not None and task != "enhancement":
            raise ValueError("noisy files are the floor of enhancement; with vocoding it is Griffin-Lim")
        registry = {name: metric for name, metric in PAIR_METRICS.items() if task in metric.tasks}
        chosen = choose(registry, metrics)
        lacking = {metric.name: missing_extra(metric) for metric in chosen}
        self.metrics = [metric for metric in chosen if not lacking[metric.name]]
        self.left_out = [line for line in lacking.values() if line]
        if not self.metrics:
            raise ValueError(f"no metric can be measured: {'; '.join(self.left_out)}")
        self.matched = pairing.match(real, fake, noisy)
        rate = sample_rate or pairing.common_rate(self.matched)
        names = tuple(metric.name for metric in self.metrics)
        self.beside = beside or {}
        places = tuple((row, str(folder)) for row, (folder, *_) in self.beside.items())
        self.plan = pairing.Plan(task, names, rate, seed, noisy is not None, models, mel, places)
        self.folders = {"reference": folder_at(real), "estimate": folder_at(fake)}
        self.roles = {"reference": "ceiling", "estimate": "evaluated"}
        self.roles |= {row: role for row, (_, role, _) in self.beside.items()} | {self.plan.floor: "floor"}
        self.about = {}

    def measure(self, workers, progress=None):
        """Measures every pair.

        Args:
            workers: processes.
            progress: show a bar; None = on a terminal.

        Returns:
            `(rows, columns, per_file, failed, notes)` of an `Evaluation`.

        Raises:
            ValueError: every file failed.
        """
        done = pairing.measure(self.plan, self.matched, workers)
        done = sorted(bar(done, len(self.matched.names), "Measuring", progress), key=lambda item: item[0])
        good = [(name, found) for name, found in done if not isinstance(found, str)]
        failed = [("pairs", name, found) for name, found in done if isinstance(found, str)]
        if not good:
            raise ValueError(
                f"none of the {len(failed)} pairs could be measured, the first {failed[0][1]}: {failed[0][2]}"
            )
        failed += [(role, name, "has no partner of its name") for role, name in self.matched.unmatched]
        self._say_sets(len(good))
        per_file = [{"set": row, "file": name, **found[row]} for row in self.roles for name, found in good]
        rows = {row: self._means([found[row] for _, found in good]) for row in self.roles}
        return rows, self._columns(), per_file, failed, self._undefined(rows)

    def _columns(self):
        found = {c: (m.name, *about) for m in self.metrics for c, about in m.columns.items()}
        found |= {c: ("opinion", *about) for c, about in self.plan.models.columns().items()}
        return {c: {"metric": name, "unit": unit, "better": better} for c, (name, unit, better) in found.items()}

    def _means(self, values):
        names = dict.fromkeys(column for row in values for column in row)
        return {c: mean([row.get(c, math.nan) for row in values], self.plan.seed) for c in names}

    def _undefined(self, rows):
        """A line for each column that some file has no value of."""
        return [
            f"{column} of {row}: {measured.note}"
            for row, found in rows.items()
            for column, measured in found.items()
            if measured.note and self.roles[row] != "ceiling"
        ]

    def _say_sets(self, n):
        words = {
            "reference": f"{self.folders['reference'].name} against itself, which says what no estimate can pass",
            "estimate": f"{self.folders['estimate'].name} against the reference of the same name",
            **{row: what for row, (*_, what) in self.beside.items()},
            self.plan.floor: self.plan.floor_in_words(),
        }
        self.about = {row: {"n": n, "what": what} for row, what in words.items()}

    def hashes(self):
        """SHA-256 of the references, the estimates and the noisy files where there are: names and contents."""
        files, roles = self.matched.files, (*self.folders, *["noisy"] * self.plan.noisy)
        return {role: provenance.files({n: paths[i] for n, paths in files.items()}) for i, role in enumerate(roles)}

    def draw(self, path):
        """The picture: each row of the first files (of some all over, with more estimates), their first seconds."""
        rate, clips, titles = self.plan.sample_rate, [], []
        apart = max(1, len(self.matched.names) // SHEET) if self.beside else 1
        for name in self.matched.names[apart // 2 :: apart]:
            try:
                audio = pairing.signals(self.plan, *self.matched.files[name], name)
            except (ValueError, OSError):
                continue
            clips += [clip[: int(SHEET_SECONDS * rate)] for clip in audio.values()]
            called = name if self.beside else name.rsplit("/", 1)[-1]
            titles += [f"{row} {called}" for row in audio]
            if len(clips) == len(self.roles) * SHEET:
                break
        contact_sheet(path, clips, rate, titles=titles, columns=len(self.roles))


def evaluate_pairs(
    real, fake, task, *, noisy=None, metrics, seed, sample_rate, models, workers=2, progress, begun, mel=None,
    beside=None,
):  # fmt: skip
    """Pairs measured: an `Evaluation`. See `Pairs` and `evaluation.compare`."""
    pairs = Pairs(real, fake, task, noisy, metrics, seed, sample_rate, models, mel, beside)
    rows, columns, per_file, failed, notes = pairs.measure(workers, progress)
    name = provenance.name
    settings = {"real": name(real), "fake": name(fake), "pairs": task, "noisy": name(noisy), "metrics": metrics}
    settings |= {"seed": seed, "sample_rate": pairs.plan.sample_rate}
    settings = {key: value for key, value in settings.items() if value is not None}
    facts = {"command": provenance.command("compare", settings)}
    facts |= provenance.facts(pairs.hashes() | models.hashes(), begun)
    return results.Evaluation(
        name(fake), task, rows, pairs.roles, columns, pairs.about, settings, facts,
        left_out=pairs.left_out, notes=notes, failed=failed, per_file=per_file, picture=pairs.draw,
    )  # fmt: skip


def mean(values, seed=0):
    """The mean of the finite values with its bootstrap interval over files, as `Measured`."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    lacking = len(values) - len(finite)
    note = f"undefined for {lacking} of {len(values)} files" if lacking else ""
    if not len(finite):
        return Measured(math.nan, None, None, 0, note)
    found = bootstrap_interval(finite, seed=seed)
    return Measured(found.value, found.low, found.high, len(finite), note)
