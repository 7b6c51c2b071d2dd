"""The page of `tf-audio-gan play` in a real browser: it makes sounds on each tab, and bad files do it no harm."""

import io
import os
import re
import socket
import struct
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.browser
ZOO = ("wavegan_drums", "wavegan_digits", "multiband_melgan_speech", "segan_speech")
NOTES = {
    "sample_rate": 8000, "length": 2048, "frames": 32, "bins": 128, "blocks": 4, "latent_dim": 8, "filters": 64,
    "max_filters": 16, "batch_size": 4, "stable_images": 4, "fade_images": 4, "progressive": False,
    "labels": [str(pitch) for pitch in range(48, 70)],
}  # fmt: skip
LOCAL = ("127.0.0.1", "::1", "localhost", None, "")
GRADIO_S_OWN = "Method not implemented."  # a warning of its client, at the end of every answer
SAMPLES = "async src => [...new Uint8Array(await (await fetch(src)).arrayBuffer())]"


@pytest.fixture(scope="module")
def called():
    """Addresses of other machines that this process, which is the server, looked up or called."""
    found, connect, look_up = [], socket.socket.connect, socket.getaddrinfo

    def connecting(self, address):
        if isinstance(address, tuple) and address[0] not in LOCAL:
            found.append(address)
        return connect(self, address)

    def looking_up(host, *more, **options):
        if host not in LOCAL:
            found.append(host)
        return look_up(host, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connecting)
        patch.setattr(socket, "getaddrinfo", looking_up)
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory, called):
    """The page with four presets of the zoo and an untrained GANSynth."""
    pytest.importorskip("gradio", reason="gradio is missing: make test-browser")
    from tf_audio_gan import GANSynth
    from tf_audio_gan.studio import page
    from tf_audio_gan.studio.presets import Presets
    from tf_audio_gan.studio.recordings import Shelf

    notes = tmp_path_factory.mktemp("presets") / "notes"
    GANSynth(**NOTES).save_to_preset(notes)
    shelf = Shelf()
    blocks = page.make_page(Presets([*ZOO, str(notes)]), shelf)
    yield page.launch(blocks, shelf, port=0, block=False)
    blocks.close(verbose=False)


class Visitor:
    """Someone at the page; `wrong` is what the console said, `outside` what was asked of other machines."""

    def __init__(self, browser, address, width=1280, height=900, scheme="light"):
        phone = {"has_touch": True, "is_mobile": True} if width < 500 else {}
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["microphone"],
            accept_downloads=True,
            **phone,
        )
        self.page, self.wrong, self.outside = self.context.new_page(), [], []
        self.page.set_default_timeout(60_000)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._asked)
        self.own = address
        self.page.goto(address)
        self.page.wait_for_selector("#drums .pads .picked")

    def _heard(self, message):
        if message.type in ("error", "warning") and message.text != GRADIO_S_OWN:
            self.wrong.append(message.text)

    def _asked(self, request):
        if not request.url.startswith((self.own, "data:", "blob:")):
            self.outside.append(request.url)

    def open(self, name):
        self.page.get_by_role("tab", name=name).click()

    def sound(self, selector):
        """What an audio element holds: (samples, rate)."""
        self.page.wait_for_selector(selector)
        data = self.page.evaluate(SAMPLES, self.page.evaluate("s => document.querySelector(s).src", selector))
        return soundfile.read(io.BytesIO(bytes(data)))

    def played(self, tab):
        return int(self.page.evaluate("s => document.querySelector(s).dataset.played || 0", f"#{tab} [data-audio]"))

    def wait_played(self, tab, count):
        self.page.wait_for_function(
            "([s, n]) => Number(document.querySelector(s).dataset.played) >= n", arg=[f"#{tab} [data-audio]", count]
        )

    def choose(self, tab, path):
        """Puts a file into a tab's field; the old one is taken out first."""
        source = f"#{tab}-source"
        clear = self.page.locator(f"{source} button[aria-label=Clear], {source} button[title=Clear]")
        if clear.count():
            clear.first.click()
        self.page.set_input_files(f"{source} input[type=file]", str(path))

    def result(self, tab):
        """Waits for the answer of a tab's button; its text."""
        self.page.wait_for_selector(f"#{tab}-result .result")
        return self.page.inner_text(f"#{tab}-result .result")

    def overflow(self):
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
def visitor(browser, address):
    one = Visitor(browser, address)
    yield one
    one.context.close()


def loud(audio):
    return np.isfinite(audio).all() and np.abs(audio).max() > 0.01


def noisy_tone(path, seconds=1.0, rate=16000):
    t = np.arange(int(seconds * rate)) / rate
    noise = 0.02 * np.random.default_rng(0).standard_normal(len(t))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 300 * t) + noise, rate)
    return path


def midi(path):
    """Three quarter notes, written by hand."""
    events = b"".join(bytes([0, 0x90, p, 90, 0x60, 0x80, p, 0]) for p in (60, 64, 67)) + b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96)
    path.write_bytes(head + b"MTrk" + struct.pack(">I", len(events)) + events)
    return path


def test_it_loads_in_peace_and_asks_no_other_machine(visitor, called):
    for name in ("Keyboard", "Voice", "Denoise", "Drums and digits"):
        visitor.open(name)
        visitor.page.wait_for_timeout(1000)
    assert visitor.wrong == [] and visitor.outside == [] and called == []
    text = urllib.request.urlopen(visitor.own).read().decode()
    assert "googleapis" not in text and "cdn" not in text.lower()


def test_pads_play_by_click_and_by_key_the_sounds_of_their_seeds(visitor):
    from tf_audio_gan import from_preset

    page = visitor.page
    page.click("#drums .pads button >> nth=4")
    visitor.wait_played("drums", 1)
    audio, rate = visitor.sound("#drums [data-audio]")
    assert rate == 16000 and loud(audio)
    np.testing.assert_allclose(audio, from_preset("wavegan_drums").generate(1, seed=4)[0, :, 0], atol=1e-3)
    page.keyboard.press("v")
    visitor.wait_played("drums", 2)
    assert page.inner_text("#drums [data-title]").startswith("Pad 16 · seed 15")
    page.focus("#drums .pads button >> nth=2")
    page.keyboard.press("Enter")
    visitor.wait_played("drums", 3)
    assert page.inner_text("#drums [data-title]").startswith("Pad 3 · seed 2")
    page.focus("#drums [data-seed]")
    page.keyboard.press("1")
    assert visitor.played("drums") == 3, "a digit typed into a field is no key of a pad"
    with page.expect_download() as download:
        page.click("#drums [data-save]")
    assert download.value.suggested_filename == "wavegan_drums_seed_2.wav"
    assert loud(soundfile.read(download.value.path())[0])


def test_a_seed_is_typed_kept_and_comes_back(visitor):
    page = visitor.page
    page.click("#drums .pads button >> nth=1")
    page.fill("#drums [data-own-seed]", "4711")
    page.keyboard.press("Tab")
    page.wait_for_selector("#drums .pads button.kept")
    first, _ = visitor.sound("#drums [data-audio]")
    page.click("#drums [data-fresh]")
    page.wait_for_function("!document.querySelector('#drums .pads small').textContent.endsWith('seed 0')")
    assert page.inner_text("#drums .pads button >> nth=1 >> small") == "seed 4711"
    page.fill("#drums [data-seed]", "4711")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('#drums .pads small').textContent === 'seed 4711'")
    page.click("#drums .pads button >> nth=0")
    again, _ = visitor.sound("#drums [data-audio]")
    np.testing.assert_allclose(again, first, atol=1e-3)
    page.fill("#drums [data-seed]", "-3")
    page.keyboard.press("Tab")
    page.wait_for_selector("#drums .state.wrong")
    assert "a whole number from 0" in page.inner_text("#drums .state").lower()


def test_digits_are_asked_for_by_their_class(visitor):
    page = visitor.page
    page.select_option("#drums [data-preset]", "wavegan_digits")
    page.wait_for_function("document.querySelector('#drums .pads b').textContent === 'eight'")
    page.select_option("#drums [data-class]", "seven")
    page.wait_for_function("[...document.querySelectorAll('#drums .pads b')].every(b => b.textContent === 'seven')")
    page.click("#drums .pads button >> nth=9")
    visitor.wait_played("drums", 1)
    assert loud(visitor.sound("#drums [data-audio]")[0]) and visitor.wrong == []


def test_ten_quick_clicks_are_survived(visitor):
    page = visitor.page
    for n in range(10):
        page.locator("#drums .pads button").nth(n % 3).click(no_wait_after=True)
    visitor.wait_played("drums", 8)  # a voice that is stopped before it began is not counted
    for _ in range(10):
        page.locator("#drums [data-fresh]").click(no_wait_after=True)
    page.wait_for_function(
        "s => document.querySelector('#drums .pads small').textContent === 'seed ' + document.querySelector(s).value",
        arg="#drums [data-seed]",
    )
    page.click("#drums .pads button >> nth=0")
    assert loud(visitor.sound("#drums [data-audio]")[0])
    visitor.open("Keyboard")
    for n in range(10):
        page.locator("#keyboard [data-piano] button:enabled").nth(n).click(no_wait_after=True)
    visitor.wait_played("keyboard", 8)
    assert visitor.wrong == []


def test_keys_play_notes_and_the_timbre_is_moved(visitor):
    page = visitor.page
    visitor.open("Keyboard")
    page.wait_for_selector("#keyboard [data-piano] button:enabled")
    assert page.locator("#keyboard [data-piano] button").count() == 25
    assert page.locator("#keyboard [data-piano] button:disabled").count() == 3, "the model ends at A4"
    page.keyboard.press("z")
    visitor.wait_played("keyboard", 1)
    first, rate = visitor.sound("#keyboard [data-audio]")
    assert rate == 8000 and loud(first) and page.inner_text("#keyboard [data-title]").startswith("C3 ")
    box = page.locator("#keyboard [data-field]").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 2)
    page.keyboard.press("z")
    visitor.wait_played("keyboard", 2)
    across, down = re.search(r"at ([\d.]+), ([\d.]+)", page.inner_text("#keyboard [data-title]")).groups()
    assert float(across) >= 0.98 and float(down) <= 0.02
    second, _ = visitor.sound("#keyboard [data-audio]")
    assert np.abs(first - second).max() > 0.01 and visitor.wrong == []


def test_a_midi_file_becomes_a_song_and_a_text_does_not(visitor, tmp_path):
    visitor.open("Keyboard")
    (tmp_path / "text.mid").write_text("no song at all")
    visitor.choose("song", tmp_path / "text.mid")
    visitor.page.wait_for_selector("#song-source >> text=text")
    visitor.page.click("#song-go")
    assert "text.mid cannot be read as a MIDI file" in visitor.result("song")
    visitor.choose("song", midi(tmp_path / "tune.mid"))
    visitor.page.wait_for_selector("#song-source >> text=tune")
    visitor.page.click("#song-go")
    audio, rate = visitor.sound("#song-result audio")
    assert rate == 8000 and loud(audio) and "3 notes of 1 parts" in visitor.result("song")


@pytest.mark.parametrize("tab, name, what", [("voice", "Voice", "vocoded"), ("denoise", "Denoise", "denoised")])
def test_a_recording_is_heard_before_and_after(visitor, tmp_path, tab, name, what):
    page = visitor.page
    visitor.open(name)
    page.click(f"#{tab}-go")
    assert "There is no recording yet" in visitor.result(tab)
    visitor.choose(tab, noisy_tone(tmp_path / "me.wav"))
    page.wait_for_selector(f"#{tab}-source button[aria-label=Clear], #{tab}-source button[title=Clear]")
    page.click(f"#{tab}-go")
    page.wait_for_selector(f"#{tab}-result figure >> nth=1")
    for n in (1, 2):
        audio, _ = visitor.sound(f"#{tab}-result figure:nth-child({n}) audio")
        assert loud(audio) and 0.95 < len(audio) / (22050 if tab == "voice" else 16000) < 1.05
        loaded = f"document.querySelector('#{tab}-result figure:nth-child({n}) img').naturalWidth > 100"
        page.wait_for_function(loaded)
    with page.expect_download() as download:
        page.click(f"#{tab}-result figure:nth-child(2) .save")
    assert download.value.suggested_filename == f"me_{what}.wav" and visitor.wrong == []


def test_the_microphone_is_heard(visitor):
    page = visitor.page
    visitor.open("Denoise")
    page.locator(
        "#denoise-source button[aria-label*=icrophone], #denoise-source button[aria-label*=ecord]"
    ).first.click()
    page.locator("#denoise-source button:has-text('Record')").first.click()
    page.wait_for_timeout(2500)
    page.locator("#denoise-source button:has-text('Stop')").first.click()
    page.wait_for_timeout(1500)
    page.click("#denoise-go")
    page.wait_for_selector("#denoise-result figure >> nth=1")
    assert loud(visitor.sound("#denoise-result figure:nth-child(1) audio")[0])


def test_a_text_as_audio_and_other_bad_files_are_refused_and_the_next_is_taken(visitor, tmp_path):
    page = visitor.page
    (tmp_path / "text.wav").write_text("Dear diary, this is no sound. " * 100)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "hour.flac", np.full(3600 * 8000, 0.01), 8000)
    soundfile.write(tmp_path / "surround.wav", np.full((8000, 6), 0.1), 16000)
    visitor.open("Denoise")
    for name, words in {
        "text.wav": "text.wav is no sound file",
        "empty.wav": "empty.wav holds no samples",
        "surround.wav": "surround.wav has 6 channels",
        "hour.flac": "hour.flac is longer than 60 seconds",
    }.items():
        visitor.choose("denoise", tmp_path / name)
        page.wait_for_timeout(1500)
        page.click("#denoise-go")
        page.wait_for_selector(f"#denoise-result >> text={words}")
    visitor.choose("denoise", noisy_tone(tmp_path / "good.wav"))
    page.wait_for_timeout(1000)
    page.click("#denoise-go")
    page.wait_for_selector("#denoise-result figure >> nth=1")
    assert loud(visitor.sound("#denoise-result figure:nth-child(2) audio")[0])
    assert visitor.outside == []


@pytest.mark.parametrize("width, height", [(390, 844), (1280, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_every_control_has_a_name(browser, address, width, height, scheme):
    one = Visitor(browser, address, width, height, scheme)
    ground, ink = one.page.evaluate(
        "[document.body, document.querySelector('.studio b')].map(e => getComputedStyle(e)).map((s, i) => "
        "(i ? s.color : s.backgroundColor).match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3)"
    )
    assert (ground > 200 and ink < 60) if scheme == "light" else (ground < 60 and ink > 200)
    nameless = """[...document.querySelectorAll(".studio button, .studio input, .studio select, audio")].filter(e =>
        !e.innerText?.trim() && !e.labels?.length && !e.getAttribute("aria-label") && e.offsetParent)
        .map(e => e.outerHTML)"""
    for name in ("Keyboard", "Voice", "Denoise", "Drums and digits"):
        one.open(name)
        one.page.wait_for_timeout(800)
        assert one.overflow() <= 0, name
        assert one.page.evaluate(nameless) == []
        if folder := os.environ.get("TF_AUDIO_GAN_SCREENSHOTS"):
            one.page.screenshot(path=Path(folder) / f"{name.split()[0].lower()}_{width}_{scheme}.png", full_page=True)
    (one.page.tap if width < 500 else one.page.click)("#drums .pads button >> nth=3")
    one.wait_played("drums", 1)
    assert one.wrong == []
    one.context.close()
