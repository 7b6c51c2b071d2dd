"""Pickles of PyTorch read as data: an interpreter of their opcodes that knows containers and tensors, and runs nothing.

Python's own unpickler calls whatever a file names. Here a name is looked up in `CALLS` alone, and what stands there are
functions of this file: they build dicts, tuples and descriptions of tensors. Objects are as many as the file has bytes,
so that no declared size makes them grow.
"""

import pickletools
from collections import namedtuple

LIMIT = 1_000_000  # opcodes; a checkpoint of a thousand tensors with its optimizers has about 100,000
Storage = namedtuple("Storage", "dtype key numel")
Tensor = namedtuple("Tensor", "storage offset shape stride")
Name = namedtuple("Name", "text")  # of a class or function that the file refers to
DTYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
REMEDY = (
    "Nothing in it was run. Where PyTorch and the project's code are at hand, save the weights alone: "
    "torch.save(generator.state_dict(), path)."
)


class Refused(ValueError):
    """The pickle holds something that is neither a container nor a tensor."""


def read_pickle(stream, storages=None):
    """The object of the pickle at a stream's position; the stream is left behind it.

    Args:
        stream: binary, whose `read` never makes room for more than there is (io.BytesIO, mmap).
        storages: dict that gets every `Storage` the pickle names, by key.

    Returns:
        dicts, lists, tuples, numbers, strings, `Tensor`.

    Raises:
        Refused: a class, a function or an opcode beyond those of weights.
        ValueError: no pickle, or a damaged one.
    """
    machine = _Machine({} if storages is None else storages)
    try:
        for count, (op, argument, _) in enumerate(pickletools.genops(stream)):
            if op.name == "STOP":
                (result,) = machine.stack
                return result
            if count > LIMIT:
                raise Refused(f"it has more than {LIMIT:,} pickle instructions, which no checkpoint of weights has")
            machine.do(op.name, argument)
    except Refused:
        raise
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"a damaged pickle ({str(error)[:100]})") from None
    raise ValueError("a damaged pickle (no end)")


class _Machine:
    """The stack, the marks on it (their places) and the memo of a pickle that is being read."""

    def __init__(self, storages):
        self.stack, self.marks, self.memo, self.storages = [], [], {}, storages

    def do(self, name, argument):
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _FRESH:
            self.stack.append(_FRESH[name]())
        elif name in ("PROTO", "FRAME"):
            return
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        else:
            raise Refused(f"it uses the pickle instruction {name}, which weights do not need. {REMEDY}")

    def pop(self, n):
        """The last n items."""
        if n > len(self.stack) - (self.marks[-1] if self.marks else 0):
            raise IndexError("a stack that is too short")
        items = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return items

    def pop_mark(self):
        """Every item above the last mark, which goes too."""
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def name(self, module, name):
        text = f"{module}.{name}"
        if text not in CALLS and _storage_kind(text) not in DTYPES:
            raise Refused(f"it holds {text[:100]!r}: code or an object, not weights. {REMEDY}")
        self.stack.append(Name(text))

    def call(self):
        function, arguments = self.pop(2)
        if not isinstance(function, Name) or function.text not in CALLS or not isinstance(arguments, tuple):
            raise Refused(f"it calls something that is no function of PyTorch's for weights. {REMEDY}")
        self.stack.append(CALLS[function.text](*arguments))

    def attributes(self):
        """Attributes of the object below, which are dropped: a state dict's own are its modules' versions."""
        self.pop(1)
        if not isinstance(self.stack[-1], dict):
            raise Refused(f"it sets attributes of a {type(self.stack[-1]).__name__}. {REMEDY}")

    def persistent(self):
        (found,) = self.pop(1)
        if not isinstance(found, tuple) or not found or found[0] != "storage":
            kind = found[0] if isinstance(found, tuple) and found and isinstance(found[0], str) else "object"
            raise Refused(f"it holds a whole {kind[:40]}, not weights alone. {REMEDY}")
        _, kind, key, _, numel, *view = found
        if not isinstance(kind, Name) or not isinstance(key, str) or not _counts((numel,)) or any(view):
            raise ValueError("a storage that is described wrongly")
        storage = Storage(DTYPES[_storage_kind(kind.text)], key, numel)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"two storages called {key[:40]}")
        self.stack.append(storage)

    def set_items(self, items):
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise Refused(f"it sets items of a {type(target).__name__}. {REMEDY}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            _put(target, key, value)

    def append(self, items):
        if type(self.stack[-1]) is not list:
            raise Refused(f"it appends to a {type(self.stack[-1]).__name__}. {REMEDY}")
        self.stack[-1].extend(items)

    def remember(self, index):
        self.memo[index] = self.stack[-1]


def _storage_kind(text):
    """Float of torch.FloatStorage, an empty string of anything else."""
    is_storage = text.startswith("torch.") and text.endswith("Storage")
    return text.removeprefix("torch.").removesuffix("Storage") if is_storage else ""


def _put(target, key, value):
    if not isinstance(key, (str, int, float)):
        raise Refused(f"it has a dict whose key is a {type(key).__name__}; those of weights are names. {REMEDY}")
    target[key] = value


def _dict(items=None, *rest):
    """collections.OrderedDict, which is filled afterwards; collections.Counter of a dict. Nothing is copied."""
    if rest or not (items is None or type(items) is dict):
        raise ValueError("a dict that is described wrongly")
    return {} if items is None else items


def _size(items):
    """torch.Size."""
    if type(items) is not tuple:
        raise ValueError("a size that is described wrongly")
    return items


def _tensor(storage, offset, shape, stride, *_):
    """torch._utils._rebuild_tensor_v2. A tensor larger than its storage (one number expanded) is no weight."""
    if not isinstance(storage, Storage) or not _counts((offset, *shape, *stride)) or len(shape) != len(stride):
        raise ValueError("a tensor that is described wrongly")
    numel, last = 1, offset
    for size, step in zip(shape, stride, strict=True):
        numel, last = numel * size, last + (size - 1) * step
    if numel > storage.numel or (numel and last >= storage.numel):
        raise ValueError(f"a tensor of {numel} numbers in a storage of {storage.numel}")
    return Tensor(storage, offset, tuple(shape), tuple(stride))


def _parameter(tensor, *_):
    """torch._utils._rebuild_parameter."""
    if not isinstance(tensor, Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _counts(numbers):
    return len(numbers) < 20 and all(type(n) is int and 0 <= n < 2**48 for n in numbers)


CALLS = {
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,  # the milestones of a learning rate's schedule
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
_FRESH = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}  # fmt: skip
_OPERATIONS = {
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.pop_mark())),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.pop(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.pop(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.pop(3))),
    "BINPUT": lambda m, index: m.remember(index),
    "LONG_BINPUT": lambda m, index: m.remember(index),
    "MEMOIZE": lambda m, _: m.remember(len(m.memo)),
    "BINGET": lambda m, index: m.stack.append(m.memo[index]),
    "LONG_BINGET": lambda m, index: m.stack.append(m.memo[index]),
    "SETITEM": lambda m, _: m.set_items(m.pop(2)),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
    "APPEND": lambda m, _: m.append(m.pop(1)),
    "APPENDS": lambda m, _: m.append(m.pop_mark()),
    "GLOBAL": lambda m, text: m.name(*text.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.name(*m.pop(2)),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.attributes(),
    "BINPERSID": lambda m, _: m.persistent(),
}
