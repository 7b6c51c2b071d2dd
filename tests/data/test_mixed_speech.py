"""Noise that is mixed in while training: what the examples are made of, that they repeat, and what goes wrong."""

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from tf_audio_gan import Batches, MixedSpeech, prepare_sounds
from tf_audio_gan.audio.mixing import active_level, mix
from tf_audio_gan.audio.reverberation import impulse_response


@pytest.fixture
def noises(write, rng):
    """Three noises shorter and longer than the speech, one that grows louder, one of another rate."""
    write("noise/short.wav", seconds=0.2)
    write("noise/long.wav", np.linspace(0.1, 0.5, 48000) * rng.uniform(-1, 1, 48000))
    write("noise/deep/other.wav", seconds=1, rate=48000)


@pytest.fixture
def root(tmp_path, write, rng, noises):
    """Speech of different loudness and two lengths, with pauses; see `noises`."""
    for i in range(6):
        loud = np.repeat(rng.uniform(0, 0.5, 8 + 4 * (i % 2)) ** 2 * (1 + i % 3), 2000)
        write(f"clean/{i}.wav", loud * rng.uniform(-0.6, 0.6, len(loud)))
    return tmp_path / "sounds"


def mixed(root, **options):
    return MixedSpeech(root / "clean", root / "noise", **{"length": 2048, "progress": False, **options})


def spoken(root, number):
    return soundfile.read(root / f"clean/{number}.wav", dtype="float32")[0]


def source_of(clean, root):
    """(the speech a window was taken from, its first sample there)."""
    for number in range(6):
        speech = spoken(root, number)
        heads = np.lib.stride_tricks.sliding_window_view(speech, 16)
        for start in np.flatnonzero((heads == clean[:16]).all(1)):
            if np.array_equal(speech[start : start + len(clean)], clean):
                return speech, int(start)
    raise AssertionError("no file has this window")


def test_shapes_ranges_and_types(root):
    sounds = mixed(root, snr=[-20])
    audio, labels = sounds.batch(0, 8)
    assert audio.shape == (8, 2048, 2) and audio.dtype == np.float32 and np.isfinite(audio).all()
    assert np.abs(audio).max() <= 1 and labels.dtype == np.int32 and not labels.any()
    assert len(sounds) == 6 and sounds.seconds == pytest.approx(7.5) and not sounds.label_names and not sounds.skipped


def test_a_batch_is_that_of_its_step_whoever_asks(root):
    options = {"snr": (-5, 15), "gain": (0.5, 1.0), "reverberation": 0.5}
    first = mixed(root, seed=3, **options)
    batches = [first.batch(step, 6)[0] for step in range(5)]
    again = mixed(root, seed=3, cache_mb=0, **options)
    for step in (4, 0, 2):
        np.testing.assert_array_equal(again.batch(step, 6)[0], batches[step])
    np.testing.assert_array_equal(again.batch(3, 6, rows=[5, 0])[0], batches[3][[5, 0]])
    np.testing.assert_array_equal(Batches(mixed(root, seed=3, **options), 6, start_step=2)[1][0], batches[3])
    assert len({x.tobytes() for batch in batches for x in batch}) == 30
    assert not np.array_equal(mixed(root, seed=4, **options).batch(0, 6)[0], batches[0])


def test_the_pipeline_gives_replicas_their_rows(root):
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares with tf.data")
    from tf_audio_gan import dataset

    sounds = mixed(root)
    halves = list(dataset(sounds, 4, start_step=1, rows=[[0, 1], [2, 3]]).take(4))
    np.testing.assert_array_equal(np.concatenate(halves[2:]), sounds.batch(2, 4)[0])


def test_an_example_is_a_window_of_the_whole_files_mixed(root):
    """The noise is as long as the speech, at one gain for the file; the window is the same in both."""
    (root / "noise/short.wav").unlink()
    (root / "noise/deep/other.wav").unlink()
    noise = soundfile.read(root / "noise/long.wav", dtype="float32")[0]
    for clean, noisy in np.moveaxis(mixed(root, snr=[15.0]).batch(0, 6)[0], 2, 1):
        speech, start = source_of(clean, root)
        first = int(correlate(noise, noisy - clean, "valid").argmax()) - start
        expected = mix(speech, noise[first : first + len(speech)], 15.0, 16000)[start : start + 2048]
        np.testing.assert_allclose(noisy, expected, atol=2e-4)  # the noise's level is exact within 10 ms of its edges


def test_the_ratios_of_whole_files_are_those_that_were_drawn(root):
    for number in (1, 3, 5):
        (root / f"clean/{number}.wav").unlink()
    for snr, batch in (((-5, 15), 60), ((0, 5, 10), 30), ([7], 3)):
        audio = mixed(root, length=16000, snr=snr, weighting="file").batch(0, batch)[0].astype(np.float64)
        found = np.array([
            active_level(clean, 16000)[0] - 10 * np.log10(np.mean((noisy - clean) ** 2))
            for clean, noisy in np.moveaxis(audio, 2, 1)
        ])  # fmt: skip
        if snr == (-5, 15):
            assert -5.1 < found.min() < -3 and 13 < found.max() < 15.1 and abs(found.mean() - 5) < 2.5
            assert len(set(np.rint(found))) > 12
        else:
            assert {round(x) for x in found} == set(snr) and np.abs(found - np.rint(found)).max() < 0.1


def test_noise_shorter_than_the_speech_goes_round(root):
    for name in ("long.wav", "deep/other.wav"):
        (root / "noise" / name).unlink()
    short = soundfile.read(root / "noise/short.wav", dtype="float32")[0]
    audio = mixed(root, length=10000, snr=[20]).batch(0, 4)[0]
    starts = []
    for added in audio[..., 1] - audio[..., 0]:
        np.testing.assert_allclose(added[3200:], added[:-3200], atol=1e-6)
        starts.append(int(correlate(np.tile(short, 2), added[:3200], "valid").argmax()))
        gain = np.linalg.norm(added[:3200]) / np.linalg.norm(short)
        np.testing.assert_allclose(added[:3200], gain * np.roll(short, -starts[-1]), atol=1e-5)
    assert len(set(starts)) == 4


def test_files_at_48_khz_are_resampled(write, tmp_path):
    times = np.arange(48000 * 2) / 48000
    write("clean/tone.wav", 0.3 * np.sin(2 * np.pi * 1000 * times), rate=48000)
    write("noise/tone.wav", 0.3 * np.sin(2 * np.pi * 3000 * times), rate=48000)
    clean, noisy = mixed(tmp_path / "sounds", length=4000, snr=[6]).batch(0, 1)[0][0].T
    for wave, peaks in ((clean, [1000]), (noisy - clean, [3000])):
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(4000)))
        assert [np.argmax(spectrum) * 4] == peaks and np.abs(wave).max() > 0.1


def test_full_scale_is_never_exceeded_and_both_channels_are_scaled_alike(root):
    (root / "noise/short.wav").unlink()
    loud, quiet = (mixed(root, snr=[-15.0], gain=(g, g)).batch(0, 8)[0] for g in (1.0, 0.01))
    for a, b in zip(loud, quiet, strict=True):
        assert np.abs(a).max() <= 1
        np.testing.assert_allclose(a * np.abs(b).max() / np.abs(a).max(), b, atol=1e-6)
    assert np.abs(loud).max() == 1 and np.abs(quiet).max() < 1


def test_gain_and_normalisation(root):
    plain = mixed(root, snr=[20]).batch(0, 4)[0]
    np.testing.assert_allclose(mixed(root, snr=[20], gain=(0.25, 0.25)).batch(0, 4)[0], plain / 4, atol=1e-6)
    drawn = mixed(root, snr=[20], gain=(0.25, 1.0)).batch(0, 30)[0]
    ratios = np.abs(drawn).max((1, 2)) / np.abs(mixed(root, snr=[20]).batch(0, 30)[0]).max((1, 2))
    assert ratios.min() > 0.249 and ratios.max() < 1.001 and ratios.std() > 0.1
    peaks = mixed(root, snr=[30], normalize="peak", length=30000, gain=(0.5, 0.5)).batch(0, 6)[0]
    np.testing.assert_allclose(np.abs(peaks[..., 0]).max(1), 0.5, atol=1e-6)
    added = peaks[..., 1] - peaks[..., 0]
    for clean, noise in zip(peaks[..., 0].astype(np.float64), added.astype(np.float64), strict=True):
        level = active_level(np.trim_zeros(clean, "b"), 16000)[0]
        assert level - 10 * np.log10(np.mean(noise**2)) == pytest.approx(30, abs=0.3)  # thresholds do not move along


def test_speech_in_a_room_is_that_of_the_whole_file(root):
    dry, wet = (mixed(root, snr=[80.0], reverberation=share) for share in (0.0, 1.0))
    a, b = dry.batch(2, 6)[0], wet.batch(2, 6)[0]
    np.testing.assert_array_equal(a[..., 0], b[..., 0])
    for row, (clean, noisy) in enumerate(np.moveaxis(b, 2, 1)):
        response = impulse_response(wet._draws.own(2 * 6 + row, 8007)[5:], 16000)
        speech, start = source_of(clean, root)
        expected = np.convolve(speech, response)[start : start + 2048]
        np.testing.assert_allclose(noisy, expected, atol=2e-4)  # there is noise too, 80 dB below
    some = mixed(root, snr=[80.0], reverberation=0.25).batch(0, 100)[0]
    changed = (some != dry.batch(0, 100)[0]).any((1, 2)).sum()
    assert 12 <= changed <= 38


def test_silence_makes_no_numbers_without_limit(write, tmp_path, rng):
    write("clean/pause.wav", np.concatenate([rng.uniform(-0.5, 0.5, 4000), np.zeros(60000)]))
    write("noise/click.wav", np.concatenate([0.1 * rng.uniform(-0.5, 0.5, 2000), np.zeros(100000)]), subtype="FLOAT")
    write("noise/hum.wav", np.concatenate([0.1 * rng.uniform(-0.5, 0.5, 20000), np.full(99999, 1e-6)]), subtype="FLOAT")
    audio = mixed(tmp_path / "sounds", length=1000, snr=[-5]).batch(0, 300)[0]
    assert np.isfinite(audio).all() and np.abs(audio).max() <= 1
    assert (np.abs(audio[..., 0]).max(1) == 0).any()
    whole, hum = active_level(rng.uniform(-0.5, 0.5, 4000), 16000)[0], 0.1 * np.sqrt(20000 / 119999 / 12)
    most = 10 * 10 ** ((whole + 5) / 20) / hum * 1e-6  # the hum's quiet part: ten times the gain of the whole file
    quiet = [np.abs(x).max() for x in audio[..., 1] if 0 < np.abs(x).max() < 1e-3]
    assert quiet and max(quiet) < 1.5 * most


def test_shards_give_the_examples_of_their_folders(root):
    (root / "noise/deep/other.wav").unlink()  # 16 bits hold the others exactly
    for name in ("clean", "noise"):
        prepare_sounds(root / name, root.parent / "shards" / name, workers=1, progress=False)
    folder, shards = mixed(root), mixed(root.parent / "shards")
    np.testing.assert_array_equal(folder.batch(1, 8)[0], shards.batch(1, 8)[0])
    assert folder.fingerprint == shards.fingerprint and folder.facts == shards.facts


def test_the_fingerprint_stands_for_both_folders_and_the_settings(root):
    prints = {mixed(root).fingerprint, mixed(root, snr=[3]).fingerprint, mixed(root, reverberation=0.1).fingerprint}
    facts = mixed(root, snr=(0, 20), gain=(0.5, 1)).facts
    assert facts["clips"] == 6 and facts["noise"] == {"clips": 3, "seconds": 4.2} and facts["snr"] == [0.0, 20.0]
    (root / "noise/long.wav").unlink()
    assert len(prints | {mixed(root).fingerprint}) == 4


def test_bad_files_are_skipped_and_named_with_their_folder(root, write):
    (root / "noise/broken.wav").write_bytes(b"RIFF nothing")
    write("noise/silent.wav", np.zeros(4000))
    write("clean/nan.wav", np.full(4000, np.nan), subtype="FLOAT")
    sounds = mixed(root)
    skipped = {path: why.split(":")[0] for path, why in sounds.skipped}
    assert list(skipped) == [str(root / name) for name in ("clean/nan.wav", "noise/broken.wav", "noise/silent.wav")]
    assert "Skipped 2 of its files" in sounds.summary() and len(sounds) == 6
    assert "at 0, 5, 10, 15 dB" in sounds.summary()


def test_a_file_that_breaks_while_training_is_replaced(root):
    sounds = mixed(root, cache_mb=0)
    (root / "noise/long.wav").write_bytes(b"gone")
    (root / "clean/2.wav").unlink()
    audio = np.concatenate([sounds.batch(step, 6)[0] for step in range(4)])
    assert (np.abs(audio[..., 1]).max(1) > 0).all()
    names = [path for path, why in sounds.skipped if why.startswith("during training")]
    assert sorted(names) == [str(root / "clean/2.wav"), str(root / "noise/long.wav")]
    for path in (root / "noise").rglob("*.wav"):
        path.unlink()
    with pytest.raises(RuntimeError, match=r"none of the 3 sounds in .*noise can be read any more .*is the disk"):
        sounds.batch(9, 6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"snr": []}, "snr must be a list of ratios in dB"),
        ({"snr": (15, 0)}, r"snr must be the lowest and the highest ratio, in this order; received \(15, 0\)"),
        ({"snr": [float("nan")]}, "snr must be a list"),
        ({"snr": 5.0}, "snr must be a list of ratios in dB.*received 5.0"),
        ({"gain": (0, 1)}, "gain must be two factors, 0 < lowest <= highest"),
        ({"gain": (0.5,)}, "gain must be two factors"),
        ({"reverberation": 1.5}, "reverberation must be a share from 0 to 1; received 1.5"),
        ({"channels": 1}, "2 channels of an example; received channels=1"),
        ({"length": 0}, "length must be a whole number"),
        ({"crop": "middle"}, "crop must be one of random, start"),
    ],
)
def test_settings_out_of_range_are_named(root, options, message):
    with pytest.raises(ValueError, match=message):
        mixed(root, **options)


def test_folders_inside_each_other_and_folders_that_are_not_there(root):
    for clean, noise in ((root, root / "noise"), (root / "clean", root), (root / "clean", root / "clean")):
        with pytest.raises(ValueError, match="must be two folders, neither inside of the other"):
            MixedSpeech(clean, noise, progress=False)
    with pytest.raises(FileNotFoundError, match="no folder at .*nowhere"):
        MixedSpeech(root / "clean", root / "nowhere", progress=False)
    with pytest.raises(ValueError, match="has no labels"):
        mixed(root).check_batches(4, 0, labels=True)
