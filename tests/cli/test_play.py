"""The command play: what it opens, for whom, and what it says without Gradio. The page itself: tests/browser."""

import sys

import pytest

from tf_audio_gan.studio import page, theme


@pytest.fixture
def opened(monkeypatch):
    """What would have been served: (presets, options of `launch`)."""
    found = []
    monkeypatch.setattr(theme, "load_gradio", lambda: None)
    monkeypatch.setattr(page, "make_page", lambda presets, shelf: (presets, shelf))
    monkeypatch.setattr(page, "launch", lambda made, shelf, **options: found.append((made[0], options)))
    return found


def test_it_opens_the_zoo_for_this_machine_alone(command, opened):
    status, _, err = command("play")
    assert status == 0, err
    ((presets, options),) = opened
    assert "wavegan_drums" in presets.names("pads") and presets.names("vocoding") and presets.names("enhancement")
    assert options == {"host": "127.0.0.1", "port": 7860, "share": False, "browser": False}


def test_presets_and_the_address_are_choices(command, opened):
    words = ("play", "wavegan_digits", "segan_plus_light", "--port", 0, "--host", "0.0.0.0", "--open", "--share")
    assert command(*words)[0] == 0
    ((presets, options),) = opened
    assert (presets.names("pads"), presets.names("enhancement")) == (["wavegan_digits"], ["segan_plus_light"])
    assert options == {"host": "0.0.0.0", "port": 0, "share": True, "browser": True}


def test_what_is_no_preset_is_one_line(command, opened):
    for given, words in (("nonsense", "'nonsense' is no preset"), ("judge_digits", "which makes no sounds")):
        status, out, err = command("play", given)
        assert status == 1 and err.startswith("error: ") and words in err and err.count("\n") == 1
    assert opened == []


def test_without_gradio_the_extra_is_named(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    status, _, err = command("play")
    assert status == 1 and err == "error: the page needs gradio: pip install 'tf-audio-gan[demo]'\n"


def test_the_help_has_examples(command):
    status, out, _ = command("play", "--help")
    assert status == 0 and "tf-audio-gan play wavegan_drums --port 0 --open" in out
