"""Figures by networks of other projects, from files that the user brings: FAD, DNSMOS, UTMOS. Nothing is fetched.

They are comparable only between runs with the same file, so the file's hash belongs next to the figure: `fad` returns
it, and `tf_audio_gan.runtimes.local_network(path).sha256` gives it for the others.
"""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.metrics.pair_rules import checked_rate, checked_signal, resample
from tf_audio_gan.runtimes import local_network

DNSMOS_SAMPLES = 144160  # 9.01 s at 16 kHz
_DNSMOS_RATE = 16000
_CALIBRATION = {  # ascending coefficients, from the DNS Challenge's evaluation
    "dnsmos_sig": (0.0052439, 1.22083953, -0.08397278),
    "dnsmos_bak": (-0.39604546, 1.60915514, -0.13166888),
    "dnsmos_ovrl": (0.04602535, 1.11546468, -0.06766283),
}


@dataclass(frozen=True)
class FrechetAudioDistance:
    """A Frechet audio distance and what it was computed from.

    Attributes:
        value: squared units of the embedding, >= 0.
        embedding: name of the network's file.
        sha256: of that file.
        sample_rate: at which it listened, in Hz.
        dims: size of one embedding.
        reference_frames: embeddings of the reference set. The estimate is biased upwards by about one over them.
        estimate_frames: embeddings of the other set.
    """

    value: float
    embedding: str
    sha256: str
    sample_rate: int
    dims: int
    reference_frames: int
    estimate_frames: int


def fad(reference, estimate, sample_rate, model, model_rate):
    """Frechet audio distance (Kilgour et al. 2019) between two sets of sounds, in a network's embedding.

    The embeddings of all sounds of a set are pooled; the distance is that of two normal distributions with their means
    and covariances. Values of other networks, rates or set sizes do not compare.

    Args:
        reference: sounds, a sequence of float ``[samples]`` of any lengths, or an array ``[clips, samples]``.
        estimate: likewise.
        sample_rate: of both, in Hz.
        model: path of an ONNX or TorchScript file that maps float32 ``[samples]`` to ``[frames, dims]``, its
            spectrogram included.
        model_rate: rate at which that network listens, in Hz (VGGish: 16000); sounds are resampled to it by soxr.

    Returns:
        A `FrechetAudioDistance`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a bad sound, fewer than 2 embeddings, or a network that does not map as above.
        ImportError: onnxruntime or torch is not installed.
    """
    network, sample_rate, model_rate = local_network(model), checked_rate(sample_rate), checked_rate(model_rate)
    a, b = (
        _embeddings(network, sounds, name, sample_rate, model_rate)
        for sounds, name in ((reference, "reference"), (estimate, "estimate"))
    )
    return FrechetAudioDistance(
        _frechet(a, b), network.path.name, network.sha256, model_rate, a.shape[1], len(a), len(b)
    )


def dnsmos(audio, sample_rate, model, p808_model=None):
    """DNSMOS P.835 (Reddy et al. 2022): predicted opinions of speech, background and the whole, without a reference.

    The mean over windows of 9.01 s at 16 kHz, one a second, of the network's calibrated outputs; a shorter clip is
    repeated. The windows are those of the DNS Challenge's program, so that figures compare with published ones: it
    counts the clip in whole seconds, and by rounding leaves out the windows that start 7 to 23 s into it.

    Args:
        audio: float ``[samples]`` in [-1, 1].
        sample_rate: in Hz; other rates than 16000 are resampled by soxr.
        model: path of the DNS Challenge's ``sig_bak_ovr.onnx``.
        p808_model: path of its ``model_v8.onnx``, for the P.808 figure too.

    Returns:
        ``{"dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"}`` and with `p808_model` ``"dnsmos_p808"``: floats of about 1 to 5.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a bad signal, or a network of other shapes.
        ImportError: onnxruntime is not installed.
    """
    audio = resample(checked_signal(audio, "audio"), checked_rate(sample_rate), _DNSMOS_RATE)
    windows = _dnsmos_windows(audio).astype(np.float32)
    raw = _scores(model, windows, (None, DNSMOS_SAMPLES), 3, "sig_bak_ovr.onnx")
    scores = {
        name: float(np.polynomial.polynomial.polyval(raw[:, i], coefficients).mean())
        for i, (name, coefficients) in enumerate(_CALIBRATION.items())
    }
    if p808_model is not None:
        mel = np.stack([_p808_mel(window) for window in windows])
        scores["dnsmos_p808"] = float(_scores(p808_model, mel, (None, 900, 120), 1, "model_v8.onnx").mean())
    return scores


def utmos(audio, sample_rate, model):
    """UTMOS (Saeki et al. 2022): the predicted naturalness of speech, without a reference. Not for music.

    Args:
        audio: float ``[samples]`` in [-1, 1]; one clip a call, since padding in a batch shifts the score.
        sample_rate: in Hz; other rates than 16000 are resampled by soxr.
        model: path of an ONNX or TorchScript file that maps float32 ``[1, samples]`` at 16 kHz to one score.

    Returns:
        A float of about 1 to 5.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a bad signal, or a network that does not map as above.
        ImportError: onnxruntime or torch is not installed.
    """
    network = local_network(model)
    _expect(network.input_shape is None or len(network.input_shape) == 2, network, "[1, samples]", "one score")
    audio = resample(checked_signal(audio, "audio"), checked_rate(sample_rate), 16000)
    score = network(audio[None])
    _expect(score.size == 1, network, "[1, samples]", "one score", score.shape)
    return float(score.reshape(()))


def _expect(condition, network, given, wanted, got=None):
    if not condition:
        found = f"it takes {list(network.input_shape)}" if got is None else f"it gives {list(got)}"
        raise ValueError(f"{network.path}: expected a network that maps {given} to {wanted}; {found}")


def _embeddings(network, sounds, name, sample_rate, model_rate):
    """Embeddings of all sounds of a set: float64 ``[frames, dims]``."""
    _expect(network.input_shape is None or len(network.input_shape) == 1, network, "[samples]", "[frames, dims]")
    rows = []
    for sound in sounds:
        output = network(resample(checked_signal(sound, f"{name} sound {len(rows)}"), sample_rate, model_rate))
        _expect(output.ndim == 2, network, "[samples]", "[frames, dims]", output.shape)
        rows.append(output)
    if sum(map(len, rows)) < 2:
        raise ValueError(
            f"the {name} set has {sum(map(len, rows))} embeddings of {len(rows)} sounds; expected 2 or more"
        )
    return np.concatenate(rows).astype(np.float64)


def _frechet(a, b):
    """``|m_a - m_b|^2 + Tr(C_a + C_b - 2 (C_a^.5 C_b C_a^.5)^.5)`` of the rows of two sets."""
    mean = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    return max(0.0, float(mean @ mean + np.trace(cov_a) + np.trace(cov_b) - 2 * cross))


def _dnsmos_windows(audio):
    """Windows ``[windows, DNSMOS_SAMPLES]`` a second apart; a shorter clip is doubled until it fills one."""
    while len(audio) < DNSMOS_SAMPLES:
        audio = np.concatenate([audio, audio])
    starts = range(max(1, len(audio) // _DNSMOS_RATE - 9))
    taken = [i * _DNSMOS_RATE for i in starts if int((i + 9.01) * _DNSMOS_RATE) - i * _DNSMOS_RATE == DNSMOS_SAMPLES]
    return np.stack([audio[start : start + DNSMOS_SAMPLES] for start in taken])


def _p808_mel(window):
    """The P.808 network's input for one window: ``[900, 120]`` mel bands in dB below the loudest, over 40, plus 1."""
    import librosa

    mel = librosa.feature.melspectrogram(y=window[:-160], sr=_DNSMOS_RATE, n_fft=321, hop_length=160, n_mels=120)
    return (librosa.power_to_db(mel, ref=np.max).T + 40) / 40


def _scores(path, inputs, shape, outputs, usual):
    """Outputs ``[windows, outputs]`` of a network whose input shape must be `shape`."""
    network = local_network(path)
    described = f"{[n or 'batch' for n in shape]} (the DNS Challenge's {usual})"
    _expect(network.input_shape in (None, shape), network, described, f"[batch, {outputs}]")
    scores = np.concatenate([network(x[None]) for x in inputs])
    _expect(scores.shape == (len(inputs), outputs), network, described, f"[batch, {outputs}]", scores.shape)
    return scores
