"""The benchmark that sets generated sounds between a ceiling and a floor, run small."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.audio.synthetic import drum_hits, write_drum_hits
from tf_audio_gan.metrics.spectral import level_db, time_centroid

FILE = Path(__file__).parents[2] / "benchmarks" / "compare_sounds.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("compare_sounds", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_stands_between_ceiling_and_floor(benchmark, tmp_path, capsys):
    write_drum_hits(tmp_path / "real", 40, seed=0)
    write_drum_hits(tmp_path / "fake", 20, seed=1)
    (tmp_path / "fake" / "broken.wav").write_bytes(b"no sound")
    arguments = [str(tmp_path / "real"), str(tmp_path / "fake"), "--length", "8192", "--seed", "3"]
    benchmark.main([*arguments, "--json", str(tmp_path / "o.json"), "--picture", str(tmp_path / "o.png")])
    printed = capsys.readouterr().out
    assert "n = 40 real, 20 generated; halves of 20; seed 3" in printed
    assert "skipped:" in printed and "broken.wav" in printed
    rows = json.loads((tmp_path / "o.json").read_text())["sets"]
    assert {row["clips"] for row in rows.values()} == {20} and rows["silence"]["silent"] == 20
    assert rows["real"]["mel_db"] < rows["noise"]["mel_db"] < rows["silence"]["mel_db"]
    assert abs(rows["generated"]["mel_db"] / rows["real"]["mel_db"] - 1) < 0.25
    assert (tmp_path / "o.png").stat().st_size > 10_000


def test_the_noise_has_the_levels_and_decays_of_the_real_clips(benchmark):
    real = np.stack([np.pad(a[:8000], ((0, 8000 - len(a[:8000])), (0, 0))) for _, a in drum_hits(10)])
    noise = benchmark.decaying_noise(real, 16000, np.random.default_rng(0))
    np.testing.assert_allclose(level_db(noise), level_db(real), atol=0.3)
    np.testing.assert_allclose(time_centroid(noise, 16000), time_centroid(real, 16000), rtol=0.25)


def test_a_folder_without_sounds_is_named(benchmark, tmp_path):
    write_audio(tmp_path / "a.wav", np.zeros(9), 16000)
    with pytest.raises(SystemExit, match="1 readable sounds of 1 files; expected at least 2"):
        benchmark.load(tmp_path, 16000, 100)
