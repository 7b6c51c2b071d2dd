"""SEGAN (Pascual, Bonafonte and Serrà, Interspeech 2017, arXiv 1703.09452) and SEGAN+ (the authors' PyTorch code)."""

import keras

from tf_audio_gan.models.enhancer import Enhancer
from tf_audio_gan.models.segan.networks import Discriminator, Generator, code_length, scaled
from tf_audio_gan.optimizers import TF1RMSprop


@keras.saving.register_keras_serializable("tf_audio_gan")
class SEGAN(Enhancer):
    """Noisy speech to clean speech, window by window: 73,100,049 + 24,373,081 parameters.

    The defaults are the authors' code with biases, PReLU and virtual batch normalisation: least squares without halves,
    100 times the mean absolute error of the pre-emphasised waveform, RMSprop 2e-4 as TensorFlow 1 computed it, windows
    of 16384 samples at 16 kHz, batches of 100 to 400. The authors' generator step sees another batch than the
    discriminator's before it; here both share one batch and one pass of the generator, as in SEGAN+.

    What is healthy (least squares): at equilibrium the discriminator answers 0.5 to everything: `d/adversarial` 0.5,
    `g/adversarial` 0.25. In long runs of the authors' users `d/adversarial` fell to 0.003 and `g/adversarial` rose to
    1: the discriminator has won, and what still trains the generator is the distance of waveforms. `g/wave_l1` falls
    all the way: watch it, and listen.

    Args:
        sample_rate: Hz; stored with the preset.
        window: samples that the networks see, a multiple of stride^levels.
        filters: channels of the levels.
        width: factor of all channel counts, latents and hidden units included, each rounded to the nearest whole
            number, at least 1. 0.25 trains on a CPU.
        kernel_size: time steps of every kernel, odd.
        stride: of every level.
        padding: "zeros" or "reflect".
        no_z: leave the latents out: the generator is a function of the noisy speech alone.
        skip_merge: "concat" or "sum".
        skip_gain: learned factors of the skips, by their start: "ones", "zeros" or "random"; "none": no factors.
        bias: whether convolutions have one.
        init: of the weights, "truncated_normal" or "normal" (`networks.Generator`).
        norm: of the discriminator: "vbn_segan" or "bn" (`VirtualBatchNorm`).
        activation: of the discriminator: "leaky_relu" or "prelu".
        phase_shift: largest circular shift before its convolutions, in steps; 0: none.
        head: its last layers: "conv" or "dense".
        objective: "lsgan" or "hinge".
        adversarial: weight of the generator's adversarial term; 0: the discriminator is neither evaluated nor trained,
            the plain baseline that every result should be compared with.
        wave_l1, wave_l2: weights of the mean absolute and squared error of the pre-emphasised waveform.
        stft_l1, stft_l2: weights of the distances of its complex spectrogram (`losses.spectral.complex_stft`).
        stft_parts: factors within them of (real and imaginary parts, magnitudes); CMGAN: (0.1, 0.9) with stft_l2.
        stft_resolutions: lists of (n_fft, hop_length, win_length) in samples; several are averaged.
        stft_compression: exponent of the magnitudes; 1: none.
        pre_emphasis: coefficient; 0: none.
        ema: decay of the generator's moving average, with which speech is enhanced; 0: none, as the authors.
        seed: of initial weights and of every draw in training, below 2^32.
    """

    def __init__(
        self, sample_rate=16000, window=16384, filters=(16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024), width=1.0,
        kernel_size=31, stride=2, padding="zeros", no_z=False, skip_merge="concat", skip_gain="none", bias=True,
        init="truncated_normal", norm="vbn_segan", activation="leaky_relu", phase_shift=0, head="conv",
        objective="lsgan", adversarial=1.0, wave_l1=100.0, wave_l2=0.0, stft_l1=0.0, stft_l2=0.0, stft_parts=(1.0, 1.0),
        stft_resolutions=((512, 128, 512),), stft_compression=1.0, pre_emphasis=0.95, ema=0.999, seed=0, **kwargs,
    ):  # fmt: skip
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        if not width > 0 or phase_shift < 0:
            raise ValueError(f"width must be above 0, phase_shift 0 or more. Received: {width=}, {phase_shift=}")
        channels = scaled(filters, width)
        steps = code_length(window, len(channels), stride)
        shared = {
            "filters": channels, "kernel_size": kernel_size, "stride": stride, "padding": padding, "bias": bias,
            "init": init, "seed": seed,
        }  # fmt: skip
        latent_dim = 0 if no_z else channels[-1]
        super().__init__(
            make_generator=lambda: Generator(
                latent_dim=latent_dim, skip_merge=skip_merge, skip_gain=skip_gain, **shared
            ),
            make_discriminator=lambda: Discriminator(
                window, norm=norm, activation=activation, phase_shift=phase_shift, head=head,
                hidden=scaled((256, 128), width), **shared,
            ),
            sample_rate=sample_rate, window=window, latent_shape=None if no_z else (steps, latent_dim),
            objective=objective, adversarial=adversarial, wave=(wave_l1, wave_l2), stft=(stft_l1, stft_l2),
            stft_parts=stft_parts, stft_resolutions=stft_resolutions, stft_compression=stft_compression,
            pre_emphasis=pre_emphasis, ema=ema, seed=seed, **kwargs,
        )  # fmt: skip
        self.config = given

    def default_optimizer(self):
        """RMSprop as the authors' code trained with it, for both networks."""
        return TF1RMSprop(2e-4)


@keras.saving.register_keras_serializable("tf_audio_gan")
class SEGANPlus(SEGAN):
    """SEGAN+: five levels of stride 4, learned factors of the skips: 64,770,561 + 25,825,793 parameters.

    The defaults are the released model's and the code's: reflected edges, concatenated skips, batch normalisation and
    circular shifts of 1 to 5 steps before every layer of the discriminator, a dense head, RMSprop 5e-5, batches of 300.
    The authors published no table of results for it.

    Args:
        **kwargs: as `SEGAN`.
    """

    def __init__(
        self, filters=(64, 128, 256, 512, 1024), stride=4, padding="reflect", skip_gain="ones", init="normal",
        norm="bn", activation="prelu", phase_shift=5, head="dense", **kwargs,
    ):  # fmt: skip
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        super().__init__(**given, **kwargs)

    def default_optimizer(self):
        """RMSprop as PyTorch computes it with the authors' settings, for both networks."""
        return keras.optimizers.RMSprop(5e-5, rho=0.99, epsilon=1e-16)
