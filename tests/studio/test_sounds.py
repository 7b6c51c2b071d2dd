"""Sounds for pads and keys: those that the same seeds have elsewhere, in files that a browser plays."""

import base64
import io

import numpy as np
import pytest
import soundfile

from tf_audio_gan import GANSynth, WaveGAN
from tf_audio_gan.studio import sounds
from tf_audio_gan.studio.answers import answers
from tf_audio_gan.studio.presets import Presets

SMALL = {"length": 256, "strides": [4, 4], "dim": 2}
NOTES = {
    "sample_rate": 8000, "length": 512, "frames": 16, "bins": 64, "blocks": 3, "latent_dim": 8, "filters": 32,
    "max_filters": 8, "batch_size": 4, "stable_images": 4, "fade_images": 4, "progressive": False,
    "labels": ["60", "61", "64"],
}  # fmt: skip


@pytest.fixture(scope="module")
def plain():
    return WaveGAN(**SMALL)


@pytest.fixture(scope="module")
def digits():
    return WaveGAN(**SMALL, labels=["one", "two", "three"])


@pytest.fixture(scope="module")
def notes():
    return GANSynth(**NOTES)


def decoded(sound):
    kind, data = sound["wav"].split(",")
    assert kind == "data:audio/wav;base64"
    return soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)


def test_a_pad_has_the_sound_that_its_seed_has_everywhere(plain):
    made = sounds.sounds(plain, "hits", [7, 3])
    assert [sound["seed"] for sound in made] == [7, 3] and {sound["label"] for sound in made} == {""}
    for sound in made:
        audio, rate = decoded(sound)
        assert rate == plain.sample_rate
        np.testing.assert_allclose(audio, plain.generate(1, seed=sound["seed"])[0], atol=1.01 / 32768 + 1e-5)
    assert made[0]["file"] == "hits_seed_7.wav" and made[0]["facts"] == "0.02 s · 16 kHz"
    assert base64.b64decode(made[0]["picture"].split(",")[1]).startswith(b"\x89PNG")


def test_classes_are_each_seed_s_own_or_the_one_that_is_asked_for(digits):
    assert [s["label"] for s in sounds.sounds(digits, "d", [0, 1, 2, 3])] == ["one", "two", "three", "one"]
    for asked in (None, ""):
        assert sounds.sounds(digits, "d", [4], asked)[0]["label"] == "two"
    made = sounds.sounds(digits, "d", [4], "three")[0]
    assert made["label"] == "three" and made["file"] == "d_seed_4_three.wav"
    np.testing.assert_allclose(decoded(made)[0], digits.generate(1, 4, labels="three")[0], atol=1.01 / 32768 + 1e-5)
    with pytest.raises(ValueError, match="eleven"):
        sounds.sounds(digits, "d", [4], "eleven")


def test_timbres_lie_between_four_seeds_and_are_theirs_at_the_corners(notes):
    ends = np.asarray(notes.latents(np.array([5, 6, 7, 8])))
    for corner, place in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        np.testing.assert_allclose(sounds.timbre(notes, [5, 6, 7, 8], *place), ends[corner], atol=1e-5)

    def slerp(a, b, t):
        angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)

    ends = ends.astype("float64")
    expected = slerp(slerp(ends[0], ends[1], 0.3), slerp(ends[2], ends[3], 0.3), 0.8)
    np.testing.assert_allclose(sounds.timbre(notes, [5, 6, 7, 8], 0.3, 0.8), expected, atol=1e-5)


def test_a_key_plays_its_pitch_in_the_timbre_of_its_place(notes):
    made = sounds.note(notes, "n", 61, [2, 3, 4, 5], 1.0, 0)
    audio, rate = decoded(made)
    assert (rate, made["pitch"]) == (8000, 61)
    np.testing.assert_allclose(audio, notes.generate(1, seed=3, pitch=61)[0], atol=1.01 / 32768 + 1e-4)
    assert made["file"] == "n_C#4_seeds_2-3-4-5_at_1.00_0.00.wav"
    for pitch in (62, "60", None):
        with pytest.raises(ValueError, match=r"plays C4 to E4 \(60 to 64\)"):
            sounds.note(notes, "n", pitch, [2, 3, 4, 5], 0, 0)
    for place in (1.1, -0.1, float("nan"), "0"):
        with pytest.raises(ValueError, match="across must be from 0 to 1"):
            sounds.note(notes, "n", 60, [2, 3, 4, 5], place, 0)
    with pytest.raises(ValueError, match="between four seeds. Received: 3"):
        sounds.note(notes, "n", 60, [2, 3, 4], 0, 0)


@pytest.mark.parametrize("seed", [-1, 2**53, 1.5, "1", None, True, float("nan"), float("inf"), [1]])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ValueError, match="a seed is a whole number from 0 to 9007199254740991"):
        sounds.whole_seed(seed)


def test_names_of_pitches_and_files():
    assert [sounds.pitch_name(n) for n in (21, 60, 61, 127)] == ["A0", "C4", "C#4", "G9"]
    assert sounds.file_name("../../etc/pass wd") == "etc_pass_wd" and sounds.file_name(" / ") == "sound"


def test_scripts_get_answers_and_errors_as_words(digits, notes, tmp_path):
    digits.save_to_preset(tmp_path / "digits")
    notes.save_to_preset(tmp_path / "notes")
    ask = answers(Presets([str(tmp_path / "digits"), str(tmp_path / "notes")]))
    kit = ask["kit"]({"preset": "digits", "seed": 5, "label": ""})
    assert kit["labels"] == ["one", "two", "three"] and [s["seed"] for s in kit["sounds"]] == [*range(5, 21)]
    (one,) = ask["sound"]({"preset": "digits", "seed": 9, "label": None})["sounds"]
    np.testing.assert_allclose(decoded(one)[0], decoded(kit["sounds"][4])[0], atol=1.01 / 32768)
    last = ask["kit"]({"preset": "digits", "seed": sounds.LARGEST_SEED})["sounds"]
    assert [s["seed"] for s in last[:2]] == [sounds.LARGEST_SEED, 0]
    assert ask["keys"]({"preset": "notes"}) == {"pitches": [60, 61, 64]}
    request = {"preset": "notes", "pitch": 64, "seeds": [0, 1, 2, 3], "across": 0.5, "down": 0.5}
    assert ask["note"](request)["pitch"] == 64
    wrong = {
        "no preset 'nonsense' here; there are: digits, notes": ("kit", {"preset": "nonsense", "seed": 0}),
        "no preset 'digits' here; there are: notes": ("keys", {"preset": "digits"}),
        "a seed is a whole number": ("sound", {"preset": "digits", "seed": "x"}),
        "lacks 'seed'": ("kit", {"preset": "digits"}),
        "an object of names and values. Received: list": ("kit", []),
        "seeds must be a list of four": ("note", request | {"seeds": 5}),
    }
    for words, (name, given) in wrong.items():
        assert words in ask[name](given)["error"]
