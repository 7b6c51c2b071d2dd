"""Clean and noisy files matched by name."""

import numpy as np
import pytest
import soundfile

from tf_audio_gan import NoisyPairs


@pytest.fixture
def pair(write, rng):
    """pair("a/b") writes clean/a/b.wav and noisy/a/b.flac, the first plus noise."""

    def make(name, seconds=0.6, rate=16000):
        clean = rng.uniform(-0.4, 0.4, int(seconds * rate))
        write(f"clean/{name}.wav", clean, rate=rate)
        write(f"noisy/{name}.flac", clean + rng.uniform(-0.1, 0.1, len(clean)), rate=rate)

    return make


@pytest.fixture
def root(tmp_path, pair):
    for i in range(5):
        pair(f"{'ab'[i % 2]}/{i}.{i}", seconds=0.4 + 0.2 * i)
    return tmp_path / "sounds"


def paired(root, **options):
    return NoisyPairs(root / "clean", root / "noisy", **{"length": 2048, "progress": False, **options})


def files(root, name):
    return [soundfile.read(root / path, dtype="float32")[0] for path in (f"clean/{name}.wav", f"noisy/{name}.flac")]


def test_both_channels_are_the_same_crop_of_a_pair(root):
    sounds = paired(root)
    assert len(sounds) == 5 and sounds.skipped == [] and "5 pairs" in sounds.summary()
    both = [files(root, clip.path.removesuffix(".wav")) for clip in sounds.clean.clips]
    starts = set()
    for clean, noisy in np.moveaxis(sounds.batch(0, 5)[0], 2, 1):
        for a, b in both:
            heads = np.lib.stride_tricks.sliding_window_view(a, 16)
            for start in np.flatnonzero((heads == clean[:16]).all(1)):
                starts.add(start)
                np.testing.assert_array_equal(clean, a[start : start + 2048])
                np.testing.assert_array_equal(noisy, b[start : start + 2048])
    assert len(starts) == 5


def test_a_batch_is_that_of_its_step_whoever_asks(root):
    first = paired(root, gain=(0.5, 1.0), seed=2)
    batches = [first.batch(step, 4)[0] for step in range(4)]
    again = paired(root, gain=(0.5, 1.0), seed=2, cache_mb=0)
    np.testing.assert_array_equal(again.batch(3, 4)[0], batches[3])
    np.testing.assert_array_equal(again.batch(1, 4, rows=[2, 3])[0], batches[1][2:])


def test_gain_and_normalisation_keep_the_ratio(root):
    plain = paired(root, length=20000, crop="start").batch(0, 5)[0]
    peak = paired(root, length=20000, crop="start", normalize="peak", gain=(0.5, 0.5)).batch(0, 5)[0]
    np.testing.assert_allclose(np.abs(peak[..., 0]).max(1), 0.5, atol=1e-6)
    factors = 0.5 / np.abs(plain[..., 0]).max(1)
    np.testing.assert_allclose(peak, plain * factors[:, None, None], atol=1e-6)


def test_pairs_at_48_khz_are_resampled(tmp_path, write):
    times = np.arange(48000) / 48000
    for folder, hz in (("clean", 500), ("noisy", 2000)):
        write(f"{folder}/x.wav", 0.5 * np.sin(2 * np.pi * hz * times), rate=48000)
    for channel, hz in zip(paired(tmp_path / "sounds", length=4000).batch(0, 1)[0][0].T, (500, 2000), strict=True):
        assert np.argmax(np.abs(np.fft.rfft(channel * np.hanning(4000)))) * 4 == hz


def test_what_is_no_pair_is_skipped_and_named(root, write, pair):
    write("clean/alone.wav")
    write("noisy/other.wav")
    for rates, lengths, name in (((16000, 48000), (0.5, 0.5), "rate"), ((16000, 16000), (0.5, 0.6), "length")):
        write(f"clean/{name}.wav", rate=rates[0], seconds=lengths[0])
        write(f"noisy/{name}.wav", rate=rates[1], seconds=lengths[1])
    write("clean/silent.wav", np.zeros(8000))
    write("noisy/silent.wav")
    pair("twice")
    write("clean/twice.xyz", format="WAV")
    sounds = paired(root)
    skipped = {path.removeprefix(f"{root}/"): why for path, why in sounds.skipped}
    assert skipped == {
        "clean/alone.wav": f"has no partner in {root / 'noisy'}",
        "noisy/other.wav": f"has no partner in {root / 'clean'}",
        "clean/rate.wav": "differs from its noisy file in sample rate: 16000 and 48000 Hz",
        "clean/length.wav": "differs from its noisy file in length: 0.500 s and 0.600 s",
        "clean/silent.wav": "silent (digital silence or a constant offset)",
        "noisy/silent.wav": "the other file of the pair cannot be used",
        "clean/twice.xyz": "has the same name as twice.wav",
    }
    assert len(sounds) == 6 and sounds.facts["noisy"]["clips"] == 6


def test_a_few_samples_more_do_not_matter(tmp_path, write):
    ramp = np.linspace(-0.5, 0.5, 1100)
    write("clean/x.wav", ramp, subtype="FLOAT")
    write("noisy/x.wav", np.append(ramp, np.full(100, 0.9)), subtype="FLOAT")
    sounds = paired(tmp_path / "sounds", length=1000)
    assert sounds.skipped == [] and sounds.seconds == pytest.approx(1100 / 16000)
    audio = sounds.batch(0, 500)[0]
    np.testing.assert_array_equal(audio[..., 0], audio[..., 1])
    assert audio.max() == pytest.approx(0.5) and len(np.unique(audio[:, 0, 0])) > 90


def test_a_file_that_breaks_while_training_is_replaced(root):
    sounds = paired(root, cache_mb=0)
    (root / "noisy/a/2.2.flac").unlink()
    for step in range(4):
        audio = sounds.batch(step, 5)[0]
        assert (np.abs(audio).max(1) > 0.05).all()
    assert sounds.skipped == [(str(root / "noisy/a/2.2.flac"), "during training: disappeared")]


def test_folders_without_a_single_pair_are_refused(tmp_path, write):
    write("clean/a.wav")
    write("noisy/b.wav")
    with pytest.raises(ValueError, match=r"no file of .*clean has a partner in .*noisy: .*a\.wav: has no partner"):
        paired(tmp_path / "sounds")
