"""The accelerator under Keras: its memory, its float32 arithmetic, and how numbers get there while nobody waits.

PyTorch queues work and runs ahead of the device. Whatever copies from ordinary host memory, or reads a number back,
waits until the device has done all that was queued: a training step must do neither. `numbers_made_there`, `at_least`,
`constant` and `sent` are the ways to hand numbers over without waiting.
"""

import contextlib
import functools
import weakref

import keras
import numpy as np
from keras import ops

_CONSTANTS = {}  # id of an array: the tensor that was made of it


def _on_torch():
    return keras.backend.backend() == "torch"


def device_name():
    """Where layers are computed, in words: the accelerators there are, or the CPU."""
    if _on_torch():
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU (PyTorch sees no GPU)"
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(d).get("device_name", d.name)
        for d in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join(gpus) or "the CPU (TensorFlow sees no GPU)"


def device_memory_mb():
    """The most memory that tensors took on the accelerator so far, in units of 2**20 bytes; None on a CPU."""
    if _on_torch():
        import torch

        return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return None


def free_memory():
    """Bytes that are free on the accelerator PyTorch computes on; None where there is none, and under TensorFlow."""
    if not _on_torch() or _device().type != "cuda":
        return None
    import torch

    return torch.cuda.mem_get_info()[0]


@contextlib.contextmanager
def float32_arithmetic(tf32):
    """Within it an accelerator multiplies float32 as it stands, or rounds it to TF32: 10 bits of fraction, not 23.

    Without it TensorFlow rounds by default, PyTorch in convolutions only. Sums are float32 with either; on a CPU, and
    on GPUs before Ampere (2020), nothing changes. The setting of before comes back at the end.

    Args:
        tf32: whether matrix products and convolutions may round.
    """
    before = _tf32()
    _set_tf32(dict.fromkeys(before, tf32))
    try:
        yield
    finally:
        _set_tf32(before)


def _tf32():
    if _on_torch():
        import torch

        return {"matmul": torch.backends.cuda.matmul.allow_tf32, "conv": torch.backends.cudnn.allow_tf32}
    import tensorflow as tf

    return {"all": tf.config.experimental.tensor_float_32_execution_enabled()}


def _set_tf32(allowed):
    if _on_torch():
        import torch

        torch.backends.cuda.matmul.allow_tf32 = allowed["matmul"]
        torch.backends.cudnn.allow_tf32 = allowed["conv"]
        return
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(allowed["all"])


@contextlib.contextmanager
def numbers_made_there():
    """Within it Keras on PyTorch makes the tensor of a Python number on the device, where it would copy and wait.

    It costs some microseconds for every call to PyTorch: for optimizers and the like, not for whole networks.
    """
    if not _on_torch():
        yield
        return
    with _made_there()():
        yield


@functools.cache
def _made_there():
    import torch
    from torch.overrides import TorchFunctionMode

    class MadeThere(TorchFunctionMode):
        """`torch.as_tensor` of a Python number becomes a fill on the device."""

        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if function is torch.as_tensor and args and isinstance(args[0], bool | int | float):
                return torch.full((), args[0], **kwargs)
            return function(*args, **kwargs)

    return MadeThere


def at_least(x, floor):
    """max(x, floor) of a tensor and a Python number."""
    with numbers_made_there():
        return ops.maximum(x, floor)


def constant(array):
    """A numpy array that a network, a loss or a transform computes with, as `ops` take it.

    On PyTorch it is sent to the device once and stays there while the array lives: keep the array, and do not write to
    it. On TensorFlow it is the array itself, for a graph to hold.
    """
    if not _on_torch():
        return array
    if id(array) not in _CONSTANTS:
        _CONSTANTS[id(array)] = sent(np.array(array))
        weakref.finalize(array, _CONSTANTS.pop, id(array), None)
    return _CONSTANTS[id(array)]


def sent(array):
    """A numpy array as a PyTorch tensor on the device; neither side waits for the other."""
    return arrived(packed(array))


def packed(array):
    """A numpy array as a PyTorch tensor on the host, from where `arrived` can send it without waiting."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory() if _device().type == "cuda" else tensor


def arrived(tensor):
    """What `packed` made, on the device."""
    return tensor.to(_device(), non_blocking=True)


def room(rows, channels, dtype):
    """An empty PyTorch tensor [rows, channels] on the device, of "int16" or "float32"."""
    import torch

    return torch.empty((rows, channels), dtype=getattr(torch, dtype), device=_device())


def crops(clips, starts, counts, gains, length, delays=None):
    """Cuts examples out of clips that lie end to end on the device.

    Args:
        clips: PyTorch tensor [samples, channels] of float32, or of int16 in units of 2**-15; `length` samples of
            anything behind the last clip, and the longest delay of anything before the first.
        starts: int64 array [batch], the first sample of each example.
        counts: int64 array [batch], how many samples are the clip's; zeros follow.
        gains: float32 array [batch], factors.
        length: samples of an example.
        delays: int64 array [batch], zeros before each clip's samples; None: none.

    Returns:
        float32 tensor [batch, length, channels] in [-1, 1].
    """
    import torch

    samples, channels = clips.shape
    windows = clips.as_strided((samples - length + 1, length, channels), (channels, channels, 1))
    delays = np.zeros_like(starts) if delays is None else delays
    starts, ends, delays, gains = (sent(values) for values in (starts - delays, counts + delays, delays, gains))
    audio = windows[starts]
    if audio.dtype == torch.int16:
        audio = audio.to(torch.float32).mul_(2.0**-15)
    audio = audio.mul_(gains[:, None, None]).clamp_(-1, 1)
    places = torch.arange(length, device=clips.device)
    outside = (places >= ends[:, None]) | (places < delays[:, None])
    return audio.masked_fill_(outside[:, :, None], 0.0)


@functools.cache
def _device():
    return ops.zeros(()).device
