"""Evaluation of models whose sounds answer recordings, file by file: vocoders and models of enhancement."""

import tempfile
from pathlib import Path

import numpy as np

from tf_audio_gan import hub
from tf_audio_gan.enhancement import enhance
from tf_audio_gan.evaluating import mixtures, pairs, provenance
from tf_audio_gan.evaluating.pairs import evaluate_pairs
from tf_audio_gan.vocoding import vocode

BY_RATIO = ("si_sdr", "stoi", "pesq_wb")  # columns that are also given for every ratio of speech to noise
WIENER = "Wiener filter"


def vocoder(model, folder, data, *, metrics, seed, models, progress, begun):
    """Recordings against their analysis and synthesis; the floor is Griffin-Lim on the same mels.

    Args:
        model: a `Vocoder`.
        folder: its preset's; None: none.
        data: folder of recordings.
        metrics: names, or None for all.
        seed: of noise and floor.
        models: `LocalModels`.
        progress: see `evaluate`.
        begun: `time.monotonic()` at the start.

    Returns:
        `evaluating.results.Evaluation`.
    """
    name = _name(model, folder)
    mel = model.front_end.get_config()
    with tempfile.TemporaryDirectory() as made:
        failed = vocode(model, data, made, seed=seed, progress=progress).skipped
        result = evaluate_pairs(
            data, made, "vocoding", metrics=metrics, seed=seed, sample_rate=model.sample_rate, models=models,
            progress=progress, begun=begun, mel=mel,
        )  # fmt: skip
        _keep_picture(result, made)
    missing = [("data", str(Path(path).relative_to(data)), reason) for path, reason in failed]
    result.name, result.failed = name, missing + [f for f in result.failed if f[2] != "has no partner of its name"]
    result.sets["estimate"]["what"] = f"{provenance.name(data)} vocoded by {name}"
    settings = {"preset": name, "data": provenance.name(data), "metrics": metrics, "seed": seed}
    result.facts["mel"] = mel
    return _recorded(result, settings, folder)


def enhancer(
    model, folder, data, *, noise=None, noisy=None, snr=None, also=None, metrics, seed, models, progress, begun
):
    """Clean speech against the same in noise, enhanced: by the model, by others, by a Wiener filter, and not at all.

    Args:
        model: an `Enhancer`.
        folder: its preset's; None: none.
        data: folder of clean speech.
        noise: folder of noise to mix in, or None.
        noisy: instead: folder of the same speech in noise, files of the same names.
        snr: ratios in dB, with `noise`; None: `mixtures.SNR`.
        also: handles of other presets for the same mixtures.
        metrics: names, or None for all.
        seed: of the mixtures and of latents.
        models: `LocalModels`.
        progress: see `evaluate`.
        begun: `time.monotonic()` at the start.

    Returns:
        `evaluating.results.Evaluation`; columns of `BY_RATIO` once more for each ratio.

    Raises:
        ValueError: not just one of noise and noisy, ratios with noisy, or two models of one name.
    """
    if (noise is None) == (noisy is None) or (snr is not None and noise is None):
        raise ValueError(
            "a model of enhancement is measured on clean speech and either noise=, a folder that is mixed in at snr=, "
            f"or noisy=, files of the same names. Received: {noise=}, {noisy=}, {snr=}"
        )
    others = [hub.resolve(handle) for handle in also or ()]
    names = [_name(model, folder), *(_name(None, place) for place in others)]
    if len(set(names)) < len(names):
        raise ValueError(f"presets that are measured together need different names. Received: {', '.join(names)}")
    with tempfile.TemporaryDirectory() as work:
        work, rate = Path(work), model.sample_rate
        mixed = mixtures.Mixtures(Path(data), Path(noisy)) if noise is None else None
        mixed = mixed or mixtures.mixtures(data, noise, snr or mixtures.SNR, rate, seed, work, progress)
        estimates = {name: work / f"estimate {i}" for i, name in enumerate(names)}
        for name, preset in zip(names, (model, *others), strict=True):
            enhance(preset, mixed.noisy, estimates[name], seed=seed, progress=progress)
        mixtures.filtered(mixed.noisy, work / "wiener", rate)
        beside = {name: (estimates[name], "evaluated", f"enhanced by {name}") for name in names[1:]}
        beside[WIENER] = (work / "wiener", "floor", "a decision-directed Wiener filter over a tracked noise spectrum")
        result = evaluate_pairs(
            mixed.clean, estimates[names[0]], "enhancement", noisy=mixed.noisy, metrics=metrics, seed=seed,
            sample_rate=rate, models=models, progress=progress, begun=begun, beside=beside,
        )  # fmt: skip
        _keep_picture(result, work)
    _describe(result, mixed, names[0], data, noise, noisy)
    _by_ratio(result, mixed.snr, seed)
    settings = {"preset": names[0], "data": provenance.name(data), "noise": provenance.name(noise)}
    settings |= {"noisy": provenance.name(noisy), "snr": list(mixed.snr) or None, "also": names[1:] or None}
    return _recorded(result, settings | {"metrics": metrics, "seed": seed}, folder)


def _describe(result, mixed, name, data, noise, noisy):
    """Says in the result what was measured on what."""
    result.name, result.failed = name, mixed.failed + result.failed
    where = f"noise of {provenance.name(noise)}" if noise is not None else f"the noisy files in {provenance.name(noisy)}"
    result.sets["reference"]["what"] = f"{provenance.name(data)} against itself, which says what no estimate can pass"
    result.sets["estimate"]["what"] = f"{provenance.name(data)} in {where}, enhanced by {name}"


def _by_ratio(result, snr, seed):
    """Adds a column for every figure of `BY_RATIO` and ratio."""
    for column in BY_RATIO if len(snr) > 1 else ():
        for ratio in snr if column in result.columns else ():
            added, start = f"{column}_at_{ratio:g}_dB", f"{mixtures.folder_of(ratio)}/"
            result.columns[added] = result.columns[column]
            for row, found in result.rows.items():
                files = [f for f in result.per_file if f["set"] == row and f["file"].startswith(start)]
                found[added] = pairs.mean([f.get(column, np.nan) for f in files], seed)


def _name(model, folder):
    return model.name if folder is None else Path(folder).resolve().name


def _keep_picture(result, folder):
    """Draws the picture now: what it is drawn from will be gone."""
    picture = Path(folder) / "picture.png"
    result.picture(picture)
    drawn = picture.read_bytes()
    result.picture = lambda path: Path(path).write_bytes(drawn)


def _recorded(result, settings, folder):
    """The result with its settings, its command, and the hash of its preset's weights."""
    result.settings = {key: value for key, value in settings.items() if value is not None}
    result.facts["command"] = provenance.command("evaluate", result.settings)
    if folder is not None:
        result.facts["sha256"] = result.facts.get("sha256", {}) | {"weights": provenance.weights(folder)}
    return result
