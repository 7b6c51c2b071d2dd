"""Which presets a page has, what each is for, that they load when asked for and wait their turn."""

import threading

import pytest

from tf_audio_gan import MelGAN, SEGANPlus, WaveGAN, hub
from tf_audio_gan.studio import presets as module
from tf_audio_gan.studio.presets import Presets

SMALL = {"length": 256, "strides": [4, 4], "dim": 2}


@pytest.fixture(scope="module", name="folders")
def some_presets(tmp_path_factory):
    base = tmp_path_factory.mktemp("presets")
    for name in ("hits", "run_a/preset", "run_b/preset", "b/hits"):
        WaveGAN(**SMALL).save_to_preset(base / name)
    SEGANPlus(window=1024, filters=[4, 8, 8]).save_to_preset(base / "clean")
    front_end = {"sample_rate": 8000, "n_fft": 64, "hop_length": 16, "n_mels": 8, "fmin": 0, "fmax": 4000}
    small = {"upsample_scales": [4, 4], "stacks": 1, "d_scales": 1, "channels": 8, "segment_length": 512}
    MelGAN(front_end=front_end, **small).save_to_preset(base / "voice")
    return base


def test_each_is_for_what_it_does_and_a_run_gives_its_preset_the_name(folders):
    found = Presets([str(folders / name) for name in ("run_a/preset", "clean", "voice", "hits")])
    assert found.names("pads") == ["run_a", "hits"]
    assert (found.names("enhancement"), found.names("vocoding"), found.names("notes")) == (["clean"], ["voice"], [])


def test_those_of_one_name_are_told_apart_by_their_paths(folders):
    handles = [str(folders / "hits"), str(folders / "b/hits"), str(folders / "run_b/preset")]
    assert Presets(handles).names("pads") == [*handles[:2], "run_b"]


def test_the_zoo_s_makers_of_sounds_are_there_without_its_judges_the_drums_first():
    found = Presets()
    everything = {name for use in ("pads", "notes", "vocoding", "enhancement") for name in found.names(use)}
    weights = {name for name in hub.list_presets() if (hub.ZOO / name / "generator.weights.h5").is_file()}
    assert everything == weights and {"gansynth_notes", "wavegan_drums"} <= everything < set(hub.list_presets())
    assert "gansynth_notes" in found.names("notes")
    assert found.names("pads")[0] == "wavegan_drums" and found.names("enhancement")[0] == "segan_speech"


def test_a_preset_is_loaded_once_when_it_is_asked_for_and_the_latest_are_kept(folders, monkeypatch):
    loaded = []
    load = lambda handle: loaded.append(handle) or WaveGAN(**SMALL)  # noqa: E731
    monkeypatch.setattr(module, "from_preset", load)
    monkeypatch.setattr(module, "KEPT", 2)
    handles = [str(folders / name) for name in ("hits", "run_a/preset", "run_b/preset")]
    found = Presets(handles)
    assert loaded == []
    for name in ("hits", "run_a", "hits", "run_b", "hits", "run_a"):
        with found.model(name, "pads") as model:
            assert model.length == 256
    assert loaded == [handles[0], handles[1], handles[2], handles[1]]


def test_requests_take_turns_and_too_many_are_refused(folders, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 3)
    found = Presets([str(folders / "hits")])
    inside, most, done, hold = [0], [0], [], threading.Event()

    def work():
        with found.model("hits", "pads"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            hold.wait(20)
            inside[0] -= 1
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while found._places._value:
        pass
    with pytest.raises(RuntimeError, match="3 requests are waiting already"), found.model("hits", "pads"):
        pass
    hold.set()
    for thread in threads:
        thread.join()
    assert len(done) == 3 and most == [1]
    with found.model("hits", "pads") as model:
        assert model.length == 256


def test_what_is_no_preset_or_not_for_this_is_refused_in_words(folders, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="'nonsense' is no preset"):
        Presets(["nonsense"])
    with pytest.raises(ValueError, match="wavegan_sc09 has no weights"):
        Presets(["wavegan_sc09"])
    with pytest.raises(ValueError, match="judge_digits holds 'tf_audio_gan>Classifier', which makes no sounds"):
        Presets(["judge_digits"])
    with (
        pytest.raises(ValueError, match="no preset 'clean' here; there are: hits"),
        Presets([str(folders / "clean"), str(folders / "hits")]).model("clean", "pads"),
    ):
        pass
    monkeypatch.setattr(hub, "ZOO", tmp_path)
    monkeypatch.delenv("TF_AUDIO_GAN_ZOO_URL", raising=False)
    with pytest.raises(FileNotFoundError, match="no presets to play with"):
        Presets()
