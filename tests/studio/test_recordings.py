"""Recordings that visitors bring: what is refused, in which words, and what becomes of the others."""

import shutil

import numpy as np
import pytest
import soundfile

from tests.stand_ins import Amplifier
from tests.studio.test_sounds import NOTES
from tf_audio_gan import GANSynth, MelGAN
from tf_audio_gan.studio import markup, page, recordings
from tf_audio_gan.studio.recordings import Shelf, checked, denoised, revoiced, song

FRONT_END = {"sample_rate": 8000, "n_fft": 64, "hop_length": 16, "n_mels": 8, "fmin": 0, "fmax": 4000}


def tone(seconds=0.5, rate=16000, channels=1, gain=0.3):
    t = np.arange(int(seconds * rate)) / rate
    return gain * np.sin(2 * np.pi * 220 * t)[:, None] * np.linspace(1, 0.5, channels)


def write(path, audio, rate=16000, **kwargs):
    soundfile.write(path, audio, rate, **kwargs)
    return path


@pytest.fixture
def shelf():
    return Shelf()


@pytest.mark.parametrize(
    "name, words",
    [
        ("text", "text.wav is no sound file that can be read. WAV, FLAC, Ogg, MP3 and AIFF can"),
        ("nothing", "nothing.wav is no sound file that can be read"),
        ("empty", "empty.wav holds no samples"),
        ("silent", "silent.wav is silent from beginning to end. Is the microphone muted?"),
        ("long", "long.wav is longer than 60 seconds, the most that this page takes"),
        ("surround", "surround.wav has 6 channels; this page takes mono and stereo. Mix it down"),
        ("nan", "nan.wav holds samples that are no numbers"),
        ("fast", "fast.wav has 400000 samples a second; 192000 is the most"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words_for_whoever_chose_it(tmp_path, name, words):
    path = tmp_path / f"{name}.wav"
    if name == "text":
        path.write_text("Dear diary, this is no sound. " * 50)
    elif name == "nothing":
        path.write_bytes(b"")
    elif name == "nan":
        write(path, np.full((100, 1), np.nan), subtype="FLOAT")
    else:
        form = {"seconds": {"empty": 0, "long": 61}.get(name, 0.1), "channels": 6 if name == "surround" else 1}
        audio = tone(**form, gain=0.0 if name == "silent" else 0.3)
        write(path, audio, 400_000 if name == "fast" else 16000)
    with pytest.raises(ValueError) as caught:
        checked(str(path))
    assert words in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_a_minute_is_taken_and_a_sample_more_is_not(tmp_path):
    audio = np.full((60 * 8000 + 1, 1), 0.1)
    assert checked(write(tmp_path / "minute.flac", audio[:-1], 8000)).name == "minute.flac"
    with pytest.raises(ValueError, match="longer than 60 seconds"):
        checked(write(tmp_path / "more.flac", audio, 8000))
    for nothing in (None, ""):
        with pytest.raises(ValueError, match="There is no recording yet"):
            checked(nothing)


def test_a_denoised_recording_keeps_its_form_beside_what_it_was(tmp_path, shelf):
    path = write(tmp_path / "my voice.wav", tone(rate=24000, channels=2), 24000)
    before, after = denoised(Amplifier(0.0), path, shelf.place(), blend=0.25)
    assert (before.path.name, after.path.name) == ("my_voice.wav", "my_voice_denoised.wav")
    assert before.facts == after.facts == "0.50 s · 24 kHz · stereo"
    found, rate = soundfile.read(after.path)
    assert rate == 24000
    np.testing.assert_allclose(found, 0.25 * soundfile.read(path)[0], atol=1e-4)
    with pytest.raises(ValueError, match="blend must be from 0 to 1"):
        denoised(Amplifier(), path, shelf.place(), blend=2)


def test_a_voice_goes_through_a_vocoder_at_its_rate(tmp_path, shelf):
    model = MelGAN(upsample_scales=[4, 4], stacks=1, d_scales=1, channels=8, front_end=FRONT_END, segment_length=512)
    path = write(tmp_path / "voice.wav", tone(rate=16000, channels=2), 16000)
    before, after = revoiced(model, path, shelf.place())
    heard, rate = soundfile.read(before.path)
    made, its_rate = soundfile.read(after.path)
    assert rate == its_rate == 8000 and len(heard) == len(made) == 4000 and after.path.name == "voice_vocoded.wav"
    np.testing.assert_allclose(heard[500:3500], 0.75 * tone(rate=8000)[500:3500, 0], atol=2e-3)
    mel = np.concatenate(list(model.analyse([heard[:, None]])))
    np.testing.assert_allclose(made, np.clip(model.vocode(mel)[:4000, 0], -1, 1), atol=1e-4)


def test_spectrograms_before_and_after_have_one_scale(tmp_path, shelf):
    path = write(tmp_path / "a.wav", tone())
    before, same = denoised(Amplifier(1.0), path, shelf.place())
    assert before.picture == same.picture
    _, quiet = denoised(Amplifier(0.01), path, shelf.place())
    import io

    import matplotlib.image

    light = [matplotlib.image.imread(io.BytesIO(clip.picture))[..., :3].mean() for clip in (before, quiet)]
    assert light[1] < 0.7 * light[0], "40 dB less is darker, for the scale is that of before"


def midi_file(path, notes=4, seconds=0.25, drums=False):
    mido = pytest.importorskip("mido")
    file, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    file.tracks.append(track)
    for i in range(notes):
        pitch = (60, 61, 64)[i % 3]
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0, channel=9 if drums else 0))
        track.append(mido.Message("note_off", note=pitch, time=int(seconds * 960), channel=9 if drums else 0))
    file.save(path)
    return path


def test_a_midi_file_becomes_a_song_and_others_are_refused(tmp_path, shelf, monkeypatch):
    model = GANSynth(**NOTES)
    clip, played = song(model, midi_file(tmp_path / "tune.mid"), shelf.place(), [3, 4])
    audio, rate = soundfile.read(clip.path)
    assert (played.notes, rate, clip.title) == (4, 8000, "tune") and np.abs(audio).max() > 0.4
    assert len(audio) / rate == pytest.approx(4 * 0.25 + 0.3, abs=0.01)
    (tmp_path / "text.mid").write_text("no song")
    for path, words in (
        (None, "There is no song yet"),
        (tmp_path / "text.mid", r"^text.mid cannot be read as a MIDI file"),
        (midi_file(tmp_path / "drums.mid", drums=True), "^drums.mid holds only drums"),
        (midi_file(tmp_path / "day.mid", 2, 200.0), "day.mid has 2 notes in 400 seconds; this page plays 3000 notes"),
    ):
        with pytest.raises(ValueError, match=words):
            song(model, path, shelf.place())
    monkeypatch.setattr(recordings, "LARGEST_MIDI", 10)
    with pytest.raises(ValueError, match="tune.mid is larger than"):
        song(model, tmp_path / "tune.mid", shelf.place())


def test_a_shelf_holds_the_latest_results_and_is_gone_at_the_end():
    shelf = Shelf(kept=3)
    places = [shelf.place() for _ in range(5)]
    assert [place.is_dir() for place in places] == [False, False, True, True, True]
    folder = shelf.folder
    del shelf
    assert not folder.exists()
    shutil.rmtree(folder, ignore_errors=True)


def test_what_comes_from_outside_is_escaped(tmp_path, shelf):
    evil = "<img src=x onerror=alert(1)>"
    clip = recordings.Clip(evil, tmp_path / "a'&<b>.wav", "1 s", b"png")
    for made in (markup.result_html(evil, [clip]), markup.failure(ValueError(evil))):
        assert "<img src=x" not in made and "<b>.wav" not in made and "&lt;img src=x" in made
    found = markup.scripted_html(type("Two", (), {"names": lambda self, use: ["a", evil]})(), "pads", "drums")
    assert "<img src=x" not in found and found.count("<option>") == 2 and found.count("data-n=") == 16
    assert "{" not in found


def test_seeds_are_typed_with_commas():
    assert page.seeds_in("0, 1,2  3") == [0, 1, 2, 3]
    for wrong in ("", "a", "1.5", "1; 2"):
        with pytest.raises(ValueError, match="whole numbers with commas"):
            page.seeds_in(wrong)
