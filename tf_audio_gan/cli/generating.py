"""`tf-audio-gan generate`: sounds of seeds, of latents, like a recording; notes of pitches; a song of a MIDI file."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

import tf_audio_gan
from tf_audio_gan.cli.common import Json, Preset, load_keras, say_json, words_aside, working

_SONG = "With --midi"


def generate(
    preset: Preset,
    out: Annotated[Path, typer.Option(help="Gets WAV files, latents.npy, sounds.csv and a picture; or a song.wav.")],
    n: Annotated[int | None, typer.Option(help="How many; default 16, or one timbre of several pitches.")] = None,
    seed: Annotated[int, typer.Option(help="Of the first; sound i is that of seed + i.")] = 0,
    interpolate: Annotated[int, typer.Option(help="Instead: this many sounds from the seed to the next one.")] = 0,
    latents: Annotated[Path | None, typer.Option(help="Instead of seeds: a latents.npy of an earlier call.")] = None,
    label: Annotated[str | None, typer.Option(help="A class for all; default: every class in turn.")] = None,
    like: Annotated[Path | None, typer.Option(help="Instead of seeds: the n sounds nearest to this recording.")] = None,
    mix: Annotated[str | None, typer.Option(help="A mixture of classes for all: seven=0.5,two=0.5.")] = None,
    pitch: Annotated[str | None, typer.Option(help="Notes of these pitches: 60, C4, 48-72 or C4,E4,G4.")] = None,
    midi: Annotated[Path | None, typer.Option(help="Play this MIDI file into the WAV file --out.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Timbres, evenly spread: 3,7,12.", rich_help_panel=_SONG)] = None,
    seconds_per_timbre: Annotated[
        float | None, typer.Option(help="From a seed to the next; 0: one timbre. Default: 6.", rich_help_panel=_SONG)
    ] = None,
    per_part: Annotated[
        bool, typer.Option("--per-part", help="A timbre for each track.", rich_help_panel=_SONG)
    ] = False,
    no_fold: Annotated[
        bool, typer.Option("--no-fold", help="Leave out what is too high or low.", rich_help_panel=_SONG)
    ] = False,
    attack: Annotated[
        float | None, typer.Option(help="Seconds that a note rises. Default: 0.01.", rich_help_panel=_SONG)
    ] = None,
    release: Annotated[
        float | None, typer.Option(help="Seconds that it falls. Default: 0.3.", rich_help_panel=_SONG)
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(help="Of the file, in Hz; default: the model's.", rich_help_panel=_SONG)
    ] = None,
    gain: Annotated[
        float | None, typer.Option(help="Peak of the file in dB. Default: -6.", rich_help_panel=_SONG)
    ] = None,
    json: Json = False,
):
    """Make sounds from a preset.

    tf-audio-gan generate wavegan_drums --out made --n 32

    tf-audio-gan generate NOTES --pitch 48-72 --seed 3 --out scale      (one timbre)

    tf-audio-gan generate NOTES --pitch C4 --interpolate 8 --out between

    tf-audio-gan generate NOTES --midi song.mid --out song.wav
    """
    load_keras()
    song = {"seconds_per_timbre": seconds_per_timbre, "attack": attack, "release": release, "gain": gain}
    song |= {"sample_rate": sample_rate, "per_part": per_part or None, "fold": False if no_fold else None}
    song |= {"seed": None if seeds is None else _seeds(seeds)}
    song = {name: value for name, value in song.items() if value is not None}
    if midi is not None:
        others = {
            "--n": n,
            "--interpolate": interpolate or None,
            "--latents": latents,
            "--label": label,
            "--like": like,
        }
        _refuse(others | {"--mix": mix, "--pitch": pitch}, "not for songs (--midi)")
        return _play(preset, midi, out, {"seed": seed} | song, json)
    _refuse(song, "for songs alone (--midi song.mid)")
    if label is not None and mix is not None:
        raise ValueError(f"give one of --label and --mix. Received: --label {label} --mix {mix}")
    pitches = None if pitch is None else _pitches(pitch)
    options = {"n": (1 if pitches and len(pitches) > 1 else 16) if n is None else n, "seed": seed, "pitch": pitches}
    options |= {"interpolate": interpolate, "latents": latents, "like": like, "progress": None}
    options |= {"labels": _shares(mix) if mix is not None else label}
    with words_aside(json), working("making sounds") if like is None else contextlib.nullcontext():
        made = tf_audio_gan.generate(preset, out, **options)
    if json:
        return say_json(files=made.files, names=made.names, picture=made.picture)
    if like is not None:
        print(f"nearest to {like}: {', '.join(made.names[:4])}")
    print(f"{len(made.files)} sounds in {out}, picture: {made.picture}")


def _play(preset, midi, out, options, json):
    with words_aside(json):
        played = tf_audio_gan.render_midi(preset, midi, out, **options, progress=None)
    if json:
        return say_json(**vars(played))
    print(f"{played.path}: {played.seconds:.1f} s, {played.notes} notes of {len(played.parts)} parts")
    for number, what in (
        (played.folded, "notes moved by octaves into the model's range"),
        (played.left_out, "notes outside the model's range left out"),
        (played.drums, "notes of drums left out"),
    ):
        if number:
            print(f"{number} {what}")


def _refuse(options, why):
    given = [(name, x) for name, x in options.items() if x is not None]
    wrong = [name if name.startswith("-") else f"--{name.replace('_', '-')}" for name, x in given]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} {why}")


def _pitches(text):
    """MIDI numbers of "60", "C4", "48-72" or several with commas."""
    from tf_audio_gan.data.pitches import midi

    found = []
    for part in text.split(","):
        ends = [midi(part)] if midi(part) is not None else [midi(end) for end in part.split("-")]
        if None in ends or len(ends) > 2 or ends[0] > ends[-1]:
            raise ValueError(f"--pitch takes MIDI numbers or names: 60, C4, 48-72 or C4,E4,G4. Received: {text}")
        found += range(ends[0], ends[-1] + 1)
    return found


def _seeds(text):
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        raise ValueError(f"--seeds takes whole numbers: 3,7,12. Received: {text}") from None


def _shares(mix):
    """{class: weight} of "seven=0.5,two=0.5"."""
    try:
        shares = [part.rsplit("=", 1) for part in mix.split(",")]
        return {name.strip(): float(weight) for name, weight in shares}
    except ValueError:
        raise ValueError(f"--mix takes classes and weights, e.g. seven=0.5,two=0.5. Received: {mix}") from None
