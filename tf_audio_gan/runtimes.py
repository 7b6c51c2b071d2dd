"""Networks of other projects as local files, ONNX or TorchScript, as functions of numpy arrays. Nothing is fetched."""

import functools
import hashlib
from pathlib import Path

import numpy as np

_TORCHSCRIPT = (".pt", ".pth", ".ts", ".torchscript")


class LocalNetwork:
    """One network from a local file; call it with a float32 array, get its first output as float32.

    Attributes:
        path: the file.
        sha256: of its bytes, to name the network next to the numbers it gave.
        input_shape: of an ONNX file's input, None for each free dimension; None for a TorchScript file, which has none.
    """

    def __init__(self, path):
        """Loads a file.

        Args:
            path: ``.onnx`` (extra ``onnx``), or ``.pt``, ``.pth``, ``.ts``, ``.torchscript`` (PyTorch).

        Raises:
            FileNotFoundError: no such file.
            ValueError: another ending, several inputs, or not such a file.
            ImportError: onnxruntime or torch is not installed.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{path}: no such file; expected a local ONNX or TorchScript file")
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if self.path.suffix == ".onnx":
            self._run, self.input_shape = _load_onnx(self.path)
        elif self.path.suffix in _TORCHSCRIPT:
            self._run, self.input_shape = _load_torchscript(self.path), None
        else:
            raise ValueError(f"{path}: expected a file named .onnx or {', '.join(_TORCHSCRIPT)}")

    def __call__(self, x):
        """The first output for one input.

        Raises:
            ValueError: the network refuses the array; the message names its shape and the file.
        """
        x = np.ascontiguousarray(x, np.float32)
        try:
            return np.asarray(self._run(x), np.float32)
        except Exception as error:  # each runtime has exceptions of its own
            raise ValueError(f"{self.path}: fails on a float32 array of shape {x.shape}: {_line(error)}") from error


def local_network(path):
    """The `LocalNetwork` of a file, loaded once for as long as the file stays as it is."""
    stat = Path(path).stat() if Path(path).is_file() else None
    return _cached(str(path), stat and (stat.st_mtime_ns, stat.st_size))


@functools.lru_cache(maxsize=8)
def _cached(path, _version):
    return LocalNetwork(path)


def _load_onnx(path):
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"{path} needs onnxruntime: pip install 'tf-audio-gan[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is in the exception
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"{path}: not a network that onnxruntime can load: {_line(error)}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ValueError(f"{path}: has inputs {[i.name for i in inputs]}; expected one")
    shape = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)
    return lambda x: session.run(None, {inputs[0].name: x})[0], shape


def _load_torchscript(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"{path} needs PyTorch: pip install torch") from error
    try:
        network = torch.jit.load(str(path), map_location="cpu").eval()
    except Exception as error:
        raise ValueError(f"{path}: not a TorchScript file (torch.jit.save makes one): {_line(error)}") from error

    def run(x):
        with torch.inference_mode():
            output = network(torch.from_numpy(x))
        return (output[0] if isinstance(output, (tuple, list)) else output).numpy()

    return run


def _line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
