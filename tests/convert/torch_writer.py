"""Writes what torch.save writes, in both formats, so that checkpoints in the peers' layout need no PyTorch to be made.

tests/fixtures/torch_zip.pt and torch_stream.pt are torch.save's own, of PyTorch 2.13 (`TORCH_MADE` has their weights).
"""

import collections
import pickle
import struct
import sys
import zipfile

import numpy as np

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
KINDS = {"float32": "Float", "float64": "Double", "int64": "Long"}
FLAT = np.arange(10, dtype="float32")
TORCH_MADE = {
    "a.weight": np.arange(24, dtype="float32").reshape(4, 2, 3) / 8,
    "a.bias": np.array([0.5, -1.5], "float32"),
    "turned": np.arange(6, dtype="float64").reshape(2, 3).T,
    "first": FLAT[:4],
    "second": FLAT[4:],
    "half": np.array([1.5, -2.0], "float16"),
    "bfloat": np.array([3.140625, -0.0078125], "float32"),
    "count": np.array(7),
    "none": np.zeros((0, 3), "float32"),
}


def save(path, content, stream=False):
    """Writes content (dicts, lists, numbers, strings, arrays) as a zip archive or as the older stream."""
    arrays = []
    body = b"\x80\x02" + _pickled(content, arrays, stream) + b"."
    if stream:
        facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
        keys = _pickled([str(i) for i in range(len(arrays))])
        data = b"".join(struct.pack("<q", a.size) + a.tobytes() for a in arrays)
        path.write_bytes(MAGIC + b"\x80\x02" + _pickled(facts) + b"." + body + b"\x80\x02" + keys + b"." + data)
    else:
        save_zip(path, body, arrays)
    return path


def save_zip(path, body, arrays=(), compression=zipfile.ZIP_STORED):
    """The zip format, of a pickle's bytes."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", body)
        file.writestr("archive/byteorder", sys.byteorder)
        file.writestr("archive/version", "3\n")
        for i, array in enumerate(arrays):
            file.writestr(f"archive/data/{i}", array.tobytes())
    return path


def state_dict(weights):
    return collections.OrderedDict(weights)


def _pickled(x, arrays=None, stream=False):
    if isinstance(x, dict):
        ordered = isinstance(x, collections.OrderedDict)
        new = b"ccollections\nOrderedDict\n)R" if ordered else b"}"
        return new + b"(" + b"".join(_pickled(part, arrays, stream) for item in x.items() for part in item) + b"u"
    if isinstance(x, (list, tuple)):
        inside = b"(" + b"".join(_pickled(part, arrays, stream) for part in x)
        return b"]" + inside + b"e" if isinstance(x, list) else inside + b"t"
    if isinstance(x, np.ndarray):
        return _tensor(np.ascontiguousarray(x) if x.ndim else x.copy(), arrays, stream)
    return pickle.dumps(x, 2)[2:-1]


def _tensor(x, arrays, stream):
    """The stream's storages have a sixth entry, of views, which has been None since PyTorch 0.4."""
    arrays.append(x)
    storage = _pickled(("storage",))[:-1] + f"ctorch\n{KINDS[x.dtype.name]}Storage\n".encode()
    storage += _pickled((str(len(arrays) - 1), "cpu", x.size, *([None] if stream else [])))[1:] + b"Q"
    strides = tuple(s // x.itemsize for s in x.strides)
    rest = _pickled((0, x.shape, strides, False, collections.OrderedDict()))[1:]
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"R"
