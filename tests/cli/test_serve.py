"""`serve` of a preset: exported on the way, answered over REST and gRPC, and nothing is left."""

import re
from pathlib import Path

import pytest


@pytest.fixture
def preset(tmp_path):
    from tf_audio_gan import WaveGAN

    folder = tmp_path / "tiny"
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(folder)
    return folder


def test_a_preset_is_served_by_its_name_and_its_export_is_gone_after(command, preset, monkeypatch, tmp_path):
    from tf_audio_gan.serving.client import Client
    from tf_audio_gan.serving.server import Server

    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }")
    answered = []

    def run(self, ready):
        with self:
            ready(self)
            answered.append(self.grpc_port)
            answered.append(Client(self.url).generate(seed=[1, 2]))

    monkeypatch.setattr(Server, "run", run)
    ports = ("--rest-port", 0, "--grpc-port", 0, "--batching-parameters-file", tmp_path / "batching.config")
    status, out, _ = command("serve", f"drums={preset}", *ports, "--poll-seconds", 0)
    assert status == 0 and f"gRPC at 127.0.0.1:{answered[0]}" in out and answered[0] > 0
    (first, second), rate = answered[1]
    assert first.shape == (256, 1) and rate == 16000 and (first != second).any()
    (folder,) = re.findall("exporting .* to (.*)", out)
    assert Path(folder).name == "drums" and not Path(folder).exists()


def test_a_name_of_the_zoo_is_a_preset_unless_a_folder_is_called_so(monkeypatch, tmp_path):
    import contextlib

    from tf_audio_gan.cli import serving

    made = []
    monkeypatch.setattr(serving.hub, "zoo_index", lambda: {"bells": {}})
    monkeypatch.setattr("tf_audio_gan.export", lambda preset, out: made.append((preset, out.name)))
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        assert serving._exported("none", stack) == "none" and serving._exported("a=none", stack) == "a=none"
        assert Path(serving._exported("bells", stack)).name == "bells"
        assert Path(serving._exported("other=bells", stack)).name == "other"
        assert Path(serving._exported("hf://user/gongs@v1", stack)).name == "gongs"
        (tmp_path / "bells").mkdir()
        assert serving._exported("bells", stack) == "bells"
    assert made == [("bells", "bells"), ("bells", "other"), ("hf://user/gongs@v1", "gongs")]
