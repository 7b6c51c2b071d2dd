"""The matrices of GANSynth against the golden values of Magenta's own function."""

import numpy as np
import pytest

from tf_audio_gan.audio.gansynth_mel import band_edges, mel_matrices

# bins: (widened bands, non-zeros, rank, Hz of the middle of band 300, first four edges in Hz, largest sum)
# The rank of the larger matrix, 811, takes ten seconds to find.
GOLDEN = {
    1024: (852, 2042, None, 1763, (-4.11, 1.77, 7.66, 13.54), 2.76),
    512: (426, 1018, 405, 3529, (-8.17, 3.64, 15.45, 27.27), 2.72),
}
COPIED = {1024: (498, 2343, 767), 512: (249, None, 2371)}


@pytest.mark.parametrize("bins", GOLDEN)
def test_magentas_matrix(bins):
    widened, nonzeros, rank, middle, edges, largest = GOLDEN[bins]
    found, count = band_edges(bins)
    to_mel, to_linear = mel_matrices(bins)
    assert count == widened
    np.testing.assert_allclose(found[0, :4], edges, atol=0.006)
    assert abs(found[1, 300] - middle) < 1
    assert np.count_nonzero(to_mel) == np.count_nonzero(to_linear) == nonzeros
    assert rank in (None, np.linalg.matrix_rank(to_mel))
    assert list(np.flatnonzero(~to_mel.any(axis=0))) == [0]
    assert list(np.flatnonzero(~to_mel.any(axis=1))) == [0, bins - 1]
    sums = to_mel.sum(axis=0)
    assert 0.66 < sums[100:400].min() and sums[100:400].max() < 1
    assert sums.max() == pytest.approx(largest, abs=0.005)


def test_the_way_back_is_normalised_and_transposed():
    to_mel, to_linear = mel_matrices(1024)
    assert list(np.flatnonzero(to_linear[300])) == [225, 226]
    np.testing.assert_allclose(to_linear[300, [225, 226]], [0.554336, 0.429449], atol=1e-6)
    np.testing.assert_allclose((to_mel @ to_linear).sum(axis=0)[1:-1], 1.0, atol=1e-9)
    assert not to_linear[:, [0, 1023]].any()


@pytest.mark.parametrize("bins", COPIED)
def test_true_mel_is_another_matrix(bins):
    widened, nonzeros, middle = COPIED[bins]
    edges, count = band_edges(bins, variant="true")
    to_mel, _ = mel_matrices(bins, variant="true")
    assert count == widened and abs(edges[1, 300] - middle) < 1
    assert nonzeros in (None, np.count_nonzero(to_mel))
    assert np.abs(to_mel - mel_matrices(bins)[0]).max() > 0.9


def test_bands_meet_true_mel_at_the_top():
    found, true = (band_edges(1024, variant=v)[0][1] for v in ("magenta", "true"))
    assert (np.abs(found - true)[found > 5100] < 1e-6).all() and (found - true)[10:800].min() > 5
    np.testing.assert_allclose(np.diff(found[:800]), 0.75 * 8000 / 1024, atol=0.05)


def test_an_unknown_variant_is_named():
    with pytest.raises(ValueError, match="one of magenta, true. Received: mel_variant='htk'"):
        mel_matrices(64, variant="htk")
