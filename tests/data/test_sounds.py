import librosa
import numpy as np
import pytest
import soundfile

from tf_audio_gan import Sounds
from tf_audio_gan.data.cache import Cache


def test_shapes_ranges_and_types(folder):
    audio, labels = Sounds(folder, length=4096).batch(0, 8)
    assert audio.shape == (8, 4096, 1) and audio.dtype == np.float32 and np.abs(audio).max() <= 1
    assert labels.shape == (8,) and labels.dtype == np.int32 and not labels.any()


def test_every_example_is_a_crop_of_its_file(folder):
    sounds = Sounds(folder, length=2048, labels="prefix")
    files = {c.path: librosa.load(folder / c.path, sr=16000)[0] for c in sounds.clips}
    audio, labels = sounds.batch(1, 6)
    for example, label in zip(audio[..., 0], labels, strict=True):
        name = sounds.label_names[label]
        mine = [x for path, x in files.items() if path.split("/")[1].startswith(name)]
        best = min(np.abs(np.lib.stride_tricks.sliding_window_view(x, 2048) - example).max(1).min() for x in mine)
        assert best < 2e-6


def test_two_instances_and_a_restart_give_the_same_bits(folder):
    first, second = Sounds(folder, length=4096, seed=5), Sounds(folder, length=4096, seed=5, cache_mb=0)
    batches = [first.batch(step, 10)[0] for step in range(12)]
    for step in (11, 4, 0):
        np.testing.assert_array_equal(second.batch(step, 10)[0], batches[step])
    assert not np.array_equal(Sounds(folder, length=4096, seed=6).batch(0, 10)[0], batches[0])


def test_short_clips_are_padded_on_the_right_and_start_is_the_start(write, tmp_path):
    short, long = write("short.wav", seconds=0.1), write("long.wav", seconds=2)
    sounds = Sounds(tmp_path / "sounds", length=8000, crop="start")
    by_length = {clip.length: soundfile.read(tmp_path / "sounds" / clip.path)[0] for clip in sounds.clips}
    for step in range(4):
        for example in sounds.batch(step, 2)[0][..., 0]:
            source = by_length[1600] if not example[1600:].any() else by_length[32000]
            count = min(8000, len(source))
            np.testing.assert_allclose(example[:count], source[:count], atol=1e-6)
            assert not example[count:].any()
    assert short.exists() and long.exists()


def test_one_pass_holds_every_example_once_as_training_sees_it(write, tmp_path):
    write("long.wav", seconds=1)
    write("short.wav", seconds=0.1)
    sounds = Sounds(tmp_path / "sounds", length=2048, seed=3)
    assert sounds.examples == round(16000 / 2048) + 1
    for batch_size in (2, 4, 64):
        parts = list(sounds.one_pass(batch_size))
        assert all(len(part) == batch_size for part in parts[:-1])
        np.testing.assert_array_equal(np.concatenate(parts), sounds.batch(0, sounds.examples)[0])


def test_crops_reach_both_ends(write, tmp_path):
    write("ramp.wav", np.linspace(-0.9, 0.9, 1100), subtype="FLOAT")
    audio, _ = Sounds(tmp_path / "sounds", length=1000).batch(0, 2000)
    starts = np.rint((audio[:, 0, 0] + 0.9) / 1.8 * 1099).astype(int)
    assert starts.min() == 0 and starts.max() == 100
    assert np.bincount(starts).min() > 5


def test_weighting(write, tmp_path):
    write("a/long.wav", seconds=9)
    write("b/short.wav", seconds=1)
    write("c/tiny.wav", seconds=0.01)
    by_duration = Sounds(tmp_path / "sounds", length=16000, labels="folder")
    labels = np.concatenate([by_duration.batch(step, 11)[1] for step in range(10)])
    assert np.bincount(labels).tolist() == [90, 10, 10]
    by_file = Sounds(tmp_path / "sounds", length=16000, labels="folder", weighting="file")
    assert np.bincount(np.concatenate([by_file.batch(step, 30)[1] for step in range(10)])).tolist() == [100] * 3
    starts = Sounds(tmp_path / "sounds", length=16000, labels="folder", crop="start")
    assert np.bincount(starts.batch(0, 30)[1]).tolist() == [10] * 3


@pytest.mark.parametrize("rate", (16000, 44100))
def test_normalize(write, tmp_path, rate, rng):
    tone = 0.02 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    write("quiet.wav", tone, rate=rate, subtype="FLOAT")
    peak = Sounds(tmp_path / "sounds", length=16000, normalize="peak").batch(0, 1)[0]
    rms = Sounds(tmp_path / "sounds", length=16000, normalize="rms").batch(0, 1)[0]
    assert np.abs(peak).max() == pytest.approx(1, abs=0.01)
    assert np.sqrt(np.mean(rms**2)) == pytest.approx(0.1, abs=0.001)
    click = np.full(16000, 1e-4)
    click[::4000] = 0.5
    write("quiet.wav", click, subtype="FLOAT")
    guarded = Sounds(tmp_path / "sounds", length=16000, normalize="rms").batch(0, 1)[0]
    assert np.abs(guarded).max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("files", "channels"), [(1, 2), (2, 2), (2, 1), (8, 1), (8, 8)])
def test_channel_conversions(write, tmp_path, files, channels):
    path = write("a.wav", seconds=0.5, channels=files, subtype="FLOAT")
    source, _ = soundfile.read(path, always_2d=True)
    audio, _ = Sounds(tmp_path / "sounds", length=8000, channels=channels).batch(0, 1)
    expected = source if files == channels else np.repeat(source.mean(1, keepdims=True), channels, axis=1)
    np.testing.assert_allclose(audio[0], expected, atol=1e-6)


def test_long_files_are_read_by_windows(write, tmp_path, monkeypatch):
    monkeypatch.setattr("tf_audio_gan.data.folder.WHOLE_SECONDS", 1)
    path = write("long.flac", seconds=2, rate=44100)
    whole, _ = librosa.load(path, sr=16000)
    sounds = Sounds(tmp_path / "sounds", length=1024)
    windows = np.lib.stride_tricks.sliding_window_view(whole, 1024)
    for example in sounds.batch(0, 3)[0][..., 0]:
        assert np.abs(windows - example).max(1).min() < 1e-5
    assert sounds._source._cache.bytes == 0


def test_the_cache_keeps_its_bound(rng):
    cache = Cache(1)
    for key in range(40):
        cache.put(key, rng.uniform(-1, 1, (20_000, 1)).astype(np.float32))
        assert cache.bytes <= 2**20
    assert cache.get(0, 0, 5) is None and cache.get(39, 0, 5).shape == (5, 1)
    cache.put("too much", np.ones((2**20, 1), np.float32) / 3)
    assert cache.get("too much", 0, 1) is None
    pcm = (rng.integers(-32768, 32768, (9, 1)) / 32768).astype(np.float32)
    cache.put("pcm", pcm)
    assert cache._items["pcm"].dtype == np.int16
    np.testing.assert_array_equal(cache.get("pcm", 2, 4), pcm[2:6])


def test_fingerprint_and_summary(folder, write):
    sounds = Sounds(folder, length=4096, labels="folder")
    assert sounds.fingerprint == Sounds(folder, length=4096, labels="folder", cache_mb=1).fingerprint
    assert sounds.fingerprint != Sounds(folder, length=4096).fingerprint
    assert len(sounds) == 12 and sounds.seconds == pytest.approx(sum(0.3 + 0.1 * i for i in range(12)), abs=0.01)
    assert "12 sounds" in sounds.summary() and "Warning" in sounds.summary() and "3 labels: a, b, c" in sounds.summary()
    write("a/x_new.wav")
    assert sounds.fingerprint != Sounds(folder, length=4096, labels="folder").fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "end"}, "crop must be one of random, start; received 'end'"),
        ({"normalize": True}, "normalize must be one of none, peak, rms; received True"),
        ({"weighting": "size"}, "weighting must be one of duration, file"),
        ({"length": 0}, "length must be a whole number from 1"),
        ({"sample_rate": 44.1}, "sample_rate must be a whole number from 1000 to 768000; received 44.1"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"decoder": "ffmpeg"}, "decoder must be one of soundfile, tensorflow, tensorflow-io; received 'ffmpeg'"),
        ({"labels": "name"}, "labels must be None, 'folder', 'prefix' or the path of a .csv table; received 'name'"),
    ],
)
def test_settings_out_of_range(folder, options, message):
    with pytest.raises(ValueError, match=message):
        Sounds(folder, **options)


def test_wrong_paths(tmp_path, write):
    with pytest.raises(FileNotFoundError, match="no folder at .*nowhere"):
        Sounds(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="a.wav is a file; name the folder that holds"):
        Sounds(write("a.wav"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no audio files; name a folder"):
        Sounds(tmp_path / "empty")
    with pytest.raises(ValueError, match="step must be at least 0"):
        Sounds(tmp_path / "sounds").batch(-1, 4)


def test_a_subset_is_those_clips_and_nothing_else(folder):
    sounds = Sounds(folder, sample_rate=16000, length=4000, labels="folder", weighting="file", crop="start")
    part = sounds.subset([7, 2, 11])
    assert [clip.path for clip in part.clips] == [sounds.clips[n].path for n in (7, 2, 11)] and len(sounds) == 12
    assert part.label_names == sounds.label_names and part.fingerprint != sounds.fingerprint
    whole, labels = sounds.batch(0, 12)
    audio, numbers = part.batch(0, 3)
    for sound, number in zip(audio, numbers, strict=True):
        (row,) = [i for i in range(12) if np.array_equal(whole[i], sound)]
        assert labels[row] == number
    assert len({sound.tobytes() for sound in audio}) == 3
    shorter = sounds.subset([7, 2], lengths=[900, 1000])
    assert shorter.seconds == 1900 / 16000 and shorter.rates == [sounds.rates[7], sounds.rates[2]] == [22050, 16000]
    assert not shorter.batch(0, 2)[0][:, 1000:].any()
    with pytest.raises(ValueError, match="needs at least one of its 12 clips"):
        sounds.subset([])
