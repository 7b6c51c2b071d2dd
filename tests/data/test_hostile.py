"""Files and folders as people have them."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds


@pytest.fixture
def root(tmp_path, write):
    write("good.wav")
    return tmp_path / "sounds"


def reasons(root, **options):
    sounds = Sounds(root, length=1024, **options)
    sounds.batch(0, 4)
    return dict(sounds.skipped)


def reasons_of_all(root):
    """What is said where not one file can be used."""
    with pytest.raises(ValueError) as error:
        Sounds(root, length=1024)
    return str(error.value)


def test_bytes_that_are_no_sound(root):
    good = (root / "good.wav").read_bytes()
    (root / "empty.wav").write_bytes(b"")
    (root / "header.wav").write_bytes(good[:20])
    (root / "no_body.wav").write_bytes(good[:44])
    (root / "noise.flac").write_bytes(os.urandom(5000))
    (root / "text.wav").write_text("not a sound\n" * 50)
    found = reasons(root)
    assert sorted(found) == ["empty.wav", "header.wav", "no_body.wav", "noise.flac", "text.wav"]
    assert found["empty.wav"] == "empty: 0 bytes" and found["no_body.wav"] == "empty: no samples"
    assert found["header.wav"].startswith("cannot be decoded: ") and str(root) not in found["header.wav"]


def test_a_body_cut_short_has_its_real_length(root, write):
    for extension in ("wav", "flac", "ogg", "mp3"):
        path = write(f"cut.{extension}", seconds=4)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        sounds = Sounds(root, length=1024)
        length = {clip.path: clip.length for clip in sounds.clips}[f"cut.{extension}"]
        assert 10_000 < length < 40_000
        assert not np.isnan(sounds.batch(0, 64)[0]).any() and not sounds.skipped
        path.unlink()


def test_the_rest_of_a_broken_flac_is_the_same_by_any_way_to_it(root, write):
    """Whole, through the cache, and window by window, up to the last sample before the break."""
    (root / "good.wav").unlink()
    path = write("cut.flac", seconds=4)
    whole, _ = soundfile.read(path, dtype="float32")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    cached = Sounds(root, length=1024)
    windows = Sounds(root, length=1024, cache_mb=0)
    kept = cached.clips[0].length
    for start in (0, 9000, kept - 1024):
        for sounds in (cached, windows):
            got = sounds._source.read(0, start, 1024)[:, 0]
            np.testing.assert_allclose(got, whole[start : start + 1024], atol=1e-4)
    path.write_bytes(path.read_bytes()[:300])
    assert "damaged from its first sample" in reasons_of_all(root)


def test_the_content_counts_not_the_extension(root, write):
    shutil.copy(write("a.flac"), root / "b.wav")
    shutil.copy(root / "good.wav", root / "c.mp3")
    shutil.copy(write("d.ogg"), root / "e.strange")
    shutil.copy(root / "good.wav", root / "none")
    for name in ("notes.txt", "table.csv", "cover.JPG", "LICENSE", "README"):
        (root / name).write_text("words")
    sounds = Sounds(root, length=1024)
    assert len(sounds) == 7 and not sounds.skipped


@pytest.mark.parametrize("subtype", ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"))
def test_wav_of_every_depth(root, write, subtype, rng):
    samples = rng.uniform(-0.9, 0.9, 4000).astype(np.float32)
    (root / "good.wav").unlink()
    write("a.wav", samples, subtype=subtype)
    audio, _ = Sounds(root, length=4000).batch(0, 1)
    np.testing.assert_allclose(audio[0, :, 0], samples, atol={"PCM_U8": 0.009, "ULAW": 0.03}.get(subtype, 4e-5))


@pytest.mark.parametrize("rate", (8000, 11025, 44100, 96000, 192000))
@pytest.mark.parametrize("channels", (1, 3, 8))
def test_rates_and_channels(root, write, rate, channels):
    write("a.flac", seconds=0.5, rate=rate, channels=channels)
    sounds = Sounds(root, length=1024)
    assert sounds.clips[0].length == 8000 and not sounds.skipped
    assert sounds.batch(0, 4)[0].any(axis=(1, 2)).all()


def test_levels_that_are_no_sound(root, write, rng):
    write("dc.wav", np.full(4000, 0.25))
    write("zero.wav", np.zeros(4000))
    write("one.wav", np.array([0.5]))
    write("nan.wav", np.array([0.1, np.nan, np.inf, 0.2], np.float32), subtype="FLOAT")
    write("all_nan.wav", np.full(100, np.nan, np.float32), subtype="FLOAT")
    write("three.wav", channels=3)
    found = reasons(root, channels=2)
    assert found["dc.wav"] == found["zero.wav"] == "silent (digital silence or a constant offset)"
    assert found["one.wav"] == "has one sample only"
    assert found["nan.wav"] == "2 of 4 samples are NaN or infinite"
    assert found["all_nan.wav"] == "100 of 100 samples are NaN or infinite"
    assert found["three.wav"].startswith("has 3 channels where 2 are wanted")
    write("offset.wav", 0.2 + rng.uniform(-0.01, 0.01, 4000))
    write("faint.wav", np.tile([0, 1, 0, -1], 1000).astype(np.int16))
    assert not {"offset.wav", "faint.wav"} & set(reasons(root, channels=2))


def test_louder_than_full_scale_is_clipped(root, write):
    (root / "good.wav").unlink()
    write("loud.wav", 3 * np.sin(np.arange(4000) / 9), subtype="FLOAT")
    assert np.abs(Sounds(root, length=4000).batch(0, 1)[0]).max() == 1
    peak = Sounds(root, length=4000, normalize="peak").batch(0, 1)[0][0, :, 0]
    np.testing.assert_allclose(peak, np.sin(np.arange(4000) / 9), atol=1e-5)


def test_names_folders_and_links(root, write, tmp_path):
    write("ünï/日本語/🥁.wav")
    write(f"{'n' * 200}/{'m' * 240}.flac")
    write(".hidden/a.wav")
    write("._resource.wav")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(root / "good.wav", elsewhere / "linked.wav")
    (root / "link").symlink_to(elsewhere)
    (root / "loop").symlink_to(root)
    (elsewhere / "back").symlink_to(root / "ünï")
    (root / "dead.wav").symlink_to(tmp_path / "gone.wav")
    os.mkfifo(root / "pipe.wav")
    sounds = Sounds(root, length=1024)
    assert [clip.path for clip in sounds.clips] == [
        "good.wav",
        "link/linked.wav",
        f"{'n' * 200}/{'m' * 240}.flac",
        "ünï/日本語/🥁.wav",
    ]
    assert sounds.skipped == [("dead.wav", "dead symbolic link"), ("pipe.wav", "not a regular file")]


def test_nothing_usable_is_an_error_at_once(tmp_path, write):
    write("a.wav", np.zeros(100))
    write("b.wav", np.zeros(100))
    with pytest.raises(ValueError, match=r"none of the 2 files in .* can be used \(a.wav: silent .*convert them"):
        Sounds(tmp_path / "sounds")


@pytest.mark.parametrize("damage", ("delete", "truncate", "rate", "nan"))
def test_a_file_that_breaks_during_training_is_replaced_and_named_once(root, write, damage):
    path = write("victim.wav", seconds=2)
    for i in range(4):
        write(f"{i}.wav")
    sounds = Sounds(root, length=8000, cache_mb=0)
    sounds.batch(0, 6)
    if damage == "delete":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "rate":
        soundfile.write(path, np.ones(32000) / 3, 8000)
    else:
        soundfile.write(path, np.full(32000, np.nan), 16000, subtype="FLOAT")
    batches = [sounds.batch(step, 6)[0] for step in range(6)]
    assert all(batch.any(axis=(1, 2)).all() and np.isfinite(batch).all() for batch in batches)
    assert [name for name, _ in sounds.skipped] == ["victim.wav"]
    assert sounds.skipped[0][1].startswith("during training: ")
    np.testing.assert_array_equal(sounds.batch(3, 6)[0], batches[3])


def test_when_every_file_is_gone_the_error_says_so(root):
    sounds = Sounds(root, length=1024, cache_mb=0)
    (root / "good.wav").unlink()
    with pytest.raises(
        RuntimeError, match="none of the 1 sounds in .* can be read any more .*good.wav: during training"
    ):
        sounds.batch(0, 4)
