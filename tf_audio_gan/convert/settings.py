"""Settings and statistics that stand beside checkpoints: config.yml, stats.h5, stats.npy."""

from pathlib import Path

import numpy as np

from tf_audio_gan.audio.mel import SETTINGS, MelFrontEnd

LARGEST_CONFIG = 2**20  # bytes; a recipe has 10,000
_MELS = {  # of their config: of `MelFrontEnd`
    "sampling_rate": "sample_rate", "fft_size": "n_fft", "hop_size": "hop_length", "win_length": "win_length",
    "num_mels": "n_mels", "fmin": "fmin", "fmax": "fmax",
}  # fmt: skip


def beside(path, given, names, what):
    """The file that was given, or the first of `names` that lies in the checkpoint's folder.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [Path(given)] if given is not None else [path.parent / name for name in names]
    for file in found:
        if file.is_file():
            return file
    if given is not None:
        raise FileNotFoundError(f"{given} does not exist; expected {what}")
    raise FileNotFoundError(
        f"{path.parent} holds no {' or '.join(names)}: {what}. Put it beside the checkpoint, or name it"
    )


def read_yaml(path):
    """A YAML file of plain values as a dict.

    Raises:
        ImportError: PyYAML is not installed.
        ValueError: no such file.
    """
    try:
        import yaml
    except ImportError:
        raise ImportError("reading config.yml needs PyYAML: pip install 'tf-audio-gan[convert]'") from None
    if path.stat().st_size > LARGEST_CONFIG:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; a config.yml has some thousand")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no YAML of plain values: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} is no config: expected names and values, received a {type(config).__name__}")
    return config


def front_end(config, where, stats=None):
    """The mel settings of a config of kan-bayashi's kind (TensorFlowTTS has the same), normalised by statistics.

    Args:
        config: dict with sampling_rate, fft_size, hop_size, win_length, window, num_mels, fmin, fmax.
        where: its path, for errors.
        stats: path of the statistics (`read_stats`), or None.

    Raises:
        ValueError: a setting is missing, or one that `MelFrontEnd` does not have.
    """
    missing = [name for name in _MELS if name not in config]
    if missing:
        raise ValueError(f"{where} has no {', '.join(missing)}; expected the config.yml that training wrote")
    if config.get("window", "hann") != "hann":
        raise ValueError(f"{where}: mels of another window than hann are not supported. Received: {config['window']!r}")
    if config.get("sampling_rate_for_feats") not in (None, config["sampling_rate"]):
        raise ValueError(f"{where}: mels of another sampling rate than the audio's are not supported")
    settings = {ours: config[theirs] for theirs, ours in _MELS.items() if config[theirs] is not None}
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in settings.values()):
        raise ValueError(f"{where}: the mel settings must be numbers. Received: {settings}")
    keywords = {key: SETTINGS["kan_bayashi"][key] for key in ("padding", "log", "floor")} | {"fmin": 0.0} | settings
    try:
        return MelFrontEnd(**keywords, **({} if stats is None else read_stats(stats, keywords["n_mels"])))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def read_stats(path, n_mels):
    """{"mean", "scale": n_mels numbers} of the statistics by which mels are normalised.

    Args:
        path: .h5 with datasets mean and scale, or .npy of two rows, mean and scale.
        n_mels: bands of the model.

    Raises:
        ValueError: another file, or another number of bands.
    """
    try:
        rows = _h5_rows(path) if path.suffix in (".h5", ".hdf5") else np.load(path, allow_pickle=False)
        mean, scale = (np.asarray(row, "float64").reshape(-1) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        reason = " ".join(str(error).split())[:150]
        raise ValueError(
            f"{path} holds no statistics (.h5 with mean and scale, or .npy of two rows): {reason}"
        ) from None
    if len(mean) != n_mels or len(scale) != n_mels:
        raise ValueError(f"{path} has statistics of {len(mean)} bands; the model has {n_mels}: they are of other mels")
    if not np.isfinite([mean, scale]).all() or not (scale > 0).all():
        raise ValueError(f"{path}: the means must be finite and the scales above 0")
    return {"mean": mean.tolist(), "scale": scale.tolist()}


def _h5_rows(path):
    import h5py

    with h5py.File(path) as file:
        return file["mean"][()], file["scale"][()]
