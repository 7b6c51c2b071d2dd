"""Listening tests done in a real browser, by keyboard alone, to the analysed answers: `make test-browser`."""

import json
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.listening_tests.making import make_listening_test
from tf_audio_gan.listening_tests.opinions import analyse_opinions

pytestmark = pytest.mark.browser
RUINED = "(ruined)"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Matched sounds: plucked tones, and the same with noise."""
    base, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    t = np.arange(2400) / 8000
    for i in range(4):
        tone = 0.5 * np.sin(2 * np.pi * 220 * (i + 1) * t) * np.exp(-8 * t)
        write_audio(base / "clean" / f"{i}.wav", tone, 8000)
        write_audio(base / "noisy" / f"{i}.wav", tone + 0.05 * rng.standard_normal(2400), 8000)
    return [base / "clean", base / "noisy"]


class Listener:
    """Someone at the keyboard who looks at the page and, unlike others, knows the key."""

    def __init__(self, browser, made, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.wrong.append(request.url) if "://" in request.url[:8] else None)
        self.wrong.clear()
        self.key = json.loads(made.key.read_text())
        self.page.goto(made.page.as_uri())
        self.wrong = [w for w in self.wrong if w != made.page.as_uri()]

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def begin(self, name="Ada"):
        self.press("Space")
        self.page.wait_for_selector("#level button[data-heard]")
        self.page.focus("#name")
        self.page.keyboard.type(name)
        self.press("Enter")
        self.page.wait_for_selector("#trial:not([hidden])")

    def systems(self):
        """The systems of the sounds on the page, in the order of their letters."""
        ids = self.page.evaluate("steps[state.at].sounds")
        return [self.key["clips"][name]["system"] for name in ids], ids

    def hear(self):
        keys = ["Space"] if self.key["kind"] == "mos" else ["a", "b", "x"][: len(self.systems()[0])]
        for i, key in enumerate(keys):
            self.press(key)
            self.page.wait_for_selector(f"#players button:nth-child({i + 1})[data-heard]")

    def answer(self):
        systems, ids = self.systems()
        if self.key["kind"] == "mos":
            return {"clean": "5", "noisy": "3", RUINED: "1"}[systems[0]]
        if self.key["kind"] == "ab":
            return "1" if systems[0] == "clean" else "3"
        return "1" if ids[0] == ids[2] else "2"

    def count(self):
        return self.page.inner_text("#count")

    def finish(self, folder):
        """Answers what is left; the path of the file that the page saves by itself."""
        while True:
            self.hear()
            self.press(self.answer())
            if self.page.inner_text("#next") == "Finish":
                with self.page.expect_download() as download:
                    self.press("Enter")
                path = Path(folder) / download.value.suggested_filename
                download.value.save_as(path)
                return path
            before = self.count()
            self.press("Enter")
            assert self.count() != before


def width_overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("kind", ["mos", "ab", "abx"])
def test_a_test_is_done_by_keyboard_and_its_answers_are_analysed(browser, folders, tmp_path, kind):
    made = make_listening_test(kind, folders, tmp_path / "page.html", reference="clean", n=3, attention=1)
    one = Listener(browser, made)
    one.begin()
    path = one.finish(tmp_path)
    assert one.page.inner_text("#thanks") == "Thank you" and path.name == one.page.inner_text("#file")
    assert one.wrong == [], "nothing on the console, nothing fetched"
    data = json.loads(path.read_text())
    assert data["finished"] and data["listener"] == "Ada" and len(data["answers"]) == made.trials
    assert all(count >= 1 for answer in data["answers"] for count in answer["plays"])
    result = analyse_opinions(path)
    assert result["listeners"]["kept"] == 1 and result["listeners"]["failed_checks"] == []
    if kind == "mos":
        assert [(s["system"], s["mean"]) for s in result["systems"]] == [("clean", 5.0), ("noisy", 3.0)]
    elif kind == "ab":
        assert (result["pairs"][0]["wins_a"], result["pairs"][0]["wins_b"]) == (3, 0)
    else:
        assert (result["pairs"][0]["right"], result["pairs"][0]["answers"]) == (3, 3)


def test_nothing_is_answered_unheard_and_a_reload_goes_on(browser, folders, tmp_path):
    made = make_listening_test("mos", folders, tmp_path / "page.html", n=2)
    one = Listener(browser, made)
    one.begin()
    one.press("4", "Enter")
    assert one.count() == f"1 of {made.trials}" and "Listen to the sound first" in one.page.inner_text("#hint")
    assert one.page.evaluate("document.querySelectorAll('#choices input:checked').length") == 0
    one.hear()
    one.press("4", "Enter")
    order, before = one.page.evaluate("steps.map(s => s.trial)"), one.count()
    one.page.reload()
    one.page.wait_for_selector("#trial:not([hidden])")
    assert one.count() == before == f"2 of {made.trials}" and "Welcome back" in one.page.inner_text("#hint")
    assert one.page.evaluate("steps.map(s => s.trial)") == order
    one.press("ArrowLeft")
    assert one.page.evaluate("document.querySelector('#choices input:checked').value") == "3"
    with one.page.expect_download() as download:
        one.page.click("#partial")
    partial = json.loads(Path(download.value.path()).read_text())
    assert len(partial["answers"]) == 1 and not partial["finished"] and partial["answers"][0]["answer"] == 4


def test_two_listeners_get_two_orders(browser, folders, tmp_path):
    made = make_listening_test("ab", folders, tmp_path / "page.html", n=4)
    orders = [Listener(browser, made).page.evaluate("steps.map(s => s.clips.join())") for _ in range(2)]
    assert orders[0] != orders[1]


@pytest.mark.parametrize("kind", ["mos", "ab", "abx"])
def test_it_fits_a_telephone_and_every_control_has_a_name(browser, folders, tmp_path, kind):
    made = make_listening_test(kind, folders, tmp_path / "page.html", n=1, title="A title that is rather long")
    one = Listener(browser, made, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    assert width_overflow(one.page) <= 0
    one.page.tap("#begin")
    assert width_overflow(one.page) <= 0
    for player in range(len(one.systems()[0])):
        one.page.tap(f"#players button:nth-child({player + 1})")
        one.page.wait_for_selector(f"#players button:nth-child({player + 1})[data-heard]")
    one.page.tap("#choices label:first-child")
    assert one.page.is_enabled("#next")
    nameless = """[...document.querySelectorAll("button, input")].filter(e => !e.hidden && !e.innerText
        && !e.labels?.length && !e.getAttribute("aria-label")).length"""
    assert one.page.evaluate(nameless) == 0
    assert one.wrong == []


def test_shortcut_keys_can_be_turned_off(browser, folders, tmp_path):
    made = make_listening_test("ab", folders, tmp_path / "page.html", n=1)
    one = Listener(browser, made)
    one.begin()
    one.page.uncheck("#shortcuts")
    one.page.evaluate("document.activeElement.blur()")
    one.press("a")
    one.page.wait_for_timeout(600)
    assert not one.page.query_selector("#players [data-heard], #players [data-on]")
