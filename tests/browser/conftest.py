"""A browser of this machine, for the tests of pages."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--mute-audio"]
FLAGS += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]  # a microphone that beeps


@pytest.fixture(scope="session")
def browser():
    """TF_AUDIO_GAN_BROWSER, or the first of the usual names."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make test-browser")
    path = os.environ.get("TF_AUDIO_GAN_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path, TF_AUDIO_GAN_BROWSER is not set")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()
