"""MIDI files as notes in seconds, against files that are written here message by message."""

import struct

import pytest

from tf_audio_gan.data.midi import Note, read_midi

mido = pytest.importorskip("mido")
Message, Meta = mido.Message, mido.MetaMessage


def write(path, *tracks, ticks=480, kind=1):
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def on(note, time=0, velocity=100, channel=0):
    return Message("note_on", note=note, velocity=velocity, channel=channel, time=time)


def off(note, time=0, channel=0):
    return Message("note_off", note=note, channel=channel, time=time)


def pedal(value, time=0):
    return Message("control_change", control=64, value=value, time=time)


def times(song):
    return [(round(note.start, 6), round(note.end, 6), note.pitch) for note in song.notes]


def test_notes_are_in_seconds_and_in_order(tmp_path):
    melody = [Meta("track_name", name="flute"), on(60, 480), off(60, 240), on(64, 0, 0), on(67, 0, 30), off(67, 480)]
    bass = [on(36, 0, 90, 2), on(36, 960, 0, 2)]
    song = read_midi(str(write(tmp_path / "a.mid", [], melody, bass)))
    assert song.notes == (
        Note(0.0, 1.0, 36, 90, 1), Note(0.5, 0.75, 60, 100, 0), Note(0.75, 1.25, 67, 30, 0),
    )  # fmt: skip
    assert song.parts == ("flute, channel 1", "track 3, channel 3") and song.seconds == 1.25 and song.drums == 0


def test_tempo_changes_hold_for_all_tracks(tmp_path):
    tempo = [Meta("set_tempo", tempo=1_000_000), Meta("set_tempo", tempo=250_000, time=200)]
    song = read_midi(write(tmp_path / "a.mid", tempo, [on(60, 100), off(60, 200)], ticks=100))
    assert times(song) == [(1.0, 2.25, 60)], "100 ticks of 10 ms, then 100 of 10 and 100 of 2.5"


def test_the_pedal_holds_notes_and_a_second_stroke_ends_the_first(tmp_path):
    track = [
        pedal(127),
        on(60),
        off(60, 480),
        on(62),
        on(62, 480),
        off(62, 480),
        pedal(0, 480),
        on(64, 0),
        off(64, 480),
    ]
    assert times(read_midi(write(tmp_path / "a.mid", track))) == [
        (0.0, 2.0, 60), (0.5, 1.0, 62), (1.0, 2.0, 62), (2.0, 2.5, 64),
    ]  # fmt: skip


def test_a_note_that_never_ends_does_so_with_its_track(tmp_path):
    assert times(read_midi(write(tmp_path / "a.mid", [on(60), on(62, 480), off(62, 480)]))) == [
        (0.0, 1.0, 60), (0.5, 1.0, 62),
    ]  # fmt: skip


def test_drums_are_counted_and_left_out(tmp_path):
    song = read_midi(write(tmp_path / "a.mid", [on(36, 0, 99, 9), off(36, 10, 9), on(60), off(60, 10)], kind=0))
    assert song.drums == 1 and [note.pitch for note in song.notes] == [60]


def header(kind=1, tracks=1, division=480):
    return b"MThd" + struct.pack(">IHHH", 6, kind, tracks, division)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "cannot be read as a MIDI file .*Export it again"),
        (b"RIFF1234WAVE", "cannot be read as a MIDI file"),
        (header() + b"MTrk" + struct.pack(">I", 100) + b"\x00\x90\x3c", "cannot be read as a MIDI file"),
        (header() + b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00", "holds no notes; there is nothing to play"),
        (header(2) + b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00", "format 2"),
        (header(division=0xE728) + b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00", "SMPTE"),
        (header(division=0) + b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00", "ticks per quarter note"),
    ],
)
def test_what_is_no_song_is_one_error_that_names_the_file(content, message, tmp_path):
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.mid.*{message}"):
        read_midi(tmp_path / "a.mid")


def test_every_cut_and_many_flips_of_a_file_are_a_song_or_a_value_error(tmp_path, rng):
    whole = write(tmp_path / "a.mid", [on(60), off(60, 480), on(62), pedal(127), off(62, 480)]).read_bytes()
    hurt = [whole[:n] for n in range(len(whole))]
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] = rng.integers(256)
        hurt.append(bytes(flipped))
    refused = 0
    for content in hurt:
        (tmp_path / "b.mid").write_bytes(content)
        try:
            assert read_midi(tmp_path / "b.mid").notes
        except ValueError as error:
            refused += 1
            assert str(tmp_path / "b.mid") in str(error)
    assert refused > 50


def test_other_refusals(tmp_path):
    with pytest.raises(ValueError, match="only drums .1 notes of channel 10."):
        read_midi(write(tmp_path / "a.mid", [on(36, 0, 99, 9), off(36, 10, 9)]))
    with pytest.raises(ValueError, match="lasts 13.9 hours; at most 6 are played"):
        read_midi(write(tmp_path / "a.mid", [on(60, 0), off(60, 100_000)], ticks=1))
    with pytest.raises(FileNotFoundError, match="no such file; give a MIDI file"):
        read_midi(tmp_path / "b.mid")
