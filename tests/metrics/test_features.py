import numpy as np
import pytest

from tf_audio_gan.metrics.features import (
    Pca,
    frame_lengths,
    htk_mel_filters,
    mel_statistics,
    ndb_features,
    neighbour_features,
)
from tf_audio_gan.metrics.neighbours import nearest_neighbours

RNG = np.random.default_rng(0)
NOISE = (RNG.uniform(-0.5, 0.5, (3, 9000, 1)) * np.exp(-np.arange(9000) / 900)[:, None]).astype(np.float32)


def test_mel_statistics_agree_with_librosa():
    import librosa

    mel = librosa.feature.melspectrogram(y=NOISE[1, :, 0], sr=16000, n_fft=1024, hop_length=256, n_mels=64)
    db = np.maximum(librosa.power_to_db(mel, top_db=None), -40)
    expected = np.concatenate([db.mean(axis=1), db.std(axis=1)])
    np.testing.assert_allclose(mel_statistics(NOISE, 16000)[1], expected, atol=2e-3)


def test_neighbour_features_are_the_published_representation():
    import tensorflow as tf

    audio = np.round(NOISE[:, :8192] * 32768) / 32768
    spectrum = tf.abs(tf.signal.stft(audio[2, :, 0] * 32768, 2048, 128, pad_end=True))
    filters = tf.signal.linear_to_mel_weight_matrix(128, 1025, 16000, 40.0, 7800.0)
    expected = np.log(spectrum @ filters + 1e-6)
    found = neighbour_features(audio, 16000)
    assert found.shape == (3, 64 * 128) and found.dtype == np.float32
    np.testing.assert_allclose(found[2].reshape(64, 128), expected, atol=5e-3)
    np.testing.assert_allclose(htk_mel_filters(16000, 2048, 128, 40.0, 7800.0), filters, atol=1e-4)
    assert np.allclose(neighbour_features(np.zeros((1, 300, 1)), 16000), np.log(1e-6))
    assert neighbour_features(np.zeros((1, 300, 1)), 16000).shape == (1, 3 * 128)


def test_the_audible_floor_knows_a_copy_under_faint_noise():
    clips = np.pad(NOISE, ((0, 0), (0, 7384), (0, 0)))
    copies = clips + 1e-4 * RNG.standard_normal(clips.shape)
    others = np.pad(0.5 * NOISE[:, ::-1], ((0, 0), (0, 7384), (0, 0)))
    published, audible = (
        [nearest_neighbours(neighbour_features(x, 16000, floor=f), neighbour_features(clips, 16000, floor=f))[0].mean()
         for x in (copies, others)]
        for f in (1e-6, "audible")
    )  # fmt: skip
    assert audible[0] < 0.2 * audible[1] and published[0] > published[1]


def test_other_rates_keep_the_durations():
    assert [frame_lengths(r) for r in (8000, 16000, 22050, 44100)] == [
        (512, 128),
        (1024, 256),
        (1024, 256),
        (2048, 512),
    ]
    assert frame_lengths(48000, 0.128, 16) == (8192, 512)
    assert neighbour_features(np.zeros((1, 44100, 1)), 44100).shape == (1, -(-44100 // 256) * 128)
    assert mel_statistics(NOISE, 48000, n_mels=20).shape == (3, 40)


def test_ndb_features_are_pooled_over_time():
    steady = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(16384) / 16000)[None, :, None]
    pooled = ndb_features(steady, 16000).reshape(32, 32)
    assert pooled[4:-4].std(axis=0).max() < 0.5 and pooled[16].argmax() == pooled[8].argmax()
    assert ndb_features(NOISE[:, :600], 16000).shape == (3, 3 * 32)


def test_features_do_not_depend_on_the_blocks_they_are_made_in(monkeypatch):
    whole = [f(NOISE, 16000) for f in (mel_statistics, neighbour_features, ndb_features)]
    monkeypatch.setattr("tf_audio_gan.metrics.features._BLOCK", 9000)
    for one, function in zip(whole, (mel_statistics, neighbour_features, ndb_features), strict=True):
        np.testing.assert_allclose(one, function(NOISE, 16000), atol=1e-4)
    stereo = np.repeat(NOISE, 2, axis=2)
    np.testing.assert_allclose(neighbour_features(stereo, 16000), whole[1], atol=1e-4)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_pca_agrees_with_scikit_learn(shape):
    from sklearn.decomposition import PCA

    rows, others = RNG.normal(size=shape) * np.arange(1, shape[1] + 1), RNG.normal(size=(5, shape[1]))
    theirs = PCA(4).fit(rows)
    ours = Pca.fit(rows, 4)
    np.testing.assert_allclose(np.abs(ours.transform(others)), np.abs(theirs.transform(others)), rtol=1e-8)
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_.sum())
    assert Pca.fit(rows).components.shape[0] == 8 - (shape[0] == 8)


def test_pca_of_equal_rows():
    pca = Pca.fit(np.ones((4, 3)))
    assert pca.explained == 1.0 and np.all(pca.transform(np.ones((2, 3))) == 0)


def test_refusals():
    with pytest.raises(ValueError, match=r"shape \(9000, 1\); expected \[clips, samples, channels\]"):
        mel_statistics(NOISE[0], 16000)
    with pytest.raises(ValueError, match=r"clips \[1\] hold NaN"):
        neighbour_features(np.where(np.arange(3)[:, None, None] == 1, np.nan, NOISE), 16000)
