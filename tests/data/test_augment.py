"""Changes to examples: numbers by hand, the same for every reader, and nothing without them."""

import hashlib

import keras
import numpy as np
import pytest
from scipy.signal import resample

from tf_audio_gan import Batches, Notes, Sounds, dataset, load_recipe
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.data.augment import FINE_TUNING, Augment, played

ALL = {"augment_gain": 6.0, "augment_shift": 0.004, "augment_polarity": True}


@pytest.fixture
def folder(tmp_path):
    """Six sounds of 150 to 650 samples in 16 bits."""
    rng = np.random.default_rng(0)
    for k in range(6):
        samples = np.rint(rng.uniform(-0.9, 0.9, (150 + 100 * k, 1)) * 32767) / 32768
        write_audio(tmp_path / "sounds" / f"{k}.wav", samples.astype("float32"), 16000)
    return tmp_path / "sounds"


def opened(folder, **options):
    return Sounds(folder, **{"length": 256, "seed": 7, "normalize": "peak", "progress": False, **options})


def drawn(seed, example):
    """Four numbers in [0, 1) of an example, from the bits of Philox as its authors' counter gives them."""
    bits = np.random.Philox(key=np.array([seed, 2**63 + 1], np.uint64), counter=example << 32).random_raw(4)
    return [int(b) / 2**64 for b in bits]


@pytest.mark.parametrize("crop", ["start", "random"])
def test_examples_are_the_plain_ones_changed_by_hand(folder, crop):
    plain, changed = opened(folder, crop=crop), opened(folder, crop=crop, **ALL)
    signs, delays = set(), set()
    for step in range(4):
        numbers = plain.choose(step, 5, lambda *_: True)
        for row, (before, after) in enumerate(zip(plain.batch(step, 5)[0], changed.batch(step, 5)[0], strict=True)):
            gain, shift, polarity, _ = drawn(7, step * 5 + row)
            sign, delay = (-1 if polarity < 0.5 else 1), round(0.004 * 16000 * shift)
            if crop == "random" and plain.clips[numbers[row]].length > 256:
                delay = 0  # it begins amid a sound
            wanted = np.zeros_like(before)
            wanted[delay:] = before[: 256 - delay] * sign * 10 ** (-6 * gain / 20)
            np.testing.assert_allclose(after, wanted, atol=1e-7)
            signs.add(sign), delays.add(delay)
    assert signs == {-1, 1} and len(delays) > 3 and max(delays) <= 64


def test_speed_is_that_of_a_resampled_sound(write, tmp_path):
    time = np.arange(4000)[:, None] / 16000
    write("tone.wav", 0.5 * np.sin(2 * np.pi * 440 * time), subtype="FLOAT")
    sounds = Sounds(tmp_path / "sounds", length=2000, crop="start", seed=3, augment_speed=0.1, progress=False)
    speeds = []
    for step in range(6):
        speed = 1.1 ** (2 * drawn(3, step)[3] - 1)
        speeds.append(speed)
        wanted = 0.5 * np.sin(2 * np.pi * 440 * speed * time[:2000])
        inside = slice(100, 1900)  # the resampler's filter reaches over the edges of what is read
        np.testing.assert_allclose(sounds.batch(step, 1)[0][0][inside], wanted[inside], atol=2e-3)
    assert min(speeds) < 0.98 and max(speeds) > 1.03
    high = 0.5 * np.sin(2 * np.pi * 7900 * time)  # no alias of what a faster play moves beyond half the rate
    assert np.abs(played(high.astype("float32"), 1.1, 4000)[200:-200]).max() < 1e-4
    tone = 0.5 * np.sin(2 * np.pi * 7000 * time)
    again = resample(tone[:, 0], 4400)  # slower by 1 / 1.1: SciPy's, in the frequency domain
    np.testing.assert_allclose(played(tone.astype("float32"), 1 / 1.1, 9999)[300:-300, 0], again[300:-300], atol=1e-3)


def test_a_faster_sound_that_is_over_leaves_silence(write, tmp_path):
    write("short.wav", seconds=0.05)
    sounds = Sounds(tmp_path / "sounds", length=800, augment_speed=0.5, seed=1, progress=False)
    batch = sounds.batch(0, 8)[0][:, :, 0]
    for example, sound in enumerate(batch):
        speed = 1.5 ** (2 * drawn(1, example)[3] - 1)
        silent = 800 - np.flatnonzero(sound)[-1] - 1
        assert abs(silent - max(0, 800 - 800 / speed)) <= 1.5


def test_every_reader_makes_the_same(folder):
    sounds = opened(folder, **ALL, augment_speed=0.05)
    wanted = [sounds.batch(k, 4)[0] for k in range(3, 8)]
    batches = Batches(sounds, 4, start_step=3)
    rows = [sounds.batch(3, 4, [k])[0][0] for k in (2, 0)]
    np.testing.assert_array_equal(rows, wanted[0][[2, 0]])
    for k, batch in enumerate(wanted):
        np.testing.assert_array_equal(batches[k][0], batch)
    if keras.backend.backend() == "tensorflow":
        found = dataset(sounds, 4, start_step=3).take(5).as_numpy_iterator()
        for audio, batch in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(audio, batch)
        halves = dataset(sounds, 4, start_step=3, rows=[[0, 1], [2, 3]]).take(2).as_numpy_iterator()
        np.testing.assert_array_equal(np.concatenate(list(halves)), wanted[0])


def test_nothing_changes_without_them(folder):
    """Digests of examples and fingerprints from before there were changes."""
    known = {"random": ("307a6ea93137ea59", "0235cd97df6d1ed4"), "start": ("ce39c575be22ecfb", "f572a50342e5a27e")}
    for crop, (fingerprint, digest) in known.items():
        sounds = opened(folder, crop=crop)
        data = b"".join(sounds.batch(k, 4)[0].tobytes() for k in range(5))
        assert (sounds.fingerprint, hashlib.sha256(data).hexdigest()[:16]) == (fingerprint, digest)
        assert sounds.augmented(**ALL).fingerprint != fingerprint == sounds.augmented().fingerprint


def test_notes_keep_their_pitch(write, tmp_path):
    write("piano_060.wav", seconds=0.05)
    write("piano_062.wav", seconds=0.05)
    notes = Notes(tmp_path / "sounds", length=1000, normalize="peak", progress=False, **ALL)
    assert "Every example is changed a little: level down to -6 dB, up to 4 ms later, polarity." in notes.summary()
    with pytest.raises(TypeError, match="augment_speed"):
        Notes(tmp_path / "sounds", augment_speed=0.1)


def test_recipes_hold_them():
    recipe = load_recipe({"model": {"name": "wavegan"}, "data": {**FINE_TUNING, "augment_speed": 0.1}})
    assert recipe.data["augment_speed"] == 0.1
    with pytest.raises(ValueError, match="unknown key augment_gain"):
        load_recipe({"model": {"name": "segan"}, "data": {"augment_gain": 3.0}})


@pytest.mark.parametrize(
    "options, message",
    [
        ({"gain": -1.0}, "augment_gain must be a number from 0 to 60 dB. Received: augment_gain=-1.0"),
        ({"gain": float("nan")}, "augment_gain must be a number"),
        ({"shift": 11.0}, "augment_shift must be a number from 0 to 10 seconds"),
        ({"polarity": 1}, "augment_polarity must be true or false. Received: augment_polarity=1"),
        ({"speed": True}, "augment_speed must be a number from 0 to 0.5 of the speed"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Augment(**options)
