"""Evaluation of models whose sounds answer recordings, file by file: vocoders and models of enhancement."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tf_audio_gan import hub
from tf_audio_gan.enhancement import enhance
from tf_audio_gan.evaluating import mixtures, pairs, provenance
from tf_audio_gan.evaluating.pairs import evaluate_pairs
from tf_audio_gan.vocoding import vocode

BY_RATIO = (
    "si_sdr",
    "segmental_snr",
    "stoi",
    "pesq_wb",
    "covl",
)  # columns that are also given for every ratio of speech to noise
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
    name = _names([model.name if folder is None else folder])[0]
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
    model, folder, data, *, noise=None, noisy=None, snr=None, also=None, blend=None, metrics, seed, models, progress,
    begun,
):  # fmt: skip
    """Clean speech against the same in noise, enhanced: by the model, by others, by a Wiener filter, and not at all.

    Intervals are over recordings, each of which is measured at every ratio.

    Args:
        model: an `Enhancer`.
        folder: its preset's; None: none.
        data: folder of clean speech.
        noise: folder of noise to mix in, or None.
        noisy: instead: folder of the same speech in noise, files of the same names.
        snr: ratios in dB, with `noise`; None: `mixtures.SNR`.
        also: handles of other presets for the same mixtures.
        blend: share of the noisy speech that every model's output keeps, 0 to 1; None: 0.
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
    names = _names([model.name if folder is None else folder, *others])
    with tempfile.TemporaryDirectory() as work:
        work, rate = Path(work), model.sample_rate
        if noise is None:
            mixed = mixtures.Mixtures(Path(data), Path(noisy))
        else:
            mixed = mixtures.mixtures(data, noise, mixtures.SNR if snr is None else snr, rate, seed, work, progress)
        estimates = _estimates((model, *others), mixed, work, {"seed": seed, "blend": blend or 0.0}, progress)
        beside = {
            n: (place, "evaluated", f"enhanced by {n}") for n, place in zip(names[1:], estimates[1:], strict=True)
        }
        beside[WIENER] = (work / "wiener", "floor", "a decision-directed Wiener filter over a tracked noise spectrum")
        mixtures.filtered(mixed.noisy, work / "wiener", rate)
        result = evaluate_pairs(
            mixed.clean, estimates[0], "enhancement", noisy=mixed.noisy, metrics=metrics, seed=seed,
            sample_rate=rate, models=models, progress=progress, begun=begun, beside=beside,
        )  # fmt: skip
        _keep_picture(result, work)
    _describe(result, mixed, names[0], data, noise, noisy, blend)
    if len(mixed.snr) > 1:
        _by_ratio(result, mixed.snr, seed)
    settings = {"preset": names[0], "data": provenance.name(data), "noise": provenance.name(noise)}
    settings |= {"noisy": provenance.name(noisy), "snr": list(mixed.snr) or None, "also": names[1:] or None}
    settings["blend"] = blend
    return _recorded(result, settings | {"metrics": metrics, "seed": seed}, folder)


def _names(places):
    """What presets are called: their folders' names, with those of the folders above where two are alike."""
    parts = [(place,) if isinstance(place, str) else Path(place).resolve().parts for place in places]
    for depth in (1, 2):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names) and not {"reference", "estimate", "noisy", WIENER} & set(names[1:]):
            return names
    raise ValueError(f"presets that are measured together need different names. Received: {', '.join(names)}")


def _estimates(presets, mixed, work, options, progress):
    """Folders of what each model makes of the noisy files; those that cannot be read are named in `mixed.failed`."""
    folders = [work / f"estimate {i}" for i in range(len(presets))]
    for preset, folder in zip(presets, folders, strict=True):
        done = enhance(preset, mixed.noisy, folder, float32=True, progress=progress, **options)
    mixed.failed += [("noisy", Path(p).relative_to(mixed.noisy).as_posix(), reason) for p, reason in done.skipped]
    return folders


def _describe(result, mixed, name, data, noise, noisy, blend):
    """Says in the result what was measured on what."""
    unreadable = {file.rpartition(".")[0] for _, file, _ in mixed.failed}
    told = [f for f in result.failed if f[2] != "has no partner of its name" or f[1] not in unreadable]
    result.name, result.failed = name, mixed.failed + told
    ratios = ", ".join(f"{ratio:g}" for ratio in mixed.snr)
    where = f"the noisy files of {provenance.name(noisy)}" if noise is None else f"noise of {provenance.name(noise)}"
    where += f" at {ratios} dB" if ratios else ""
    result.sets["reference"]["what"] = f"{provenance.name(data)} against itself, which says what no estimate can pass"
    result.sets["estimate"]["what"] = f"{provenance.name(data)} in {where}, enhanced by {name}"
    if blend:
        result.notes.append(f"every model's output keeps {blend:g} of the noisy speech (blend)")


def _by_ratio(result, snr, seed):
    """Intervals over recordings, not over mixtures, which are no sample of ratios; `BY_RATIO`'s columns by ratio."""
    folders = [mixtures.folder_of(ratio) for ratio in snr]
    added = {c: [f"{c}_at_{ratio:g}_dB" for ratio in snr] for c in BY_RATIO if c in result.columns}
    result.columns |= {name: result.columns[column] for column, names in added.items() for name in names}
    for row, found in result.rows.items():
        files = {f["file"]: f for f in result.per_file if f["set"] == row}
        recordings = sorted({name.partition("/")[2] for name in files})
        for column in list(found):
            mixed = [[files.get(f"{f}/{name}", {}).get(column, np.nan) for f in folders] for name in recordings]
            table = np.array(mixed, np.float64)
            over = pairs.mean([line[np.isfinite(line)].mean() for line in table if np.isfinite(line).any()], seed)
            found[column] = replace(found[column], low=over.low, high=over.high)
            found |= {name: pairs.mean(table[:, i], seed) for i, name in enumerate(added.get(column, ()))}
    result.notes.insert(0, f"intervals are over {len(recordings)} recordings, each at {len(snr)} ratios")


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
