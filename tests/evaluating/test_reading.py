"""Folders as sets of clips: every file once, halves without a common file, silence counted."""

import numpy as np
import pytest
import soundfile

from tf_audio_gan.evaluating import reading

FORM = {"sample_rate": 8000, "length": 4000, "channels": 1, "crop": "start", "normalize": "none"}


@pytest.fixture
def folder(tmp_path, rng):
    """Ten noises of half a second, each of its own level, and one of 3.2 s."""
    for i in range(10):
        audio = 0.05 * (i + 1) * rng.uniform(-1, 1, 4000)
        (tmp_path / f"c{i % 2}").mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"c{i % 2}" / f"{i}.wav", audio, 8000)
    soundfile.write(tmp_path / "c0" / "long.wav", rng.uniform(-0.5, 0.5, 25600), 8000)
    return tmp_path


def test_every_file_gives_its_first_samples(folder):
    sounds = reading.open_sounds(folder, FORM, "folder", progress=False)
    clips = reading.read(sounds, [place for file in reading.places(sounds) for place in file])
    assert clips.names == sorted(clips.names) and len(clips.names) == 11 and clips.audio.shape == (11, 4000, 1)
    for name, audio, label in zip(clips.names, clips.audio, clips.labels, strict=True):
        expected = soundfile.read(folder / name, dtype="float32")[0][:4000]
        np.testing.assert_allclose(audio[:, 0], expected, atol=1e-6)
        assert sounds.label_names[label] == name[:2]


def test_windows_cover_a_long_file_from_its_start_to_its_end(folder):
    sounds = reading.open_sounds(folder, FORM | {"crop": "random"}, progress=False)
    found = next(file for file in reading.places(sounds) if "long" in file[0].name)
    assert len(found) == 6, "25600 samples are 6.4 clips of 4000"
    clips = reading.read(sounds, found)
    whole = soundfile.read(folder / "c0" / "long.wav", dtype="float32")[0]
    np.testing.assert_allclose(clips.audio[0, :, 0], whole[:4000], atol=1e-6)
    np.testing.assert_allclose(clips.audio[-1, :, 0], whole[-4000:], atol=1e-6)
    start = round(8000 * float(clips.names[2].split("@")[1]))
    np.testing.assert_allclose(clips.audio[2, :, 0], whole[start : start + 4000], atol=1e-6)


def test_halves_share_no_file_and_are_seeded(folder):
    sounds = reading.open_sounds(folder, FORM | {"crop": "random"}, progress=False)
    first, second = reading.halves(sounds, 3)
    files = [{place.number for place in half} for half in (first, second)]
    assert not files[0] & files[1] and files[0] | files[1] == set(range(11))
    assert abs(len(first) - len(second)) <= 6, "no more apart than the longest file's windows"
    again = reading.halves(sounds, 3)
    assert again == (first, second) != reading.halves(sounds, 4)


def test_too_few_files_are_refused(folder, tmp_path):
    for path in list(folder.rglob("*.wav"))[3:]:
        path.unlink()
    sounds = reading.open_sounds(folder, FORM, progress=False)
    with pytest.raises(ValueError, match="has 3 usable sounds; expected at least 4"):
        reading.halves(sounds, 0)


def test_silence_of_a_generator_counts_and_broken_files_do_not(folder):
    soundfile.write(folder / "c1" / "quiet.wav", np.zeros(4000), 8000)
    (folder / "c1" / "broken.wav").write_bytes(b"RIFF")
    sounds = reading.open_sounds(folder, FORM, "folder", progress=False)
    clips, names = reading.read_generated(sounds, 99, seed=0, labels="folder")
    assert len(clips.names) == 12 and names == ["c0", "c1"] and len(clips.labels) == 12
    assert not clips.audio[clips.names.index("c1/quiet.wav")].any()
    assert names[clips.labels[clips.names.index("c1/quiet.wav")]] == "c1"
    drawn = reading.read_generated(sounds, 5, seed=0)[0].names
    assert len(set(drawn)) == 5 and reading.read_generated(sounds, 5, seed=0)[0].names == drawn


class Judge:
    sample_rate, length, channels = 4000, 3000, 1


def test_a_judge_hears_its_own_rate_length_and_level(rng):
    tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    audio = np.stack([tone, np.zeros(4000)])[:, :, None].repeat(2, axis=2).astype(np.float32)
    heard = reading.for_judge(audio, 8000, Judge, "peak")
    assert heard.shape == (2, 3000, 1) and heard.dtype == np.float32 and not heard[1].any()
    assert abs(np.abs(heard[0, :2000]).max() - 1) < 1e-6 and not heard[0, 2000:].any()
    spectrum = np.abs(np.fft.rfft(heard[0, :2000, 0]))
    assert abs(spectrum.argmax() * 4000 / 2000 - 440) <= 2
    assert np.abs(reading.for_judge(audio, 8000, Judge)[0]).max() < 0.3
