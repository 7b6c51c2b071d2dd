import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.listening import listening_page

EVIL = "</script><img src=x onerror=alert(1)> \"quoted\" & 'it' {intro}"


class Page(HTMLParser):
    """Collects tags; a void element has no end."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "path"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "deep" / "page.html"
    hits = [(kind, audio, 16000) for kind, audio in drum_hits(3)]
    stereo = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    sections = [("Real", "Held out.", hits), (EVIL, EVIL, [(EVIL, stereo, 44100), ("one sample", [0.5], 8000)])]
    size = listening_page(path, sections, title=EVIL, intro="First.\n\nSecond.")
    assert path.stat().st_size == size and [p.name for p in path.parent.iterdir()] == ["page.html"]
    return path.read_text(encoding="utf-8")


def data(uri, kind):
    assert uri.startswith(f"data:{kind};base64,")
    return io.BytesIO(base64.b64decode(uri.partition(",")[2], validate=True))


def test_every_clip_has_a_player_with_its_sound_and_a_picture(page):
    from PIL import Image

    parsed = Page(page)
    players, pictures = parsed.all("audio"), parsed.all("img")
    assert len(players) == len(pictures) == len(parsed.all("path")) == 5
    for player, (_, audio) in zip(players[:3], drum_hits(3), strict=True):
        assert "controls" in player and player["aria-label"]
        sound, rate = soundfile.read(data(player["src"], "audio/wav"), dtype="int16")
        np.testing.assert_array_equal(sound, np.round(audio[:, 0] * 32767))
        assert rate == 16000
    assert all(Image.open(data(p["src"], "image/png")).height == 96 for p in pictures)


def test_all_text_is_escaped_and_every_tag_closed(page):
    parsed = Page(page)
    assert not parsed.open and "onerror=alert(1)>" in parsed.text
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert len(parsed.all("script")) == 1 and parsed.all("audio")[3]["aria-label"] == EVIL
    assert parsed.text.count("First.") == 1 and parsed.text.count(EVIL) == 6  # title, h1, link, h2, text, name


def test_nothing_is_fetched(page):
    assert not re.search(r"https?://|//[a-z]+\.|url\(|@import", re.sub(r"base64,[\w+/=]+", "", page))
    assert "default-src 'none'" in page
    assert all(a["href"].startswith("#") for a in Page(page).all("a"))


def test_a_bad_clip_is_named_and_nothing_is_left(tmp_path):
    clips = [("good", np.zeros(9), 16000), ("diverged", np.array([np.nan]), 16000)]
    with pytest.raises(ValueError, match=r"a\.html: clip 'diverged' of section 'S': 1 of 1 samples are NaN"):
        listening_page(tmp_path / "a.html", [("S", "", clips)], title="t", intro="")
    assert not list(tmp_path.iterdir())


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt: a listening page is a file in \.html; received \.txt"):
        listening_page(tmp_path / "a.txt", [("S", "", [])], title="t", intro="")
    with pytest.raises(ValueError, match="no sections; expected at least one"):
        listening_page(tmp_path / "a.html", [], title="t", intro="")
