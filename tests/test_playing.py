"""Songs: where notes lie, how loud they are and for how long, and which timbre and pitch they have."""

import json

import numpy as np
import pytest
import soundfile

from tf_audio_gan import GANSynth, WaveGAN, playing, render_midi

mido = pytest.importorskip("mido")
RATE = 8000
SMALL = {
    "sample_rate": RATE, "length": 280, "frames": 16, "bins": 32, "blocks": 2, "filters": 16, "max_filters": 6,
    "latent_dim": 5, "labels": [str(pitch) for pitch in range(60, 72)], "batch_size": 4,
}  # fmt: skip


class Sines(GANSynth):
    """Second-long sines of the pitch asked for, whose negative half is deeper; remembers what it was asked for."""

    def __init__(self):
        super().__init__(**SMALL)
        self.length, self.asked = RATE, []

    def generate_from(self, latents, batch_size=8, labels=None):
        pitches = self.pitches[np.argmax(labels, axis=1)]
        self.asked += list(zip(pitches.tolist(), np.round(latents, 4).tolist(), strict=True))
        time = np.arange(RATE) / RATE
        tones = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time) for p in pitches]
        return np.stack([np.where(tone < 0, tone, 0.5 * tone) for tone in tones])[..., None].astype("float32")


@pytest.fixture
def model():
    return Sines()


@pytest.fixture
def song(tmp_path):
    def write(*notes, name="song.mid", parts=1):
        """Notes are (start, end, pitch, velocity, part), seconds to a hundredth."""
        file = mido.MidiFile(ticks_per_beat=50)
        for part in range(parts):
            events = [n for n in notes if (n[4] if len(n) > 4 else 0) == part]
            messages = [(round(100 * n[1]), 0, mido.Message("note_off", note=n[2], channel=part)) for n in events]
            messages += [
                (round(100 * n[0]), 1, mido.Message("note_on", note=n[2], velocity=n[3], channel=part)) for n in events
            ]
            track, now = mido.MidiTrack(), 0
            for tick, _, message in sorted(messages, key=lambda m: m[:2]):
                track.append(message.copy(time=tick - now))
                now = tick
            file.tracks.append(track)
        file.save(tmp_path / name)
        return tmp_path / name

    return write


def read(path):
    audio, rate = soundfile.read(path)
    return audio, rate


def test_a_note_begins_at_its_sample_and_falls_after_its_end(model, song, tmp_path):
    made = render_midi(model, song((0.5, 1.0, 69, 127)), tmp_path / "a.wav", attack=0.0, gain=0.0)
    audio, rate = read(made.path)
    assert rate == RATE and len(audio) == round(1.3 * RATE) and made.seconds == 1.3 and made.notes == 1
    assert not audio[: RATE // 2 + 1].any() and abs(audio[RATE // 2 + 1]) > 0.1
    np.testing.assert_allclose(audio.min(), -1.0, atol=1e-4)
    peaks = np.abs(audio[RATE:].reshape(-1, 80)).max(axis=1)  # hundredths of a second, falling for 0.3 s
    np.testing.assert_allclose(peaks, np.linspace(1, 0, 31)[:-1], atol=0.05)


def test_loudness_is_velocity_and_chords_add_up(model, song, tmp_path):
    notes = (0.0, 0.5, 60, 127), (1.0, 1.5, 60, 64), (2.0, 2.5, 60, 127), (2.0, 2.5, 60, 127, 1)
    audio, _ = read(render_midi(model, song(*notes, parts=2), tmp_path / "a.wav").path)
    peaks = [np.abs(audio[s * RATE : (s + 1) * RATE]).max() for s in range(3)]
    np.testing.assert_allclose(peaks, 10 ** (-6 / 20) * np.array([0.5, 64 / 254, 1.0]), rtol=2e-3)


def test_the_attack_rises_linearly(model, song, tmp_path):
    audio, _ = read(render_midi(model, song((0.0, 0.9, 69, 127)), tmp_path / "a.wav", attack=0.5, gain=0.0).path)
    peaks = np.abs(audio[: RATE // 2].reshape(-1, 400)).max(axis=1)
    np.testing.assert_allclose(peaks, np.linspace(0.1, 1, 10), atol=0.02)


def test_a_long_note_is_held_and_in_tune(model, song, tmp_path):
    audio, _ = read(render_midi(model, song((0.0, 5.0, 69, 127)), tmp_path / "a.wav", gain=0.0).path)
    levels = np.sqrt(np.mean(audio[400 : 400 + 4 * RATE].reshape(-1, 800) ** 2, axis=1))
    np.testing.assert_allclose(levels, levels[0], rtol=0.05)
    found = np.fft.rfftfreq(2**15, 1 / RATE)[np.abs(np.fft.rfft(audio[4000 : 4000 + 2**15])).argmax()]
    assert abs(found - 440) < 0.3


@pytest.mark.parametrize("seconds", [1.0, 5.0, 11.9, 60.0])
def test_songs_of_any_length_are_finite_and_as_long_as_they_say(seconds, model, song, tmp_path):
    starts = np.arange(0, seconds - 0.5, 0.5)
    notes = [(s, s + 0.4, 60 + i % 12, 100) for i, s in enumerate(starts)] + [(0.0, seconds, 65, 80, 1)]
    made = render_midi(model, song(*notes, parts=2), tmp_path / "a.wav")
    audio, _ = read(made.path)
    assert np.isfinite(audio).all() and len(audio) == np.ceil((seconds + 0.3) * RATE) and made.notes == len(notes)
    np.testing.assert_allclose(np.abs(audio).max(), 10 ** (-6 / 20), rtol=1e-3)


def latents(model, *seeds):
    return np.asarray(model.latents(np.array(seeds)))


def test_timbres_change_on_the_way_from_seed_to_seed(model, song, tmp_path):
    notes = [(s, s + 1.0, 60, 100) for s in (0.0, 3.0, 6.0, 11.0)]
    render_midi(model, song(*notes), tmp_path / "a.wav", seed=7)
    keys = latents(model, 7, 8, 9)  # at 0, 6 and 12 s
    expected = [keys[0], np.asarray(model.between(keys[0], keys[1], 0.5)), keys[1]]
    expected.append(np.asarray(model.between(keys[1], keys[2], 5 / 6)))
    assert len(model.asked) == 4
    np.testing.assert_allclose([x for _, x in model.asked], expected, atol=2e-4)


def test_timbres_by_list_by_part_and_one_for_all(model, song, tmp_path):
    notes = [(0.0, 1.0, 60, 100), (1.0, 2.0, 62, 100, 1), (3.0, 4.0, 64, 100)]
    path = song(*notes, parts=2)
    for options, wanted in (
        ({"per_part": True, "seed": 4}, (4, 5, 4)),
        ({"per_part": True, "seed": [9]}, (9, 9, 9)),
        ({"seconds_per_timbre": 0, "seed": 3}, (3, 3, 3)),
        ({"seed": [5]}, (5, 5, 5)),
    ):
        model.asked.clear()
        render_midi(model, path, tmp_path / "a.wav", **options)
        np.testing.assert_allclose([x for _, x in model.asked], latents(model, *wanted), atol=1e-4)


def test_notes_outside_are_folded_or_left_out(model, song, tmp_path):
    path = song((0.0, 0.5, 36, 100), (0.5, 1.0, 71, 100), (1.0, 1.5, 100, 100))
    made = render_midi(model, path, tmp_path / "a.wav")
    assert sorted(pitch for pitch, _ in model.asked) == [60, 64, 71] and made.folded == 2 and made.left_out == 0
    made = render_midi(model, path, tmp_path / "a.wav", fold=False)
    assert made.notes == 1 and made.left_out == 2 and made.folded == 0
    with pytest.raises(ValueError, match=r"none of the 1 notes of .*low.mid is in the model's range, 60 to 71; fold"):
        render_midi(model, song((0.0, 1.0, 30, 100), name="low.mid"), tmp_path / "a.wav", fold=False)


def test_the_same_sound_is_made_once(model, song, tmp_path):
    path = song(*[(s / 10, s / 10 + 0.1, 60 + s % 2, 100) for s in range(100)])
    render_midi(model, path, tmp_path / "a.wav", seconds_per_timbre=0)
    assert len(model.asked) == 2


def test_another_sample_rate_moves_nothing(model, song, tmp_path):
    path = song((0.5, 1.0, 69, 127))
    low, _ = read(render_midi(model, path, tmp_path / "a.wav").path)
    high, rate = read(render_midi(model, path, tmp_path / "b.wav", sample_rate=48_000).path)
    assert rate == 48_000 and len(high) == 6 * len(low)
    np.testing.assert_allclose(high[::6][4200:9000], low[4200:9000], atol=0.05)


def test_gaps_are_silent_and_blocks_join(model, song, tmp_path, monkeypatch):
    notes = [(0.0, 0.5, 60, 100), (7.0, 7.2, 62, 100), (7.1, 9.0, 64, 100), (30.0, 30.5, 65, 100)]
    whole, _ = read(render_midi(model, song(*notes), tmp_path / "a.wav").path)
    monkeypatch.setattr(playing, "_BLOCK", 1000)
    monkeypatch.setattr(playing, "_TOGETHER", 1)
    np.testing.assert_array_equal(read(render_midi(model, song(*notes), tmp_path / "b.wav").path)[0], whole)
    assert not whole[round(9.31 * RATE) : 30 * RATE].any()


def test_silent_notes_are_silence(model, song, tmp_path):
    model.generate_from = lambda latents, *_: np.zeros((len(latents), RATE, 1), "float32")
    assert not read(render_midi(model, song((0.0, 0.5, 60, 100)), tmp_path / "a.wav").path)[0].any()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"attack": -1.0}, "attack must be a number of seconds from 0. Received: attack=-1.0"),
        ({"release": float("nan")}, "release must be a number of seconds from 0"),
        ({"held": 2.0}, "held must lie within the model's note, 1 s. Received: held=2.0"),
        ({"sample_rate": 0}, "sample_rate must be from 1000 to 384000 Hz. Received: sample_rate=0"),
        ({"seed": []}, "seed is an empty list"),
    ],
)
def test_refusals(options, message, model, song, tmp_path):
    with pytest.raises(ValueError, match=message):
        render_midi(model, song((0.0, 0.5, 60, 100)), tmp_path / "a.wav", **options)
    assert not (tmp_path / "a.wav").exists()


def test_other_models_and_files_are_refused(model, song, tmp_path):
    path = song((0.0, 0.5, 60, 100))
    with pytest.raises(ValueError, match="a WaveGAN makes no notes of a pitch; take a GANSynth"):
        render_midi(WaveGAN(length=256, strides=[4, 4], dim=2), path, tmp_path / "a.wav")
    with pytest.raises(ValueError, match=r"a song is written to one WAV file. Received: .*a.mp3; name it a.wav"):
        render_midi(model, path, tmp_path / "a.mp3")


def test_the_command_plays_a_song_and_makes_notes(command, song, tmp_path):
    GANSynth(**SMALL).save_to_preset(tmp_path / "preset")
    path = song((0.0, 0.1, 60, 100), (0.1, 0.2, 30, 100))
    options = ("--midi", path, "--out", tmp_path / "song.wav", "--seeds", "3,5", "--gain", 0)
    status, out, _ = command("generate", tmp_path / "preset", *options)
    assert status == 0 and "2 notes of 1 parts" in out and "1 notes moved by octaves" in out
    assert np.abs(read(tmp_path / "song.wav")[0]).max() > 0.99
    found = json.loads(command("generate", tmp_path / "preset", *options, "--json")[1])
    assert found["path"] == str(tmp_path / "song.wav") and (found["notes"], found["folded"]) == (2, 1)
    status, out, _ = command(
        "generate", tmp_path / "preset", "--pitch", "60-62,B4", "--seed", 4, "--out", tmp_path / "o"
    )
    assert status == 0 and "4 sounds" in out
    made = {p.name.split("_", 1)[1]: read(p)[0] for p in (tmp_path / "o").glob("*.wav")}
    assert set(made) == {f"seed_4_{pitch}.wav" for pitch in (60, 61, 62, 71)}
    status, out, _ = command(
        "generate", tmp_path / "preset", "--pitch", "C4", "--interpolate", 3, "--out", tmp_path / "i"
    )
    assert status == 0 and "3 sounds" in out
    for wrong, message in (
        (("--pitch", "H4"), "--pitch takes MIDI numbers or names"),
        (("--pitch", "62-60"), "--pitch takes MIDI numbers or names"),
        (("--pitch", "59"), "59"),
        (("--gain", 0), "--gain is for songs alone"),
        (("--midi", path, "--n", 3), "--n is not for songs"),
        (("--midi", path, "--seeds", "a"), "--seeds takes whole numbers"),
    ):
        status, out, err = command("generate", tmp_path / "preset", *wrong, "--out", tmp_path / "x.wav")
        assert status == 1 and message in err and "Traceback" not in err, (wrong, err)
