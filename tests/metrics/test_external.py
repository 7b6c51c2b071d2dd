"""With networks of a few operations, whose answers are known: those in tests/fixtures/*.onnx.

first_three: [n, 144160] -> its first three samples; mean_mel: [n, 900, 120] -> its mean [n, 1]; rows_of_two: [n] ->
[n / 2, 2]; loudest: [1, n] -> its maximum [1].
"""

from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan.metrics.external import DNSMOS_SAMPLES, dnsmos, fad, utmos

FIXTURES = Path(__file__).parents[1] / "fixtures"
RNG = np.random.default_rng(0)


@pytest.fixture
def onnx():
    pytest.importorskip("onnxruntime", reason="ONNX files need the extra onnx")
    return lambda name: FIXTURES / f"{name}.onnx"


def test_dnsmos_calibrates_and_averages_windows_a_second_apart(onnx):
    audio = RNG.uniform(0, 1, 12 * 16000 + 5)
    first = np.array([audio[i * 16000 : i * 16000 + 3] for i in range(3)])  # 12 whole seconds hold three windows
    scores = dnsmos(audio, 16000, onnx("first_three"))
    assert list(scores) == ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"]
    curves = ((0.0052439, 1.22083953, -0.08397278), (-0.39604546, 1.60915514, -0.13166888))
    for (c0, c1, c2), raw, name in zip(curves, first.T, scores, strict=False):
        np.testing.assert_allclose(scores[name], (c0 + c1 * raw + c2 * raw**2).mean(), rtol=1e-5)


def test_dnsmos_repeats_a_short_clip(onnx):
    clip = RNG.uniform(0, 1, 5 * 16000)  # twice is 10 s: one window
    longer = np.tile(clip, 2)
    assert dnsmos(clip, 16000, onnx("first_three")) == dnsmos(longer, 16000, onnx("first_three"))


def test_p808_hears_mel_bands_below_the_loudest(onnx):
    import librosa

    audio = 0.1 * RNG.standard_normal(DNSMOS_SAMPLES + 100)
    mel = librosa.feature.melspectrogram(y=audio[:144000], sr=16000, n_fft=321, hop_length=160, n_mels=120)
    expected = (librosa.power_to_db(mel, ref=np.max) / 40 + 1).mean()
    scores = dnsmos(audio, 16000, onnx("first_three"), onnx("mean_mel"))
    np.testing.assert_allclose(scores["dnsmos_p808"], expected, rtol=1e-4)


def test_fad_of_shifted_and_scaled_sets(onnx):
    sounds = [RNG.standard_normal(n) for n in (4000, 6000, 2000)]
    same = fad(sounds, sounds[::-1], 16000, onnx("rows_of_two"), 16000)
    assert same.value < 1e-9 and same.dims == 2 and same.reference_frames == same.estimate_frames == 6000
    assert same.embedding == "rows_of_two.onnx" and len(same.sha256) == 64
    shifted = fad(sounds, [s + 3 for s in sounds], 16000, onnx("rows_of_two"), 16000)
    np.testing.assert_allclose(shifted.value, 2 * 3**2, rtol=1e-5)
    rows = np.concatenate([s.reshape(-1, 2) for s in sounds])
    doubled = fad(sounds, [2 * s for s in sounds], 16000, onnx("rows_of_two"), 16000)  # (s1 - s2)^2 of each axis
    expected = np.trace(np.cov(rows, rowvar=False)) + (rows.mean(axis=0) ** 2).sum()
    np.testing.assert_allclose(doubled.value, expected, rtol=1e-5)


def test_fad_resamples_to_the_networks_rate(onnx):
    result = fad(RNG.standard_normal((2, 4000)), RNG.standard_normal((2, 4000)), 8000, onnx("rows_of_two"), 16000)
    assert result.reference_frames == 2 * 4000 and result.sample_rate == 16000


def test_utmos_passes_one_clip_and_takes_one_score(onnx):
    audio = 0.1 * RNG.standard_normal(3000)
    np.testing.assert_allclose(utmos(audio, 16000, onnx("loudest")), audio.max(), rtol=1e-6)


def test_torchscript_files_do_as_well(tmp_path):
    torch = pytest.importorskip("torch", reason="TorchScript files need PyTorch")

    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=1)

    torch.jit.save(torch.jit.script(Mean()), tmp_path / "mean.pt")
    audio = RNG.standard_normal(3000)
    np.testing.assert_allclose(utmos(audio, 16000, tmp_path / "mean.pt"), audio.mean(), atol=1e-6)
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(ValueError, match="text.pt: not a TorchScript file"):
        utmos(audio, 16000, tmp_path / "text.pt")


def test_wrong_files_say_what_was_expected(onnx, tmp_path):
    audio = RNG.standard_normal(4000)
    with pytest.raises(
        ValueError, match=r"loudest.onnx: expected a network that maps .*144160.* sig_bak_ovr.onnx.* to"
    ):
        dnsmos(audio, 16000, onnx("loudest"))
    with pytest.raises(ValueError, match=r"maps \['batch', 900, 120\] .*model_v8.onnx"):
        dnsmos(audio, 16000, onnx("first_three"), onnx("first_three"))
    with pytest.raises(ValueError, match=r"maps \[samples\] to \[frames, dims\]; it takes \[1, None\]"):
        fad([audio], [audio], 16000, onnx("loudest"), 16000)
    with pytest.raises(ValueError, match=r"rows_of_two.onnx: fails on a float32 array of shape \(3999,\)"):
        fad([audio[1:]], [audio], 16000, onnx("rows_of_two"), 16000)
    with pytest.raises(ValueError, match=r"maps \[1, samples\] to one score; it takes \[None\]"):
        utmos(audio, 16000, onnx("rows_of_two"))
    with pytest.raises(ValueError, match="the estimate set has 1 embeddings of 1 sounds; expected 2 or more"):
        fad([audio], [audio[:2]], 16000, onnx("rows_of_two"), 16000)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="text.onnx: not a network that onnxruntime can load"):
        utmos(audio, 16000, tmp_path / "text.onnx")


def test_files_that_are_not_networks(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.onnx: no such file; expected a local ONNX or TorchScript file"):
        utmos(np.ones(100), 16000, tmp_path / "gone.onnx")
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="model.h5: expected a file named .onnx or .pt"):
        utmos(np.ones(100), 16000, tmp_path / "model.h5")
