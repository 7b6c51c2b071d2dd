"""The commands. Each is a thin layer over a public function; the words it prints are for people."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli import (
    converting,
    enhancing,
    evaluating,
    generating,
    judging,
    listening,
    playing,
    serving,
    vocoding,
    zoo,
)
from tf_audio_gan.cli.common import Json, Preset, load_keras, quoted, say_json, say_skipped, words_aside, working

app = typer.Typer(
    name="tf-audio-gan",
    help="Audio GANs: train on a folder of sounds, make new ones, export and serve them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done; 1 an error, in one line; 2 a command that is not right; 130 interrupted and saved.",
)
app.command()(evaluating.evaluate)
app.command()(evaluating.compare)
app.add_typer(zoo.app, name="zoo")
app.add_typer(judging.app, name="judge")
app.add_typer(listening.app, name="listen")
_USES = {"generation": "generate PRESET", "vocoding": "vocode PRESET in.wav", "enhancement": "enhance PRESET in.wav"}


def _version(asked: bool):
    if asked:
        print(f"tf-audio-gan {tf_audio_gan.__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
):
    """Audio GANs: train on a folder of sounds, make new ones, export and serve them."""


@app.command()
def prepare(
    sounds: Annotated[Path, typer.Argument(help="A folder of audio files, nested as you like.")],
    out: Annotated[Path, typer.Argument(help="Gets the shards and their index; run again to continue.")],
    sample_rate: Annotated[int, typer.Option(help="Hz.")] = 16000,
    channels: Annotated[int, typer.Option(help="Audio channels.")] = 1,
    labels: Annotated[str | None, typer.Option(help="folder, prefix, or a CSV file with columns path,label.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    json: Json = False,
):
    """Decode and resample a folder once, into shards that training reads fast.

    tf-audio-gan prepare SOUNDS shards --sample-rate 16000

    tf-audio-gan prepare DIGITS shards --labels folder --workers 4
    """
    with words_aside(json):
        report = tf_audio_gan.prepare_sounds(
            sounds, out, sample_rate=sample_rate, channels=channels, labels=labels, workers=workers
        )
    if json:
        return say_json(out=out, **report)
    print(f"{out}: {report['clips']} clips, {report['seconds']:.0f} s at {sample_rate} Hz, {report['shards']} shards")
    say_skipped(report["skipped"], out / "index.json")


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="A model or recipe by name, a .toml file, or a preset's folder.")],
    sounds: Annotated[Path, typer.Argument(help="A folder of audio files, or of shards made by prepare.")],
    run_dir: Annotated[Path, typer.Option(help="Gets everything the run makes; the same again goes on from there.")],
    start: Annotated[str | None, typer.Option(help="Fine-tune: begin with this preset's weights.")] = None,
    noise: Annotated[Path | None, typer.Option(help="To enhance: noises to mix into the sounds, clean speech.")] = None,
    noisy: Annotated[Path | None, typer.Option(help="Or the same speech in noise, files of the same names.")] = None,
    labels: Annotated[str | None, typer.Option(help="Learn classes: folder, prefix, or a CSV (path,label).")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe (TOML) for the model.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Generator steps in all.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop, saved, after so long.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, noise and data.")] = None,
    decoder: Annotated[str | None, typer.Option(help="soundfile, tensorflow (PCM WAV) or tensorflow-io.")] = None,
    devices: Annotated[str | None, typer.Option(help="A number, all, or names (GPU:0,GPU:1) to share a batch.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, or tf32 or bfloat16 for the layers.")] = None,
    augment: Annotated[
        bool | None,
        typer.Option("--augment/--no-augment", help="Change examples a little; default: to fine-tune on few sounds."),
    ] = None,
    json: Json = False,
):
    """Train on a folder of sounds. Ctrl-C saves; the same command goes on.

    tf-audio-gan train wavegan_drums SOUNDS --run-dir runs/mine

    tf-audio-gan train wavegan_digits DIGITS --run-dir runs/digits --labels folder

    tf-audio-gan train segan_plus_light SPEECH --noise NOISE --run-dir runs/clean

    tf-audio-gan train wavegan_drums SOUNDS --run-dir runs/tuned --start wavegan_drums      (from trained weights)

    tf-audio-gan train mine.toml SOUNDS --run-dir runs/mine --devices all --precision tf32
    """
    load_keras()
    from tf_audio_gan import run_folder
    from tf_audio_gan.hub import known_here
    from tf_audio_gan.recipes import load_recipe

    source = model if recipe is None else str(recipe)
    named = load_recipe(source).model["name"]
    if recipe is not None and named != model:
        raise ValueError(f"{recipe} is a recipe for {named}, not {model}. Say: tf-audio-gan train {named} ...")
    options = {"steps": steps, "max_minutes": max_minutes, "seed": seed, "precision": precision}
    options |= {
        "start": start,
        "noise": noise,
        "noisy": noisy,
        "labels": labels,
        "decoder": decoder,
        "devices": devices,
        "augment": augment,
    }
    with words_aside(json):
        if start is None and known_here(source) and run_folder.options(run_dir, "model") is None:
            print(f"{source} is a recipe and a preset: the recipe, from random weights. The preset's: --start {source}")
        result = tf_audio_gan.train(source, sounds, run_dir, **options)
    if json:
        facts = {"ended": result.ended, "step": result.step, "preset": result.preset, "sounds": run_dir / "generated"}
        say_json(**facts, picture=result.contact_sheet, log=run_dir / "log.csv", skipped=result.skipped)
    else:
        _say_trained(result, run_dir)
    if result.ended.startswith("diverged"):
        sys.exit(f"{result.ended}; the preset is of the last healthy checkpoint, at step {result.step}")
    if result.ended == "interrupted":
        sys.exit(130)


def _say_trained(result, run_dir):
    print(f"{result.ended} at step {result.step}")
    say_skipped(result.skipped, run_dir / "skipped.txt")
    print(f"preset:   {result.preset}\nsounds:   {run_dir / 'generated'}\npicture:  {result.contact_sheet}")
    print(f"curves:   tensorboard --logdir {quoted(run_dir / 'logs')}")
    use = _USES[result.model.task]
    print(f"more:     tf-audio-gan {use.replace('PRESET', quoted(result.preset))} --out more")


app.command()(generating.generate)
app.command()(vocoding.vocode)
app.command()(enhancing.enhance)
app.command()(converting.convert)


@app.command()
def export(
    preset: Preset,
    out: Annotated[Path, typer.Argument(help="The model's base folder; its name is the served model's name.")],
    version: Annotated[int | None, typer.Option(help="Default: one more than the largest there.")] = None,
    format: Annotated[str, typer.Option(help="saved_model; or litert, onnx: OUT is a .tflite or .onnx file.")] = (
        "saved_model"
    ),
    float16: Annotated[bool, typer.Option("--float16", help="LiteRT: weights of half the size.")] = False,
    json: Json = False,
):
    """Write a SavedModel for TensorFlow Serving, or one file for LiteRT or ONNX runtimes.

    tf-audio-gan export runs/mine/preset exports/mine

    tf-audio-gan export multiband_melgan_speech voice.tflite --format litert --float16
    """
    load_keras()
    with words_aside(json), working("writing, reading again and comparing"):
        made = tf_audio_gan.export(preset, out, version=version, format=format, float16=float16)
    if json:
        return say_json(path=made, format=format)
    print(made if format != "saved_model" else f"{made}\nserve it: tf-audio-gan serve {quoted(out)}")


app.command()(serving.serve)
app.command()(playing.play)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Gets everything the demo makes.")] = Path("demo"),
    minutes: Annotated[float, typer.Option(min=0.05, help="Training time.")] = 1.0,
):
    """From drum sounds to a trained model, a REST prediction and a page to listen to, in two minutes.

    tf-audio-gan demo --out demo --minutes 1
    """
    load_keras(tensorflow_for="the demo's export and server")
    from tf_audio_gan.cli.demo import run_demo

    run_demo(out, minutes)
