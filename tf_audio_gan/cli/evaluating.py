"""The commands `evaluate` and `compare`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tf_audio_gan.cli.common import Preset, load_keras, say_skipped

Train = Annotated[Path | None, typer.Option(help="The folder trained on: for copies of it, and the cells of NDB.")]
Metrics = Annotated[str | None, typer.Option(help="Only these, with commas: mel_distance,fd_mel. Default: all.")]
Count = Annotated[int | None, typer.Option("--n", min=2, help="Sounds of each set; default: all, at most 1000.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the halves, the noise and the generated sounds.")]
Labels = Annotated[str | None, typer.Option(help="folder, prefix, or a CSV file with columns path,label.")]
Judge = Annotated[str | None, typer.Option(help="A judge's folder or name, for its features and probabilities.")]
Crop = Annotated[str | None, typer.Option(help="start, or random: windows spread over each file.")]
Normalize = Annotated[str | None, typer.Option(help="none, peak or rms, per file.")]
Fad = Annotated[Path | None, typer.Option(help="Your embedding model (ONNX, TorchScript), for FAD.")]
FadRate = Annotated[int | None, typer.Option(min=1, help="The sample rate at which it listens, Hz.")]
Dnsmos = Annotated[Path | None, typer.Option(help="Your copy of sig_bak_ovr.onnx.")]
Utmos = Annotated[Path | None, typer.Option(help="Your UTMOS model (ONNX, TorchScript).")]
Out = Annotated[
    Path | None, typer.Option(help="Gets results.json, per_file.csv, picture.png; default: evaluation/NAME.")
]
Json = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]


def evaluate(
    preset: Preset,
    data: Annotated[Path, typer.Argument(help="A folder of recordings that the preset was not trained on.")],
    train: Train = None,
    metrics: Metrics = None,
    n: Count = None,
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Sounds generated at a time.")] = 64,
    labels: Labels = None,
    judge: Judge = None,
    crop: Crop = None,
    normalize: Normalize = None,
    noise: Annotated[Path | None, typer.Option(help="Enhancement: noise to mix into DATA, clean speech.")] = None,
    noisy: Annotated[Path | None, typer.Option(help="Or DATA in noise, files of the same names.")] = None,
    snr: Annotated[str | None, typer.Option(help="Ratios in dB, with commas; default: -5,0,5,10,15.")] = None,
    also: Annotated[str | None, typer.Option(help="More presets for the same mixtures, with commas.")] = None,
    blend: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Share of the noisy speech kept.")] = None,
    fad: Fad = None,
    fad_rate: FadRate = None,
    dnsmos: Dnsmos = None,
    utmos: Utmos = None,
    out: Out = None,
    json: Json = False,
):
    """Measure a preset's sounds against recordings, between what real sounds and noise score.

    tf-audio-gan evaluate wavegan_drums HELD_OUT --train TRAINED_ON

    tf-audio-gan evaluate wavegan_digits DIGITS --labels folder --judge judge_digits

    tf-audio-gan evaluate segan_speech SPEECH --noise NOISE --blend 0.3 --json
    """
    load_keras()
    from tf_audio_gan import evaluation

    result = evaluation.evaluate(
        preset, data, train=train, metrics=_names(metrics), n=n, seed=seed, batch_size=batch_size, labels=labels,
        judge=judge, crop=crop, normalize=normalize, noise=noise, noisy=noisy, snr=_ratios(snr), also=_names(also),
        blend=blend,
        fad=fad, fad_rate=fad_rate, dnsmos=dnsmos, utmos=utmos,
        out=out or Path("evaluation") / Path(preset).resolve().name,
    )  # fmt: skip
    show(result, json)


def compare(
    real: Annotated[Path, typer.Argument(help="A folder of recordings (with --pairs: the references).")],
    fake: Annotated[Path, typer.Argument(help="A folder of generated sounds (with --pairs: the estimates).")],
    pairs: Annotated[str | None, typer.Option(help="vocoding or enhancement: file by file of the same name.")] = None,
    noisy: Annotated[Path | None, typer.Option(help="The noisy files, the floor of enhancement.")] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Hz; default: 16000; pairs: that of the files.")] = None,
    length: Annotated[int | None, typer.Option(help="Samples of a clip; default: 16384.")] = None,
    train: Train = None,
    metrics: Metrics = None,
    n: Count = None,
    seed: Seed = 0,
    labels: Labels = None,
    judge: Judge = None,
    crop: Crop = None,
    normalize: Normalize = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that measure pairs.")] = 2,
    fad: Fad = None,
    fad_rate: FadRate = None,
    dnsmos: Dnsmos = None,
    utmos: Utmos = None,
    out: Out = None,
    json: Json = False,
):
    """Compare two folders of sounds: as sets, or pairs of files.

    tf-audio-gan compare REAL FAKE --n 200

    tf-audio-gan compare REFERENCES VOCODED --pairs vocoding

    tf-audio-gan compare CLEAN ENHANCED --pairs enhancement --noisy NOISY --json
    """
    load_keras()
    from tf_audio_gan import evaluation

    result = evaluation.compare(
        real, fake, pairs=pairs, noisy=noisy, sample_rate=sample_rate, length=length, train=train,
        metrics=_names(metrics), n=n, seed=seed, labels=labels, judge=judge, crop=crop, normalize=normalize,
        workers=workers, fad=fad, fad_rate=fad_rate, dnsmos=dnsmos, utmos=utmos,
        out=out or Path("evaluation") / fake.resolve().name,
    )  # fmt: skip
    show(result, json)


def _names(text):
    """Names between commas as a list; None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _ratios(text):
    """Numbers between commas as a list; None for None."""
    try:
        return None if text is None else [float(word) for word in _names(text)]
    except ValueError:
        raise ValueError(f"--snr takes ratios in dB with commas between them, e.g. -5,0,5. Received: {text}") from None


def show(result, as_json=False):
    """Prints a result: its table, what was compared, what is missing, where the files are; or its JSON alone."""
    from rich.console import Console

    from tf_audio_gan.evaluating import results, tables

    content = result.as_dict()
    if as_json:
        print(results.as_json(content), end="")
        return
    wide = None if sys.stdout.isatty() else 200
    Console(width=wide, highlight=False).print(tables.rich_table(content))
    for name, about in result.sets.items():
        print(f"  {name}: {about['what']}, n = {about['n']}")
    for note in result.notes + result.left_out:
        print(f"note: {note}")
    say_skipped([(f"{where}: {file}", reason) for where, file, reason in result.failed], result.out / results.RESULTS)
    print(f"results: {result.out / results.RESULTS}\nfiles:   {result.out / results.PER_FILE}")
    print(f"picture: {result.out / results.PICTURE}")
