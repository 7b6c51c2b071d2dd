from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tf_audio_gan.audio.pqmf import CUTOFFS, PQMF, best_cutoff

# Filters, an analysis pair and a synthesis pair of kan-bayashi's PQMF(4, 62, 0.142, 9.0), (batch, channels, time)
PEER = np.load(Path(__file__).parents[1] / "fixtures" / "kanbayashi_pqmf.npz")


def array(x):
    return ops.convert_to_numpy(x)


def test_filters_and_both_directions_agree_with_the_peer():
    bank = PQMF()
    np.testing.assert_allclose(bank.analysis_filters, PEER["analysis_filter"][:, 0], atol=1e-7)
    np.testing.assert_allclose(bank.synthesis_filters, PEER["synthesis_filter"][0], atol=1e-7)
    subbands = array(bank.analysis(PEER["analysis_input"].swapaxes(1, 2)))
    np.testing.assert_allclose(subbands, PEER["analysis_output"].swapaxes(1, 2), atol=1e-5)
    audio = array(bank.synthesis(PEER["subbands"].swapaxes(1, 2)))
    np.testing.assert_allclose(audio, PEER["audio"].swapaxes(1, 2), atol=1e-5)


def measured_snr(bank):
    """White noise through both directions in the middle of a long sound, with no help of `reconstruction_snr`."""
    noise = np.random.default_rng(0).normal(size=(4, 8192, 1)).astype("float32")
    error = array(bank.synthesis(bank.analysis(noise))) - noise
    return 10 * np.log10(np.mean(noise[:, 512:-512] ** 2) / np.mean(error[:, 512:-512] ** 2))


@pytest.mark.parametrize(
    ("settings", "published"),
    [
        ({"cutoff": 0.142}, 64.0),
        ({"cutoff": 0.15}, 19.4),
        ({"bands": 2}, 67),
        ({"bands": 8}, 50),
        ({"bands": 8, "taps": 126}, 64),
        ({"bands": 16, "taps": 256}, 64),
    ],
)
def test_reconstruction_is_as_good_as_published(settings, published):
    bank = PQMF(**settings)
    assert measured_snr(bank) == pytest.approx(published, abs=0.6)
    assert bank.reconstruction_snr() == pytest.approx(measured_snr(bank), abs=0.2)


@pytest.mark.parametrize(("bands", "taps"), CUTOFFS)
def test_search_finds_the_table(bands, taps):
    found = best_cutoff.__wrapped__(bands, taps, 9.0 + 1e-9)
    assert found == pytest.approx(CUTOFFS[bands, taps], rel=1e-4)
    better = PQMF(bands, taps, found).reconstruction_snr() - PQMF(bands, taps).reconstruction_snr()
    assert 0 <= better < 0.2


def test_other_sizes_get_a_cutoff_of_their_own():
    assert PQMF(3, 48).reconstruction_snr() > 60 and PQMF(6, 96).reconstruction_snr() > 60


@pytest.mark.parametrize("samples", [1000, 1001, 1003])
def test_odd_lengths_are_filled_up(samples):
    bank, audio = PQMF(), np.random.default_rng(1).normal(size=(1, samples, 1)).astype("float32")
    subbands = bank.analysis(audio)
    again = array(bank.synthesis(subbands))
    assert tuple(subbands.shape) == (1, -(-samples // 4), 4) and again.shape[1] == 4 * subbands.shape[1]
    np.testing.assert_allclose(again[:, 64:900], audio[:, 64:900], atol=1e-2)


def test_config_and_bad_input():
    assert PQMF.from_config(PQMF(8, 126).get_config()).cutoff == 0.07087
    for settings, message in (
        ({"taps": 61}, "bands=4, taps=61"),
        ({"bands": 1}, "bands=1"),
        ({"cutoff": 1.5}, "between 0 and 1. Received: cutoff=1.5"),
    ):
        with pytest.raises(ValueError, match=message):
            PQMF(**settings)
    with pytest.raises(ValueError, match=r"expected \[batch, time, 4\]. Received: shape \(1, 100, 1\)"):
        PQMF().synthesis(np.zeros((1, 100, 1), "float32"))
