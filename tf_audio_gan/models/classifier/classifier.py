"""The judge's network as a Keras model, and its preset."""

import datetime

import keras
import numpy as np
from keras import layers, ops

import tf_audio_gan
from tf_audio_gan import backend, durable, half_width, hub, preset_folder
from tf_audio_gan.models.classifier.networks import Augment, Colour, Mask, Mel, batch_norm, convolutions

REGISTERED = "tf_audio_gan>Classifier"
WEIGHTS = "classifier.weights.h5"
HEADS = ("average", "flatten")
NORMS = {"bands": 2, "all": -1}


@keras.saving.register_keras_serializable("tf_audio_gan")
class Classifier(keras.Model):
    """Tells classes of sounds apart: log-mel picture, batch norm, convolutions, a feature layer, logits.

    A plain Keras model: `compile` with `SparseCategoricalCrossentropy(from_logits=True)` and `fit` on audio and class
    numbers; `train_judge` does it with everything around. `presets.NETWORKS` has three configurations of it: the
    defaults are "light"; "sc09" is the network of Donahue et al. 2019 (WaveGAN's Inception score), 1,331,850 weights.

    Args:
        sample_rate: Hz.
        length: samples of a sound.
        channels: audio channels; each is a plane of the picture.
        labels: names of the classes, in the order of the logits.
        n_fft: window and FFT length in samples.
        hop_length: samples between frames.
        n_mels: bands (HTK scale, triangles not normalised).
        fmin: Hz, lower edge of the lowest band.
        fmax: Hz, upper edge of the highest; None: half the sample rate.
        log_floor: the picture is ln(mel + log_floor); a full-scale sine in the middle of a band has n_fft / 4. The
            published 1e-6 shows every noise floor, by which recordings are told apart before words are.
        norm: batch norm of the picture, "bands" (each by itself) or "all" (one mean and deviation a channel, so that
            bands that were always empty in training stay harmless when they are not).
        filters: channels of each convolution.
        kernel_size: of every kernel, frames and bands alike.
        pools: (frames, bands) that the max-pool after each convolution makes one.
        head: "average" over time (bands are kept apart: pitch lives there) or "flatten".
        feature_dim: units of the layer before the logits (ReLU), which `features` gives; 0: none, the features are the
            normalised head itself (8192 of them in "sc09").
        dropout: share of the inputs of each dense layer dropped in training.
        gain_db: augmentation in training, as the next three: see `networks.Augment`.
        shift: share of the length.
        speed: share; 0 where labels depend on pitch.
        colour_db: dB, see `networks.Colour`.
        noise_db: dB of full scale; None: none.
        time_mask: share of the frames, see `networks.Mask`.
        mel_mask: share of the bands.
        seed: of initial weights, augmentation and dropout.

    Raises:
        ValueError: a keyword out of range, fewer than two labels, or more pooling than the picture has room for.
    """

    def __init__(
        self, sample_rate=16000, length=16384, channels=1, labels=(), n_fft=1024, hop_length=256, n_mels=64, fmin=40.0,
        fmax=None, log_floor=0.1, norm="all", filters=(24, 48, 64, 96), kernel_size=3,
        pools=((2, 2), (2, 2), (2, 2), (2, 2)), head="average", feature_dim=64, dropout=0.1, gain_db=6.0, shift=0.1,
        speed=0.15, colour_db=6.0, noise_db=-50.0, time_mask=0.1, mel_mask=0.1, seed=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.config = {
            "sample_rate": sample_rate, "length": length, "channels": channels, "labels": list(labels), "n_fft": n_fft,
            "hop_length": hop_length, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "log_floor": log_floor,
            "norm": norm, "filters": list(filters), "kernel_size": kernel_size, "pools": [list(p) for p in pools],
            "head": head, "feature_dim": feature_dim, "dropout": dropout, "gain_db": gain_db, "shift": shift,
            "speed": speed, "colour_db": colour_db, "noise_db": noise_db, "time_mask": time_mask,
            "mel_mask": mel_mask, "seed": seed,
        }  # fmt: skip
        _check(self.config)
        self.sample_rate, self.length, self.channels, self.labels = sample_rate, length, channels, list(labels)
        self.augment = Augment(gain_db, shift, speed, noise_db, seed, name="augment")
        self.mel = Mel(sample_rate, n_fft, hop_length, n_mels, fmin, fmax, name="mel")
        self.colour, self.log_floor = Colour(colour_db, seed + 3, name="colour"), log_floor
        self.norm = batch_norm("norm_mel", NORMS[norm])
        self.mask = Mask(time_mask, mel_mask, seed + 1, name="mask")
        self.convolutions = convolutions(filters, kernel_size, pools, seed)
        self.head, self.feature_dim = head, feature_dim
        self.head_norm = batch_norm("norm_head")
        self.drops = [layers.Dropout(dropout, seed=seed + 2 + i, name=f"dropout_{i}") for i in range(2)]
        if feature_dim:
            self.hidden = layers.Dense(feature_dim, "relu", kernel_initializer=_glorot(seed, 100), name="features")
        self.logits = layers.Dense(len(labels), kernel_initializer=_glorot(seed, 101), dtype="float32", name="logits")
        self._build_layers()

    def _build_layers(self):
        for layer in (self.augment, self.mel, self.colour, self.mask):
            layer.build(None)
        shape = (None, self.mel.frames(self.length), self.config["n_mels"], self.channels)
        self.norm.build(shape)
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        _, frames, bands, width = shape
        size = bands * width * (frames if self.head == "flatten" else 1)
        self.head_norm.build((None, size))
        if self.feature_dim:
            self.hidden.build((None, size))
        self.logits.build((None, self.feature_dim or size))
        self.built = True

    def embed(self, audio, training=False):
        """The feature layer for a tensor of audio [batch, length, channels]: [batch, features], differentiable."""
        mel = self.colour(self.mel(self.augment(self._checked(audio), training=training)), training=training)
        x = self.mask(self.norm(ops.log(mel + self.log_floor), training=training), training=training)
        for layer in self.convolutions:
            x = layer(x, training=training) if isinstance(layer, layers.BatchNormalization) else layer(x)
        x = ops.mean(x, axis=1) if self.head == "average" else x
        x = self.head_norm(ops.reshape(x, (-1, self.head_norm.gamma.shape[0])), training=training)
        return self.hidden(self.drops[0](x, training=training)) if self.feature_dim else x

    def call(self, audio, training=False):
        """Audio [batch, length, channels] in [-1, 1] -> logits [batch, classes]."""
        return self.logits(self.drops[1](self.embed(audio, training=training), training=training))

    def _checked(self, audio):
        dtype = keras.backend.standardize_dtype(audio.dtype)
        if tuple(audio.shape[1:]) != (self.length, self.channels) or "float" not in dtype:
            raise ValueError(
                f"a judge of {self.length} samples at {self.sample_rate} Hz takes float audio [batch, "
                f"{self.length}, {self.channels}] in [-1, 1]. Received: {dtype} {list(audio.shape)}. "
                "Crop or pad the sounds, or train another judge."
            )
        return ops.cast(audio, "float32")

    def features(self, audio, batch_size=64):
        """The layer before the logits for sounds [n, length, channels]: float32 array [n, features]."""
        return self._in_batches(self.embed, audio, batch_size)

    def probabilities(self, audio, batch_size=64):
        """Softmax of the logits for sounds [n, length, channels]: float32 array [n, classes]."""
        return self._in_batches(lambda part: ops.softmax(self(part)), audio, batch_size)

    @backend.no_gradients()
    def _in_batches(self, function, audio, batch_size):
        audio = np.asarray(audio)
        if audio.ndim != 3 or not len(audio):
            raise ValueError(
                f"audio must be [n, {self.length}, {self.channels}], n at least 1. Received: {audio.shape}"
            )
        parts = [audio[i : i + batch_size] for i in range(0, len(audio), batch_size)]
        return np.concatenate([ops.convert_to_numpy(function(part)) for part in parts])

    def get_config(self):
        return dict(self.config)

    def save_to_preset(self, folder, metadata=None, dtype="float32"):
        """Writes config.json, audio.json, metadata.json and the weights into a folder, whole or not at all.

        Args:
            folder: made, or replaced if it holds a judge.
            metadata: a dict for metadata.json, beside versions, weights and time.
            dtype: "float16": weights of half the size, as of `AudioGAN.save_to_preset`.
        """
        half_width.check_dtype(dtype)

        def write(new):
            facts = self.write_preset(new, metadata or {})
            if dtype == "float16":
                preset_folder.write_json(new / "metadata.json", {**facts, "float16": self.halve_weights(new)})

        preset_folder.replace(folder, write)

    def halve_weights(self, folder):
        """Stores the weights in a preset's folder as float16, measured by probabilities: see `half_width.store`."""
        sounds = half_width.probe(self.length, self.channels, self.sample_rate)
        return half_width.store(folder, {WEIGHTS: self}, lambda: self.probabilities(sounds))

    def write_preset(self, folder, metadata):
        """Writes a preset's files into an existing folder, see `save_to_preset`."""
        preset_folder.write_json(
            folder / preset_folder.CONFIG, {"registered_name": REGISTERED, "config": self.get_config()}
        )
        audio = {"sample_rate": self.sample_rate, "length": self.length, "channels": self.channels}
        preset_folder.write_json(folder / "audio.json", audio)
        facts = {
            "tf_audio_gan_version": tf_audio_gan.__version__,
            "keras_version": keras.__version__,
            "parameters": {"classifier": self.count_params()},
            "saved": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        preset_folder.write_json(folder / "metadata.json", facts := {**facts, **metadata})
        durable.save_weights(self, folder / WEIGHTS)
        return facts

    @classmethod
    def from_preset(cls, handle):
        """The judge of a preset (a folder, or a name in the zoo), see `load_judge`."""
        folder = hub.resolve(handle)
        saved = preset_folder.read_config(folder / preset_folder.CONFIG)
        found = saved.get("registered_name")
        if found != REGISTERED:
            name = str(found).removeprefix("tf_audio_gan>")
            raise ValueError(
                f"{folder} holds no judge but a {name}. Make one: tf-audio-gan judge train SOUNDS --out JUDGE; "
                "a generator's preset is for tf_audio_gan.from_preset."
            )
        try:
            with backend.dtype_policy("float32"):
                model = cls.from_config(saved["config"])
        except (TypeError, ValueError) as error:
            where = folder / preset_folder.CONFIG
            raise ValueError(f"{where} does not fit this version's Classifier: {error}") from None
        preset_folder.load_weights(model, folder / WEIGHTS)
        return model


def load_judge(handle):
    """A trained judge, ready for `features`, `probabilities` and `labels`.

    Args:
        handle: a judge's folder, or its name in the zoo.

    Returns:
        `Classifier`.

    Raises:
        FileNotFoundError: no such preset, or its weights are missing.
        ValueError: a generator's preset, or damaged files.
    """
    return Classifier.from_preset(handle)


def _glorot(seed, layer):
    return keras.initializers.GlorotUniform(seed=seed * 1000 + layer)


def _check(c):
    """Refuses a configuration out of range."""
    labels = c["labels"]
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(isinstance(name, str) for name in labels):
        raise ValueError(f"labels must be at least two different names. Received: labels={labels!r}")
    whole = ("sample_rate", "length", "channels", "n_fft", "hop_length", "n_mels", "kernel_size")
    for name in whole:
        if not isinstance(c[name], int) or c[name] < 1:
            raise ValueError(f"{name} must be a whole number from 1. Received: {name}={c[name]!r}")
    for name, known in (("head", HEADS), ("norm", tuple(NORMS))):
        if c[name] not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}. Received: {name}={c[name]!r}")
    for name in ("dropout", "shift", "speed", "time_mask", "mel_mask"):
        if not 0 <= c[name] < 1:
            raise ValueError(f"{name} must be a share in [0, 1). Received: {name}={c[name]!r}")
    top = c["fmax"] or c["sample_rate"] / 2
    if not 0 <= c["fmin"] < top <= c["sample_rate"] / 2:
        raise ValueError(
            f"fmin and fmax must lie within 0 and {c['sample_rate'] / 2:g} Hz, half the sample rate, in this order. "
            f"Received: fmin={c['fmin']!r}, fmax={c['fmax']!r}"
        )
    if len(c["filters"]) != len(c["pools"]) or not c["filters"]:
        raise ValueError(
            f"filters and pools must be as many, one each a convolution. Received: filters={c['filters']}, "
            f"pools={c['pools']}"
        )
    _check_room(c)


def _check_room(c):
    frames, bands = -(-c["length"] // c["hop_length"]), c["n_mels"]
    for pool in c["pools"]:
        frames, bands = frames // pool[0], bands // pool[1]
    if not frames or not bands:
        raise ValueError(
            f"pools={c['pools']} leave nothing of {-(-c['length'] // c['hop_length'])} frames x {c['n_mels']} bands. "
            "Use longer sounds, a shorter hop_length, more n_mels, or fewer pools."
        )
