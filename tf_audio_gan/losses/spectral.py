"""Distances between spectra of real and generated audio: multi-resolution STFT, complex STFT, mel L1 and L2."""

from keras import ops

from tf_audio_gan.audio.spectral import hann, magnitude, stft
from tf_audio_gan.device import at_least

# (n_fft, hop_length, win_length) in samples
FULL_BAND = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
SUB_BAND = ((384, 30, 150), (683, 60, 300), (171, 10, 60))


def multi_resolution_stft(real, fake, resolutions=FULL_BAND, per_example=False):
    """Spectral convergence and log-magnitude distance, each averaged over resolutions.

    The auxiliary loss of Parallel WaveGAN (Yamamoto et al. 2020) as kan-bayashi's project computes it, so that its
    loss values can be compared. Windows are periodic Hann, frames centred and reflected, powers at least 1e-7: a sound
    below that everywhere (digital silence) gets no gradient. For the sub-bands of Multi-band MelGAN give both sides'
    bands with `SUB_BAND`: each channel counts as a sound of its own.

    Args:
        real: float ``[batch, samples, channels]``.
        fake: the same shape.
        resolutions: (n_fft, hop_length, win_length) of each transform; `samples` must be over half the largest n_fft.
        per_example: the convergence of each sound, then their mean (TensorFlowTTS, and the paper's formula), instead
            of one over the whole batch (kan-bayashi), where loud sounds count for more.

    Returns:
        (spectral convergence, log-magnitude distance in nepers): float32 scalars, 0 for equal sounds; silence against
        any sound has a convergence of 1. The training loss is their sum.

    Raises:
        ValueError: for different shapes, or sounds too short.
    """
    real, fake = _folded(real, fake)
    terms = []
    for n_fft, hop_length, win_length in resolutions:
        r, f = (magnitude(stft(x, n_fft, hop_length, win_length), floor=1e-7) for x in (real, fake))
        terms.append((spectral_convergence(r, f, per_example), ops.mean(ops.abs(ops.log(r) - ops.log(f)))))
    return tuple(sum(column) / len(terms) for column in zip(*terms, strict=True))


def spectral_convergence(real, fake, per_example=False):
    """Frobenius norm of the difference over that of `real`; its gradient at equality is 0.

    Args:
        real: magnitudes ``[batch, frames, bins]``.
        fake: the same shape.
        per_example: the mean of each example's ratio, instead of the ratio over the whole batch.

    Returns:
        float32 scalar, not negative.
    """
    axes = (1, 2) if per_example else (0, 1, 2)
    return ops.mean(_norm(real - fake, axes) / _norm(real, axes))


def mel_l1(real, fake):
    """Mean absolute difference of log-mels ``[batch, frames, n_mels]``: HiFi-GAN's mel loss, there in ln and times 45.

    In the unit of the front end's logarithm: 1 in log10 is 2.303 in ln.

    Raises:
        ValueError: for different shapes, which would broadcast in silence.
    """
    _check_shapes(real, fake)
    return ops.mean(ops.abs(ops.cast(real, "float32") - ops.cast(fake, "float32")))


def mel_l2(real, fake):
    """Mean squared difference of log-mels, as `mel_l1`: 1 in log10 is 5.302 in ln."""
    _check_shapes(real, fake)
    return ops.mean(ops.square(ops.cast(real, "float32") - ops.cast(fake, "float32")))


def complex_stft(real, fake, power=1, resolutions=((512, 128, 512),), compression=1.0):
    """Distances of real and imaginary parts, and of magnitudes: E |Re - Re'|^p + E |Im - Im'|^p, and E |M - M'|^p.

    Frames are whole ones, windows periodic Hann, spectra divided by the root of the window's energy, so that bins have
    the scale of samples. M = sqrt(Re^2 + Im^2 + 1e-8), whose gradient is finite at silence. Magnitudes alone leave the
    phase free: weigh them with the parts, or with a distance of the waveforms.

    Args:
        real: float ``[batch, samples, channels]``.
        fake: the same shape.
        power: p, 1 or 2.
        resolutions: (n_fft, hop_length, win_length) of each transform, over which both are averaged.
        compression: c: magnitudes are M^c, with their phase kept; 1: none, 0.3 in CMGAN.

    Returns:
        (distance of the parts, distance of the magnitudes): float32 scalars, 0 for equal sounds.

    Raises:
        ValueError: for different shapes, sounds too short, or another power.
    """
    if power not in (1, 2):
        raise ValueError(f"power must be 1 or 2. Received: power={power!r}")
    real, fake = _folded(real, fake)
    distance = ops.abs if power == 1 else ops.square
    terms = []
    for resolution in resolutions:
        r, f = (_compressed(x, resolution, compression) for x in (real, fake))
        parts = [ops.mean(distance(a - b)) for a, b in zip(r, f, strict=True)]
        terms.append((parts[0] + parts[1], parts[2]))
    return tuple(sum(column) / len(terms) for column in zip(*terms, strict=True))


def _compressed(audio, resolution, compression):
    """Real part, imaginary part and magnitude of the normalised spectrum."""
    n_fft, hop_length, win_length = resolution
    energy = float((hann(win_length) ** 2).sum())
    real, imag = (part / energy**0.5 for part in stft(audio, n_fft, hop_length, win_length, padding="none"))
    power = ops.square(real) + ops.square(imag) + 1e-8
    if compression == 1:
        return real, imag, ops.sqrt(power)
    gain = power ** ((compression - 1) / 2)
    return real * gain, imag * gain, power ** (compression / 2)


def _folded(real, fake):
    """Both as ``[batch * channels, samples]`` float32."""
    _check_shapes(real, fake)
    if len(real.shape) != 3:
        raise ValueError(f"audio must be [batch, samples, channels]. Received: shape {tuple(real.shape)}")
    samples = ops.shape(real)[1]
    return (ops.reshape(ops.transpose(ops.cast(x, "float32"), (0, 2, 1)), (-1, samples)) for x in (real, fake))


def _norm(x, axes):
    return ops.sqrt(at_least(ops.sum(ops.square(x), axis=axes), 1e-24))


def _check_shapes(real, fake):
    pairs = list(zip(real.shape, fake.shape, strict=False))
    if len(real.shape) != len(fake.shape) or any(a != b for a, b in pairs if a is not None and b is not None):
        raise ValueError(f"real and fake must have one shape. Received: {tuple(real.shape)} and {tuple(fake.shape)}")
