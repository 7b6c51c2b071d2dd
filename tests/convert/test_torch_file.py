"""Files of torch.save: both formats read, everything else refused, nothing run."""

import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.convert.torch_writer import MAGIC, TORCH_MADE, save, save_zip, state_dict
from tests.peers import FIXTURES
from tf_audio_gan.convert import pickles
from tf_audio_gan.convert.torch_file import TorchFile

HEADER = MAGIC + b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu%stQ"
TENSOR = b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(%s%sK\x00%s%s\x89)tRs."


def same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype and found[name].shape == array.shape


@pytest.mark.parametrize("name", ["torch_zip.pt", "torch_stream.pt"])
def test_what_torch_saved(name):
    file = TorchFile(FIXTURES / name)
    same(file.arrays(file.content["model"]["generator"]), TORCH_MADE)
    assert file.content["steps"] == 400000 and file.content["scheduler"]["generator"]["milestones"] == {10: 1, 20: 1}
    optimizer = file.content["optimizer"]["generator"]
    assert optimizer["param_groups"][0]["betas"] == (0.9, 0.999)
    np.testing.assert_array_equal(file.arrays({"step": optimizer["state"][0]["step"]})["step"], 1)


@pytest.mark.parametrize("stream", [False, True])
def test_any_torch_that_is_here_is_read_and_reads_our_writer(stream, tmp_path):
    torch = pytest.importorskip("torch", reason="compares with PyTorch itself, which is not installed")
    layers = torch.nn.Sequential(torch.nn.ConvTranspose1d(3, 4, 5), torch.nn.GRU(2, 3), torch.nn.BatchNorm1d(3))
    state = layers.state_dict()
    torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not stream)
    file = TorchFile(tmp_path / "a.pt")
    arrays = file.arrays(file.content)
    same(arrays, {name: tensor.numpy() for name, tensor in state.items()})
    save(tmp_path / "b.pt", {"model": state_dict(arrays), "steps": 3}, stream)
    again = torch.load(tmp_path / "b.pt", weights_only=True)
    assert again["steps"] == 3 and all(torch.equal(again["model"][name], state[name]) for name in state)


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def wrapped(path, body, kind):
    """A pickle's bytes as a file of each kind."""
    if kind == "zip":
        return save_zip(path, body)
    path.write_bytes({"stream": HEADER, "pickle": b""}[kind] + body)
    return path


@pytest.mark.parametrize("kind", ["zip", "stream", "pickle"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_programs_in_a_pickle_do_not_run(kind, protocol, tmp_path):
    marker = tmp_path / "ran"
    for evil, name in [
        (Evil(os.system, f"touch {marker}"), r"(posix|nt)\.system"),
        (Evil(eval, f"open({str(marker)!r}, 'w')"), r"builtin.*\.eval"),
        (Evil(getattr, os, "system"), "getattr|os"),
        ({"model": {"generator": {"w": Evil(os.mkdir, str(marker))}}}, r"\.mkdir"),
        ([1, Evil(exec, "import os")], r"\.exec"),
    ]:
        try:
            body = pickle.dumps(evil, protocol)
        except TypeError:  # a module cannot be pickled: its name can
            body = b"cos\nsystem\n(X\x04\x00\x00\x00truetR."
        refused = f"is refused: .*({name}|instruction).*Nothing in it was run.*state_dict"
        with pytest.raises(ValueError, match=refused + ("|no file of PyTorch's" if kind == "pickle" else "")):
            TorchFile(wrapped(tmp_path / "x.pt", body, kind))
        assert not marker.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nX\x04\x00\x00\x00trueo.",  # OBJ
        b"c__builtin__\nobject\n)\x81.",  # NEWOBJ
        b"ctorch._utils\n_rebuild_tensor_v2\n}b.",  # attributes of a function
        b"ctorch.serialization\nload\n(tR.",
        b"ctorch\nload\n(tR.",
        b"ctorch.nn.modules.conv\nConv1d\n)\x81}b.",
        b"ctf_audio_gan\nfrom_preset\n(tR.",
        b"ccollections\nOrderedDict.__init__.__globals__\n.",
        b"(X\x06\x00\x00\x00modulecos\nsystem\ntQ.",
        b"(X\x06\x00\x00\x00moduleX\x01\x00\x00\x00atQ.",
        b"\x82\x01.",  # EXT1
        b"}(K\x01K\x02tK\x03s.",  # a dict with a tuple for a key
        b"]q\x00(h\x00h\x00e}s.",
    ],
)
def test_instructions_beyond_weights_are_refused(body, tmp_path):
    with pytest.raises(ValueError, match="refused|damaged"):
        TorchFile(save_zip(tmp_path / "x.pt", b"\x80\x02" + body))


def bomb(depth):
    """Tuples of pairs of the same tuple, then used as a key: 2^depth steps to hash."""
    return b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * depth + b"K\x01s."


def number(n):
    return pickle.dumps(n, 2)[2:-1]


def tensor(numel, shape, stride):
    return b"\x80\x02" + TENSOR % (STORAGE % number(numel), b"", number(shape), number(stride))


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.",  # a string of a terabyte
        b"\x80\x02X" + struct.pack("<I", 2**31) + b"a.",
        b"\x80\x02\x8b" + struct.pack("<I", 2**31 - 1) + b"a.",  # a number of 2 GB
        b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b"\x8a\x01\x01.",  # place 2^32 in the memo
        bomb(100),
        tensor(2**40, (2**40,), (1,)),
        tensor(4, (2**30,), (0,)),
        tensor(4, (2, 2), (3, 1)),
        tensor(4, (-1,), (1,)),
        tensor(4, (2,) * 40, (1,) * 40),
    ],
)
def test_declared_sizes_make_nothing_grow(body, tmp_path):
    for kind in ("zip", "stream"):
        path = wrapped(tmp_path / "x.pt", body, kind)
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"x\.pt is (refused|truncated|damaged|a damaged)"):
            file = TorchFile(path)
            file.arrays(file.content)
        assert tracemalloc.get_traced_memory()[1] < 500e6
        tracemalloc.stop()


def test_endless_pickles_end(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "LIMIT", 1000)
    with pytest.raises(ValueError, match="more than 1,000 pickle instructions"):
        TorchFile(save_zip(tmp_path / "x.pt", b"\x80\x02" + b"]" * 1100 + b"."))


def test_compressed_archives_are_refused(tmp_path):
    path = save_zip(tmp_path / "x.pt", b"\x80\x02" + b"]" * 10**6 + b".", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        TorchFile(path)


@pytest.mark.parametrize("name", ["torch_zip.pt", "torch_stream.pt"])
def test_a_truncated_file_is_refused_wherever_it_ends(name, tmp_path):
    data = (FIXTURES / name).read_bytes()
    for end in (1, 3, 10, 100, len(data) // 2, len(data) - 100, len(data) - 1):
        path = tmp_path / "x.pt"
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"x\.pt is .*(truncated|damaged|no file of PyTorch|none of torch)"):
            TorchFile(path)


def test_a_changed_byte_is_found_or_changes_numbers_alone(tmp_path):
    """Fuzz: whatever the byte, the answer is a ValueError or arrays."""
    rng = np.random.default_rng(0)
    for name in ("torch_zip.pt", "torch_stream.pt"):
        data = np.frombuffer((FIXTURES / name).read_bytes(), "uint8")
        for _ in range(150):
            changed = data.copy()
            changed[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
            (tmp_path / "x.pt").write_bytes(changed.tobytes())
            try:
                file = TorchFile(tmp_path / "x.pt")
                file.arrays(file.content["model"]["generator"])
            except ValueError as error:
                assert "x.pt" in str(error)
            except (KeyError, TypeError, AttributeError):  # of this test's own look-ups in changed names
                assert not isinstance(file.content, dict) or "model" not in file.content or file.content["model"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b"hello world, these are notes\n", "no file of PyTorch's .it begins with b'hello world"),
        (b"\n<!DOCTYPE html><html><body>Quota exceeded</body></html>", "a web page: the download failed"),
        (b"\x1f\x8b\x08\x00abc", "a gzip archive: unpack it"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "no file of PyTorch's"),
        (pickle.dumps({"a": 1}, 2), "a pickle, but none of torch.save's"),
        (b"PK\x03\x04" + bytes(50), "a truncated or damaged zip archive"),
    ],
)
def test_other_files_are_named(content, message, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"x.pt is {message}.*expected a file that torch.save made"):
        TorchFile(path)


def test_other_archives_are_named(tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", b"\x80\x02}.")
        file.writestr("a/constants.pkl", b"\x80\x02).")
    with pytest.raises(ValueError, match="TorchScript"):
        TorchFile(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "x")
    with pytest.raises(ValueError, match="none of PyTorch's"):
        TorchFile(path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        TorchFile(tmp_path / "y.pt")
    path = save(tmp_path / "z.pt", {"a": 1, "b": {"c": np.zeros(2)}})
    file = TorchFile(path)
    with pytest.raises(ValueError, match="no state dict: under 'a' stands a int"):
        file.arrays(file.content)
