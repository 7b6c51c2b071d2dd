"""Presets over a real HTTP server on this machine: kept, checked, taken up again, never half there."""

import http.server
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan import WaveGAN, downloads, from_preset, hub, list_presets, write_zoo_index


class Handler(http.server.SimpleHTTPRequestHandler):
    """A server of static files that can misbehave: `server.faults` = {path's end: [what to do, once each]}."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        faults = next((f for end, f in self.server.faults.items() if self.path.endswith(end)), [])
        fault = faults.pop(0) if faults else None
        data = (Path(self.directory) / self.path.lstrip("/")).read_bytes() if fault != "status 404" else b""
        if fault and fault.startswith("status"):
            return self.send_error(int(fault.split()[1]))
        start = 0
        if self.headers.get("Range") and self.server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if fault in ("no length", "endless"):
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "endless":
            data += bytes(2**20)
        if fault == "slow":
            time.sleep(1.5)
        self.wfile.write(data[start:][: 1000 if fault == "cut" else None])
        if fault == "cut":
            self.wfile.flush()
            self.connection.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A mirror with one small preset; this machine knows no other zoo, and keeps what it fetches in a test's folder."""
    zoo = tmp_path / "served"
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(zoo / "tiny")
    write_zoo_index(zoo)
    handler = lambda *args: Handler(*args, directory=str(zoo))  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked, server.faults, server.ranges, server.zoo = [], {}, True, zoo
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(downloads, "_PAUSE", 0.0)
    monkeypatch.setenv("TF_AUDIO_GAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TF_AUDIO_GAN_ZOO_URL", server.url)
    monkeypatch.delenv("TF_AUDIO_GAN_OFFLINE", raising=False)
    yield server
    server.shutdown()
    server.server_close()


def kept(tmp_path):
    """What lies in the cache: names of presets."""
    return sorted(p.name for p in (tmp_path / "home" / "presets").glob("*"))


def test_a_mirrors_preset_is_fetched_once(server, tmp_path):
    assert list_presets() == ["tiny"]
    audio = from_preset("tiny").generate(1)
    np.testing.assert_array_equal(audio, from_preset(server.zoo / "tiny").generate(1))
    before = len(server.asked)
    np.testing.assert_array_equal(from_preset("tiny").generate(1), audio)
    assert {path for path, _ in server.asked[before:]} == {"/index.json"}
    assert len(kept(tmp_path)) == 1 and kept(tmp_path)[0].startswith("tiny-")
    np.testing.assert_array_equal(from_preset(f"{server.url}/tiny").generate(1), audio)
    np.testing.assert_array_equal(from_preset((server.zoo / "tiny").as_uri()).generate(1), audio)


def test_offline_uses_what_is_kept(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_AUDIO_GAN_OFFLINE", "1")
    with pytest.raises(OSError, match="index.json was never fetched, and TF_AUDIO_GAN_OFFLINE forbids"):
        hub.resolve("tiny")
    monkeypatch.setenv("TF_AUDIO_GAN_OFFLINE", "0")
    list_presets()
    monkeypatch.setenv("TF_AUDIO_GAN_OFFLINE", "1")
    with pytest.raises(OSError, match="tiny is not in .*, and TF_AUDIO_GAN_OFFLINE forbids to fetch it"):
        hub.resolve("tiny")
    monkeypatch.delenv("TF_AUDIO_GAN_OFFLINE")
    folder = hub.resolve("tiny")
    monkeypatch.setenv("TF_AUDIO_GAN_OFFLINE", "1")
    asked = len(server.asked)
    assert hub.resolve("tiny") == folder and len(server.asked) == asked


def test_a_server_that_is_gone_leaves_what_is_kept(server, monkeypatch):
    folder = hub.resolve("tiny")
    server.shutdown()
    server.server_close()
    assert hub.resolve("tiny") == folder
    monkeypatch.setenv("TF_AUDIO_GAN_ZOO_URL", server.url + "/elsewhere")
    with pytest.raises(OSError, match="cannot reach .*/elsewhere/index.json.*Is the network there"):
        hub.resolve("tiny")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_taken_up_again(server, ranges):
    server.ranges, server.faults = ranges, {"generator.weights.h5": ["cut", "status 503", "cut"]}
    assert (hub.resolve("tiny") / "config.json").is_file()
    asked = [r for path, r in server.asked if path.endswith("generator.weights.h5")]
    assert asked == [None, "bytes=1000-", "bytes=1000-", "bytes=2000-" if ranges else "bytes=1000-"]


@pytest.mark.parametrize(
    "fault, error, message",
    [
        (["status 404"], OSError, "cannot fetch .*generator.weights.h5: HTTP Error 404"),
        (["wrong"], ValueError, "generator.weights.h5 is not the file the zoo's index names"),
        (["endless"], ValueError, "is not the file the zoo's index names"),
        (["status 500"] * 9, OSError, "cannot fetch .*HTTP Error 500"),
        (["slow"] * 9, OSError, "cannot fetch .*timed out"),
    ],
)
def test_what_cannot_be_fetched_leaves_nothing(fault, error, message, server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_TIMEOUT", 0.3)
    server.faults = {"generator.weights.h5": fault}
    with pytest.raises(error, match=message):
        hub.resolve("tiny")
    assert kept(tmp_path) == []
    server.faults = {}
    assert (hub.resolve("tiny") / "config.json").is_file()


def test_a_server_that_names_no_length(server):
    server.faults = {"generator.weights.h5": ["no length"], "index.json": ["no length"]}
    assert (hub.resolve("tiny") / "config.json").is_file()


def test_many_fetch_at_once(server, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(hub.resolve, ["tiny"] * 8))
    assert len(set(folders)) == 1 and len(kept(tmp_path)) == 1


def test_a_kept_file_that_changed_is_refused(server):
    path = hub.resolve("tiny") / "generator.weights.h5"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is not the file the zoo's index names.*Delete .*; it is fetched again"):
        hub.resolve("tiny")


def test_a_new_release_of_a_preset_is_fetched_beside_the_old(server, tmp_path):
    hub.resolve("tiny")
    WaveGAN(length=256, strides=[4, 4], dim=2, seed=1).save_to_preset(server.zoo / "tiny")
    write_zoo_index(server.zoo)
    assert hub.resolve("tiny").is_dir() and len(kept(tmp_path)) == 2


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "c:\\x", ""])
def test_a_hostile_index_names_nothing_outside(server, name):
    index = json.loads((server.zoo / "index.json").read_text())
    files = index["presets"]["tiny"]["files"]
    files[name] = files.pop("config.json")
    (server.zoo / "index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="names files outside of the preset 'tiny'"):
        hub.resolve("tiny")


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"presets": {"tiny": {}}}', '{"presets": {"tiny": {"files": {"a": {}}}}}']
)
def test_a_damaged_index_is_named(server, text):
    (server.zoo / "index.json").write_text(text)
    with pytest.raises(ValueError, match="index.json is no index of a zoo"):
        hub.resolve("tiny")


def test_unknown_schemes_and_missing_extras(server, monkeypatch):
    with pytest.raises(ValueError, match="begins with file://, https:// or hf://. Received: 'ftp://x/y'"):
        hub.resolve("ftp://x/y")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"tf-audio-gan\[hf\]"):
        hub.resolve("hf://someone/something@v1")
    with pytest.raises(FileNotFoundError, match="no config.json in /nowhere"):
        hub.resolve("file:///nowhere")


def test_hugging_face_handles_name_repository_and_revision(server, tmp_path, monkeypatch):
    asked = {}

    class Fake:
        @staticmethod
        def snapshot_download(repo, **given):
            asked.update(repo=repo, **given)
            return str(server.zoo / "tiny")

    monkeypatch.setitem(sys.modules, "huggingface_hub", Fake)
    assert hub.resolve("hf://someone/drums@v2") == server.zoo / "tiny"
    assert (asked["repo"], asked["revision"]) == ("someone/drums", "v2")
    assert asked["cache_dir"] == tmp_path / "home" / "hugging_face" and "*.weights.h5" in asked["allow_patterns"]
    assert not [p for p in asked["allow_patterns"] if "pkl" in p or "bin" in p]
