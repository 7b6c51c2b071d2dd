"""How good are the sounds? A preset against recordings, a folder against another, pairs of files.

Every number stands between a ceiling (what real sounds score) and floors (what a model must beat), measured on as many
sounds, against the same reference, with a confidence interval. docs/evaluation.md says how to read them.
"""

import json
import time

import numpy as np

from tf_audio_gan import hub, pair_evaluation
from tf_audio_gan.evaluating import copies, provenance, reading, results
from tf_audio_gan.evaluating.local_models import LocalModels
from tf_audio_gan.evaluating.pairs import evaluate_pairs
from tf_audio_gan.evaluating.sets import (
    ROLES,
    Sets,
    by_class,
    choose,
    line_of_classes,
    measurable,
    measure,
    notes_on,
)
from tf_audio_gan.metrics.sets import SET_METRICS, SoundSet
from tf_audio_gan.models.classifier.classifier import load_judge
from tf_audio_gan.models.gan import AudioGAN, from_preset


def evaluate(
    preset, data, *, train=None, metrics=None, n=None, seed=0, batch_size=64, labels=None, judge=None, crop=None,
    normalize=None, noise=None, noisy=None, snr=None, also=None, blend=None, fad=None, fad_rate=None,
    dnsmos=None, utmos=None, out=None, progress=None,
):  # fmt: skip
    """Measures how far a preset's sounds are from recordings, between a ceiling and floors.

    Of a vocoder the recordings are the references: each is analysed, synthesised and compared with itself; the floor is
    Griffin-Lim on the same mels, the ceiling the recording. Of a model of enhancement they are clean speech, which is
    mixed with noise at several ratios and enhanced; floors are the noisy speech and a Wiener filter of it. What follows
    is about presets that generate.

    The recordings are halved by file: one half is the reference of every row, the other the ceiling. The preset's
    sounds, noise shaped like the real sounds, noise of their levels, and silence follow, each as many as the ceiling.
    Recordings are read at the preset's sample rate, length and channels, cropped and normalised as its training did.

    Args:
        preset: a preset's folder, its name in the zoo, or an `AudioGAN`.
        data: a folder of recordings that the model was not trained on.
        train: the folder it was trained on: for memorisation and the cells of NDB.
        metrics: names of metrics; None: all that can be had.
        n: sounds of each set; None: as many as half of the recordings, at most 1000.
        seed: of the halves and the noise; generated sounds are those of seed, seed + 1, ...
        batch_size: sounds generated at a time.
        labels: of the recordings: "folder", "prefix" or a CSV table with the columns path,label.
        judge: a classifier's preset (see `load_judge`), for metrics on its features and probabilities.
        crop: "start" or "random" (windows spread over each file) instead of the preset's.
        normalize: "none", "peak" or "rms" instead of the preset's; of the recordings.
        noise: enhancement: a folder of noise that the model was not trained on.
        noisy: enhancement, instead of noise: the recordings in noise, files of the same names.
        snr: enhancement: ratios in dB at which noise is mixed in (`evaluating.mixtures`); None: -5, 0, 5, 10, 15.
        also: enhancement: handles of other presets that are measured on the same mixtures.
        blend: enhancement: share of the noisy speech that every model's output keeps, 0 to 1; None: 0.
        fad: a local embedding model, for the Frechet audio distance.
        fad_rate: its sample rate in Hz.
        dnsmos: a local DNSMOS model.
        utmos: a local UTMOS model.
        out: a folder for results.json, per_file.csv and picture.png; None: nothing is written.
        progress: show bars on standard error; None = on a terminal.

    Returns:
        `evaluating.results.Evaluation`.

    Raises:
        FileNotFoundError: no such preset or folder.
        ValueError: too few recordings, an unknown metric, no metric that can be had, a judge without the labels given.
    """
    begun = time.monotonic()
    if out is not None:
        results.check_out(out)
    model, folder = (preset, None) if isinstance(preset, AudioGAN) else (from_preset(preset), hub.resolve(preset))
    models = LocalModels(fad, fad_rate, dnsmos, utmos)
    of_noise = {"noise": noise, "noisy": noisy, "snr": snr, "also": also, "blend": blend}
    if model.task != "generation":
        of_sets = {"train": train, "n": n, "labels": labels, "judge": judge, "crop": crop, "normalize": normalize}
        _refuse(of_sets | {"fad": fad}, f"for sets of sounds; leave them out when evaluating a model for {model.task}")
        shared = {"metrics": metrics, "seed": seed, "models": models, "progress": progress, "begun": begun}
        if model.task == "enhancement":
            result = pair_evaluation.enhancer(model, folder, data, **of_noise, **shared)
        else:
            _refuse(of_noise, "for models of enhancement")
            result = pair_evaluation.vocoder(model, folder, data, **shared)
        if out is not None:
            result.write(out)
        return result
    _refuse(of_noise, "for models of enhancement")
    form = _form(model, folder, crop, normalize)
    choose(_registry(), metrics)
    sets = Sets(data, form, n=n, seed=seed, labels=labels, train=train, progress=progress)
    sets.add(*_generated(model, sets, batch_size))
    name = model.name if folder is None else folder.resolve().name
    settings = {"preset": name, "data": provenance.name(data), "train": provenance.name(train)}
    settings |= {"n": sets.n, "seed": seed, "labels": provenance.rule(labels), "metrics": metrics}
    settings |= {"crop": form["crop"], "normalize": form["normalize"]}
    hashes = {} if folder is None else {"weights": provenance.weights(folder)}
    result = _of_sets("evaluate", name, sets, metrics, settings, judge, models, progress, hashes, begun)
    if out is not None:
        result.write(out)
    return result


def compare(
    real, fake, *, pairs=None, noisy=None, train=None, metrics=None, n=None, seed=0, sample_rate=None, length=None,
    crop=None, normalize=None, labels=None, judge=None, workers=2, fad=None, fad_rate=None, dnsmos=None, utmos=None,
    out=None, progress=None,
):  # fmt: skip
    """Compares two folders of sounds: as sets, or file by file.

    As sets it is `evaluate` with a folder instead of a preset. As pairs, files are matched by their path below the
    folder without extension, cut to the shorter where they differ by at most one analysis window (46 ms at 22.05 kHz),
    and every estimate is measured against its reference; the ceiling is the reference itself, the floor Griffin-Lim
    from its mel spectrogram (vocoding), or the noisy file (enhancement; white noise at 0 dB where none is given).
    Pairs are measured in processes that are spawned: in a script, call this under `if __name__ == "__main__":`.

    Args:
        real: folder of recordings (the references).
        fake: folder of generated sounds (the estimates).
        pairs: None, "vocoding" or "enhancement".
        noisy: folder of the noisy files, for enhancement.
        train: see `evaluate`; sets only, as n, length, crop, normalize, labels, judge and fad are.
        metrics: names of metrics; None: all that can be had.
        n: sounds of each set; None: as many as there are, at most 1000.
        seed: of the halves and the floors.
        sample_rate: Hz; None: 16000 for sets, the references' own for pairs.
        length: samples of a clip, cut or zero-padded; None: 16384.
        crop: "start" (default) or "random".
        normalize: "none" (default), "peak" or "rms"; of both folders.
        labels: "folder", "prefix" or a CSV table, of both folders.
        judge: a classifier's preset.
        workers: processes that measure pairs.
        fad: see `evaluate`.
        fad_rate: see `evaluate`.
        dnsmos: see `evaluate`.
        utmos: see `evaluate`.
        out: a folder for the results; None: nothing is written.
        progress: show bars on standard error; None = on a terminal.

    Returns:
        `evaluating.results.Evaluation`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: too few sounds, nothing matches, every file failed, options of sets with pairs.
    """
    begun = time.monotonic()
    if out is not None:
        results.check_out(out)
    models = LocalModels(fad, fad_rate, dnsmos, utmos)
    if pairs is None:
        if noisy is not None:
            raise ValueError("noisy files are compared in pairs; say pairs='enhancement' (--pairs enhancement) as well")
        form = {"sample_rate": 16000 if sample_rate is None else sample_rate, "channels": 1}
        form |= {
            "length": 16384 if length is None else length,
            "crop": crop or "start",
            "normalize": normalize or "none",
        }
        result = _folders(real, fake, form, n, seed, labels, train, metrics, judge, models, progress, begun)
    else:
        of_sets = {"train": train, "n": n, "length": length, "crop": crop, "normalize": normalize, "labels": labels}
        _refuse(of_sets | {"judge": judge, "fad": fad}, "for sets of sounds; leave them out when comparing pairs")
        given = {"noisy": noisy, "metrics": metrics, "seed": seed, "sample_rate": sample_rate, "models": models}
        result = evaluate_pairs(real, fake, pairs, **given, workers=workers, progress=progress, begun=begun)
    if out is not None:
        result.write(out)
    return result


def _refuse(options, why):
    wrong = [name for name, value in options.items() if value is not None]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} {why}")


def _form(model, folder, crop, normalize):
    """The form of all clips: the model's shape, and how its training data was cropped and normalised."""
    trained = {}
    if folder is not None and (folder / "metadata.json").is_file():
        recorded = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        trained = (recorded.get("recipe") or {}).get("data") or {}
    form = {name: getattr(model, name) for name in ("sample_rate", "length", "channels")}
    form["crop"] = crop or trained.get("crop", "random")
    return form | {"normalize": normalize or trained.get("normalize", "none")}


def _generated(model, sets, batch_size):
    """(SoundSet, what it is, label names): sounds of n seeds; a model with labels makes each of them in turn.

    Sounds with NaN are left out, and named in `sets.failed`.
    """
    n, seed, names = sets.n, sets.seed, list(model.config.get("labels") or ())
    labels = np.arange(n) % len(names) if names else None
    options = {} if labels is None else {"labels": labels}
    audio = np.asarray(model.generate(n, seed, batch_size=batch_size, **options), np.float32)
    good = np.isfinite(audio).all(axis=(1, 2))
    sets.failed += [("generated", f"seed {seed + i}", "NaN or infinite samples") for i in np.flatnonzero(~good)]
    if not good.any():
        raise ValueError(f"all {n} generated sounds hold NaN; the weights are of a model that diverged. Train it anew")
    what = f"made by the preset, seeds {seed} to {seed + n - 1}" + (", every label in turn" if names else "")
    called = [f"seed {seed + i}" for i in np.flatnonzero(good)]
    found = SoundSet(audio[good], model.sample_rate, names=called, labels=None if labels is None else labels[good])
    return found, what, names


def _folders(real, fake, form, n, seed, labels, train, metrics, judge, models, progress, begun):
    choose(_registry(), metrics)
    sounds = reading.open_sounds(fake, form, labels, progress)
    quiet = set(reading.silent(sounds))
    most = sum(map(len, reading.places(sounds))) + len(quiet)
    sets = Sets(real, form, n=n, seed=seed, labels=labels, train=train, most=most, progress=progress)
    clips, names = reading.read_generated(sounds, sets.n, seed, labels)
    sets.failed += [("generated", path, reason) for path, reason in sounds.skipped if path not in quiet]
    sets.add(clips, f"of the {len(sounds) + len(quiet)} files in {provenance.name(fake)}", names)
    settings = {"real": provenance.name(real), "fake": provenance.name(fake), "train": provenance.name(train)}
    settings |= {"n": sets.n, "seed": seed, "labels": provenance.rule(labels), "metrics": metrics}
    settings |= {key: value for key, value in form.items() if key != "channels"}
    return _of_sets("compare", provenance.name(fake), sets, metrics, settings, judge, models, progress, {}, begun)


def _of_sets(command, name, sets, metrics, settings, judge, models, progress, hashes, begun):
    """Measures complete sets; what there is no way to measure is left out, and said."""
    settings = settings | {"judge": provenance.name(judge)}
    facts = {"command": provenance.command(command, settings), "form": sets.form}
    if judge is not None:
        heard, facts["judge"] = _judge(judge)
        sets.hear(heard, facts["judge"]["normalize"])
    usable, lines = measurable(sets, choose(_registry(sets), metrics) + models.set_metrics())
    if not usable:
        raise ValueError(f"no metric can be measured: {'; '.join(lines)}")
    rows, columns, per_file = measure(sets, usable, progress)
    if "accuracy" in columns:
        facts["by_class"] = by_class(sets, heard.labels)
        sets.notes += [line_of_classes(row, found) for row, found in facts["by_class"].items()]
    facts |= provenance.facts({**hashes, "reference": sets.reference_hash} | models.hashes(), begun)
    settings = {key: value for key, value in settings.items() if value is not None}
    notes, roles = sets.notes + notes_on(rows["generated"]), {row: ROLES[row] for row in rows}
    return results.Evaluation(
        name, "generation", rows, roles, columns, sets.about, settings, facts,
        left_out=lines, notes=notes, failed=sets.failed, per_file=per_file, picture=sets.draw,
    )  # fmt: skip


def _registry(sets=None):
    """{name: metric} of sets; that of copies compares with the ceiling's sounds."""
    return SET_METRICS | {copies.NAME: copies.metric(sets and sets.rows["real"])}


def _judge(handle):
    """A judge, and what to say of it beside its numbers: accuracy, hash of its weights, how its sounds were normalised.

    Values of judged metrics compare only between evaluations that show the same hash.
    """
    folder = hub.resolve(handle)
    judge, path = load_judge(folder), folder / "results.json"
    trained = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    accuracy = trained.get("test") or {}
    facts = {"name": folder.resolve().name, "sha256": provenance.weights(folder)}
    facts["held_out_accuracy"] = {key: accuracy.get(key) for key in ("accuracy", "low", "high", "n")}
    facts["normalize"] = (trained.get("arguments") or {}).get("normalize", "none")
    return judge, facts
