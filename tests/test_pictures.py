import sys
import threading

import numpy as np
import pytest

from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.pictures import comparison_sheet, contact_sheet

HITS = [audio for _, audio in drum_hits(6)]
pytestmark = pytest.mark.usefixtures("large_sheets")


def picture(path):
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def test_sheets_grow_with_their_clips_and_hold_every_one(tmp_path):
    contact_sheet(tmp_path / "one.png", HITS[:1], 16000)
    contact_sheet(tmp_path / "deep" / "six.png", HITS, 16000, titles=list("abcdef"), columns=3, heading="Six hits")
    one, six = picture(tmp_path / "one.png"), picture(tmp_path / "deep" / "six.png")
    assert six.shape[1] > 2 * one.shape[1] and six.shape[0] > 1.7 * one.shape[0]
    dark = (six.max(axis=2) < 40).sum() / (one.max(axis=2) < 40).sum()
    assert dark > 3  # the black grounds of six spectrograms
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["six.png"]


def test_a_batch_stereo_and_single_samples_are_drawn(tmp_path):
    contact_sheet(tmp_path / "batch.png", np.zeros((2, 900, 1)), 16000)
    contact_sheet(tmp_path / "stereo.png", [np.repeat(HITS[0], 2, axis=1), HITS[1][:, 0], np.ones(1)], 44100)
    assert (picture(tmp_path / "batch.png") < 10).any() and (tmp_path / "stereo.png").exists()


def test_any_text_is_a_title(tmp_path):
    titles = [r"$\frac$ 5 for $3", "a_name_that_is_much_longer_than_a_cell_is_wide_and_then_some.wav"]
    contact_sheet(tmp_path / "a.png", HITS[:2], 16000, titles=titles, heading=r"$\bad_{")
    assert (tmp_path / "a.png").exists()


def test_one_colour_scale_for_all(tmp_path):
    loud = np.random.default_rng(0).uniform(-1, 1, 6000)
    contact_sheet(tmp_path / "a.png", [loud, 0.001 * loud], 16000)
    image = picture(tmp_path / "a.png").astype(int).sum(axis=2)
    left, right = image[-130:-40, 60:300], image[-130:-40, 330:560]
    assert np.median(left) > 2 * np.median(right)


def test_real_stands_beside_generated(tmp_path):
    comparison_sheet(tmp_path / "a.png", HITS[:3], HITS[3:5], 16000)
    image = picture(tmp_path / "a.png").astype(int)
    blue = np.argwhere((np.abs(image - [0x2A, 0x6F, 0x97]) < 4).all(axis=2))[:, 1]
    rust = np.argwhere((np.abs(image - [0xC0, 0x56, 0x21]) < 4).all(axis=2))[:, 1]
    assert blue.max() < image.shape[1] / 2 < rust.min() + 5 and len(blue) > 100 and len(rust) > 100


def test_pyplot_is_untouched_and_threads_may_draw(tmp_path):
    def draw(i):
        contact_sheet(tmp_path / f"{i}.png", HITS[:2], 16000)

    threads = [threading.Thread(target=draw, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(tmp_path / f"{i}.png").read_bytes() for i in range(4)}) == 1
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_no_figure_outlives_its_sheet(tmp_path):
    import gc

    from matplotlib.figure import Figure

    for _ in range(3):
        contact_sheet(tmp_path / "a.png", HITS[:1], 16000)
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Figure]


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        ([], {}, "0 clips; expected 1 to 32"),
        ([np.zeros(9)] * 33, {}, "33 clips; expected 1 to 32"),
        (np.zeros(900), {}, "expected 1 to 32|Wrap one clip in a list"),
        ([np.zeros(9), np.full(9, np.nan)], {}, "clip 1 holds NaN"),
        ([np.zeros(9)], {"titles": ["a", "b"]}, "2 titles for 1 clips"),
        ([np.zeros(9)], {"columns": 0}, "columns is 0"),
    ],
)
def test_refusals(tmp_path, clips, options, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet(tmp_path / "a.png", clips, 16000, **options)
    assert not list(tmp_path.iterdir())


def test_other_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.jpg: cannot write \.jpg; expected a name in \.png"):
        contact_sheet(tmp_path / "a.jpg", HITS[:1], 16000)
    with pytest.raises(ValueError, match="17 real and 1 generated clips; expected at most 16 of each"):
        comparison_sheet(tmp_path / "a.png", [HITS[0]] * 17, HITS[:1], 16000)
