"""Files of `torch.save` as numpy arrays, without PyTorch and without running anything that stands in them.

Two formats: since PyTorch 1.6 a zip archive, before that a stream of pickles with the numbers behind them.
"""

import io
import mmap
import zipfile
from pathlib import Path

import numpy as np

from tf_audio_gan.convert.pickles import Refused, Tensor, read_pickle

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the stream format
WANTED = "expected a file that torch.save made of weights (.pt or .pkl)"
BIG_ENDIAN = "of a big-endian machine, whose numbers are turned round: load and save it again on another one"


class TorchFile:
    """What a file of `torch.save` holds; numbers are read when `arrays` asks for them.

    Args:
        path: .pt or .pkl.

    Attributes:
        content: dicts, lists, tuples, numbers and strings, with a `pickles.Tensor` for every tensor.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, or one that holds more than weights; nothing in it was run.
    """

    def __init__(self, path):
        self.path, self._loaded = Path(path), {}
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path} does not exist; {WANTED}")
        with open(self.path, "rb") as file:
            kind = _Zip if file.read(4) == b"PK\x03\x04" else _Stream
        try:
            self._archive = kind(self.path)
        except Refused as error:
            raise ValueError(f"{self.path} is refused: {error}") from None
        except ValueError as error:
            raise ValueError(f"{self.path} is {error}; {WANTED}") from None
        self.content = self._archive.content

    def arrays(self, tensors):
        """{name: numpy array} of a dict of tensors in `content`.

        Raises:
            ValueError: something in it is no tensor, or the file ends before its numbers.
        """
        found = {}
        for name, tensor in tensors.items():
            if not isinstance(name, str) or not isinstance(tensor, Tensor):
                kind = type(tensor).__name__
                raise ValueError(
                    f"{self.path} holds no state dict: under {str(name)[:60]!r} stands a {kind}, no tensor"
                )
            try:
                found[name] = self._array(tensor)
            except ValueError as error:
                raise ValueError(f"{self.path} is truncated or damaged at {name[:100]!r}: {error}") from None
        return found

    def _array(self, tensor):
        storage = tensor.storage
        if storage.key not in self._loaded:
            self._loaded[storage.key] = self._archive.numbers(storage)
        numbers = self._loaded[storage.key]
        strides = [step * numbers.itemsize for step in tensor.stride]
        return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)


class _Zip:
    """PyTorch 1.6 and later: NAME/data.pkl, and NAME/data/KEY for every storage; nothing is compressed."""

    def __init__(self, path):
        try:
            self.file, self.size = zipfile.ZipFile(path), path.stat().st_size
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, OSError):
            raise ValueError("a truncated or damaged zip archive") from None
        names = set(self.file.namelist())
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("a zip archive that is none of PyTorch's (without data.pkl)")
        self.root = pickles[0].removesuffix("data.pkl")
        if f"{self.root}constants.pkl" in names:
            raise ValueError("a TorchScript program, which holds code beside its weights")
        if f"{self.root}byteorder" in names and self.entry("byteorder").strip() == b"big":
            raise ValueError(BIG_ENDIAN)
        self.content = read_pickle(io.BytesIO(self.entry("data.pkl")))

    def entry(self, name):
        try:
            info = self.file.getinfo(self.root + name)
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > self.size:
                raise ValueError("compressed, which PyTorch's archives are not")
            return self.file.read(info)
        except KeyError:
            raise ValueError(f"an archive without {name[:60]!r}") from None
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise ValueError(f"a damaged zip archive ({error})") from None

    def numbers(self, storage):
        return _numbers(self.entry(f"data/{storage.key}"), 0, storage)


class _Stream:
    """Before 1.6: pickles of the magic number, version, machine, content and storages' keys; then every storage."""

    def __init__(self, path):
        if path.stat().st_size == 0:
            raise ValueError("empty")
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._check_magic()
        read_pickle(self.data)
        machine, storages = read_pickle(self.data), {}
        if not isinstance(machine, dict) or not machine.get("little_endian"):
            raise ValueError(BIG_ENDIAN)
        self.content = read_pickle(self.data, storages)
        self.places = self._find(read_pickle(self.data), storages)

    def _check_magic(self):
        head = self.data[:512].lstrip()
        if head[:1] == b"<":
            raise ValueError("a web page: the download failed (open the address in a browser to see why)")
        if head[:2] == b"\x1f\x8b":
            raise ValueError("a gzip archive: unpack it and give the checkpoint inside")
        try:
            magic = read_pickle(self.data)
        except ValueError as error:
            if head[:1] == b"\x80":
                raise
            raise ValueError(f"no file of PyTorch's (it begins with {head[:20]!r})") from error
        if magic != MAGIC:
            raise ValueError("a pickle, but none of torch.save's")

    def _find(self, keys, storages):
        """{key: where its numbers begin}: in the order of the keys, each behind its element count in 8 bytes."""
        places, at = {}, self.data.tell()
        if not isinstance(keys, list) or len(keys) != len(storages) or not all(key in storages for key in keys):
            raise ValueError("damaged: its list of storages does not fit its tensors")
        for key in keys:
            numel = int.from_bytes(self.data[at : at + 8], "little")
            places[key] = at + 8
            at += 8 + numel * np.dtype(_stored(storages[key])).itemsize
            if numel != storages[key].numel or at > len(self.data):
                raise ValueError(f"truncated or damaged: it ends before the {storages[key].numel} numbers of a tensor")
        return places

    def numbers(self, storage):
        return _numbers(self.data, self.places[storage.key], storage)


def _stored(storage):
    """bfloat16, which numpy lacks, is read as the upper halves of float32."""
    return "uint16" if storage.dtype == "bfloat16" else storage.dtype


def _numbers(data, at, storage):
    size = np.dtype(_stored(storage)).itemsize * storage.numel
    if len(data) - at < size:
        raise ValueError(f"{len(data) - at} bytes for {storage.numel} numbers of {storage.dtype}")
    numbers = np.frombuffer(data, _stored(storage), storage.numel, at) if size else np.zeros(0, _stored(storage))
    return (numbers.astype("uint32") << 16).view("float32") if storage.dtype == "bfloat16" else numbers
