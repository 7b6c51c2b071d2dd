import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile

from tests.listening_tests.listeners import page_data
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.audio.loudness import integrated_loudness
from tf_audio_gan.listening_tests import making
from tf_audio_gan.listening_tests.answers import RUINED
from tf_audio_gan.listening_tests.making import make_listening_test, ruined

RATE = 8000


def tone(hz, level, seconds=0.5):
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """real and copy share six stems (copy in a subfolder, as FLAC); draws shares none; each at its own level."""
    base = tmp_path_factory.mktemp("systems")
    for i in range(6):
        write_audio(base / "real" / f"sound_{i}.wav", tone(200 + 50 * i, 0.5), RATE)
        write_audio(base / "copy" / "deep" / f"sound_{i}.flac", tone(200 + 50 * i, 0.02), RATE)
        write_audio(base / "draws" / f"draw_{i}.wav", tone(300 + 70 * i, 0.1), RATE)
    (base / "empty").mkdir()
    return base


def sound(test, clip):
    return soundfile.read(io.BytesIO(base64.b64decode(test["clips"][clip])), always_2d=True)


def test_mos_holds_every_system_of_each_item_under_names_that_say_nothing(base, tmp_path):
    made = make_listening_test("mos", [base / "real", base / "copy"], tmp_path / "a" / "p.html", reference="real", n=4)
    test, key = page_data(made.page), json.loads(made.key.read_text())
    assert (made.items, made.matched, made.systems) == (4, True, ["real", "copy"]) and key["reference"] == "real"
    assert made.trials == 4 * 2 + 3 + 3 and test["page"] == key["page"]
    assert made.bytes == made.page.stat().st_size
    for item in test["items"]:
        facts = [key["clips"][clip] for trial in item for clip in trial["clips"]]
        assert {f["system"] for f in facts} == {"real", "copy"}
        assert len({re.sub(r".*(sound_\d).*", r"\1", f["file"]) for f in facts}) == 1, "one item, one stem"
    assert [key["clips"][trial["clips"][0]]["system"] for trial in test["checks"]] == [RUINED] * 3
    shown = json.dumps({name: value for name, value in test.items() if name != "clips"} | {"names": [*test["clips"]]})
    assert not re.search(r"real|copy|sound_\d|ruined|flac|wav", shown)


def test_the_same_arguments_make_the_same_page_and_another_seed_another(base, tmp_path):
    folders = [base / "real", base / "draws"]
    pages = [make_listening_test("ab", folders, tmp_path / f"{i}.html", seed=i // 2, n=3).page for i in range(3)]
    assert pages[0].read_bytes() == pages[1].read_bytes() != pages[2].read_bytes()
    make_listening_test("ab", folders, tmp_path / "0.html", seed=0, n=3)
    with pytest.raises(ValueError, match=r"0\.key\.json is the key of another page, whose answers need it"):
        make_listening_test("ab", folders, tmp_path / "0.html", seed=9, n=3)


def test_all_clips_are_equally_loud_and_none_clips(base, tmp_path):
    write_audio(tmp_path / "peaky" / "draw.wav", np.r_[0.9, tone(300, 0.01)], RATE)
    made = make_listening_test("ab", [base / "draws", tmp_path / "peaky"], tmp_path / "p.html", n=1)
    test = page_data(made.page)
    sounds = [sound(test, clip)[0] for clip in test["clips"]]
    loudness = [integrated_loudness(np.repeat(audio, 2, axis=1), RATE) for audio in sounds]
    assert made.loudness < -33 and any("all peak and no body" in note for note in made.notes)
    np.testing.assert_allclose(loudness, made.loudness, atol=0.1)
    assert max(np.abs(audio).max() for audio in sounds) == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_stereo_plays_as_loud_as_mono(base, tmp_path):
    write_audio(tmp_path / "wide" / "a.wav", np.stack([tone(300, 0.3), 0 * tone(300, 0.3)], axis=1), RATE)
    made = make_listening_test("ab", [base / "draws", tmp_path / "wide"], tmp_path / "p.html", n=1, attention=0)
    test = page_data(made.page)
    power = [float(np.mean(sound(test, c)[0] ** 2, axis=0).sum() * (2 if sound(test, c)[0].shape[1] == 1 else 1)) for c in test["clips"]]  # fmt: skip # noqa: E501
    assert made.loudness == -23.0 and len({sound(test, c)[0].shape[1] for c in test["clips"]}) == 2
    assert power[0] == pytest.approx(power[1], rel=0.1)


def test_a_matched_abx_repeats_a_or_b_and_an_unmatched_one_another_sound_of_their_system(base, tmp_path):
    made = make_listening_test("abx", [base / "real", base / "copy"], tmp_path / "m.html", n=4)
    for trial in [t for item in page_data(made.page)["items"] for t in item]:
        assert sorted(trial["x"]) == sorted(trial["clips"])
    made = make_listening_test("abx", [base / "real", base / "draws"], tmp_path / "u.html", n=4)
    test, key = page_data(made.page), json.loads(made.key.read_text())
    assert not made.matched and "draws are compared" in made.notes[0] and "same source as X" in test["question"]
    for trial in [t for item in test["items"] for t in item]:
        assert not set(trial["x"]) & set(trial["clips"])
        assert {key["clips"][x]["system"] for x in trial["x"]} == {"real", "draws"}


def test_ab_of_three_systems_has_every_pair_and_a_check_beside_its_source(base, tmp_path):
    folders = [base / "real", base / "copy"]
    made = make_listening_test("ab", folders, tmp_path / "p.html", reference=base / "draws", n=5, attention=2)
    test, key = page_data(made.page), json.loads(made.key.read_text())
    assert made.systems == ["real", "copy", "draws"] and key["reference"] == "draws" and made.trials == 5 * 3 + 2
    pairs = [frozenset(key["clips"][c]["system"] for c in t["clips"]) for item in test["items"] for t in item]
    assert all(pairs.count(frozenset(pair)) == 5 for pair in (("real", "copy"), ("real", "draws"), ("copy", "draws")))
    for trial in test["checks"]:
        assert {key["clips"][c]["system"] for c in trial["clips"]} == {RUINED, "draws"}
        assert len({key["clips"][c]["file"] for c in trial["clips"]}) == 1


def test_more_items_than_one_listener_gets(base, tmp_path):
    made = make_listening_test("mos", [base / "real", base / "copy"], tmp_path / "p.html", n=2, items=5, attention=0)
    test = page_data(made.page)
    assert (len(test["items"]), test["n"], made.trials) == (5, 2, 4)


def test_a_ruined_sound_is_noise_in_pieces(rng):
    audio = tone(440, 0.5)[: RATE // 10, None].astype(np.float32)
    bad = ruined(audio, RATE, rng)
    assert bad.shape == (RATE // 2, 1) and np.mean(bad == 0) == pytest.approx(0.5, abs=0.01)
    assert np.sqrt(np.mean(bad[bad != 0] ** 2)) == pytest.approx(np.sqrt(0.125), rel=0.15)


def test_an_unreadable_file_is_skipped_and_named_and_silence_is_said(base, tmp_path):
    for i in range(3):
        write_audio(tmp_path / "mixed" / f"sound_{i}.wav", tone(200, 0.5), RATE)
    (tmp_path / "mixed" / "sound_3.wav").write_bytes(b"RIFF")
    write_audio(tmp_path / "mixed" / "sound_4.wav", np.zeros(999), RATE)
    made = make_listening_test("mos", [base / "real", tmp_path / "mixed"], tmp_path / "p.html")
    assert [path for path, _ in made.skipped] == [str(tmp_path / "mixed" / "sound_3.wav")]
    assert "cannot be decoded" in made.skipped[0][1] and made.items == 4
    assert {"20 items asked for, 4 there", "1 file without a partner left out"} < set(made.notes)
    assert "silent (below -70 LUFS), and left so: 1 clip" in made.notes


def test_markup_in_a_title_is_text(base, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>{test}"
    made = make_listening_test("ab", [base / "real", base / "copy"], tmp_path / "p.html", n=1, title=evil)
    text = made.page.read_text()
    assert page_data(made.page)["title"] == evil
    assert "<img" not in text and text.count("</script>") == 2 and not re.search(r"https?://", text)


def test_a_page_too_large_is_refused_before_it_is_written(base, tmp_path, monkeypatch):
    folders = [base / "real", base / "copy"]
    monkeypatch.setattr(making, "LARGE", 1000)
    assert "too much for mail" in make_listening_test("ab", folders, tmp_path / "p.html", n=1).notes[-1]
    monkeypatch.setattr(making, "TOO_LARGE", 1000)
    with pytest.raises(ValueError, match=r"q\.html: the page would take 0 MB, 0 MB at most; take fewer items"):
        make_listening_test("ab", folders, tmp_path / "q.html", n=1)
    assert not (tmp_path / "q.html").exists() and not (tmp_path / "q.key.json").exists()


@pytest.mark.parametrize(
    "kind, folders, options, message",
    [
        ("mushra", ["real", "copy"], {}, "kind must be one of mos, ab, abx; received 'mushra'"),
        ("mos", ["real"], {}, r"1 system \(real\); a listening test compares two folders or more"),
        ("mos", ["real", "real"], {}, "two systems are named 'real' .*name them: NAME=FOLDER"),
        ("mos", ["real", "empty"], {}, r"empty: 0 sounds; expected at least 1"),
        ("mos", ["real", "nowhere"], {}, "nowhere: no such folder"),
        ("ab", ["real", "draws"], {"matched": True}, "no file name occurs in all of real, draws"),
        ("ab", ["real", "copy"], {"items": 2, "n": 3}, "items is 2, n 3; expected as many"),
        ("ab", ["real", "copy"], {"n": 0}, "n is 0 and attention 3; expected at least 1 item"),
    ],
)
def test_refusals(base, tmp_path, kind, folders, options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make_listening_test(kind, [base / folder for folder in folders], tmp_path / "p.html", **options)
    assert not list(tmp_path.iterdir())


def test_a_page_is_html_and_a_system_without_sounds_is_named(base, tmp_path):
    with pytest.raises(ValueError, match=r"a listening test is a file in \.html; received \.txt"):
        make_listening_test("ab", [base / "real", base / "copy"], tmp_path / "p.txt")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "sound_1.wav").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"no item could be read from .*bad: .*sound_1\.wav: cannot be decoded"):
        make_listening_test("ab", [base / "real", tmp_path / "bad"], tmp_path / "p.html")
