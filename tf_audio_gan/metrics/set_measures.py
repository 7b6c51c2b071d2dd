"""The metrics of sets, from `SoundSet` to `Measured`: what is cached, what is resampled, what the notes say.

Intervals are of 95 %. Means over clips: bootstrap over clips. Distances between sets: both sets without each of 20
random parts (`jackknife_interval`); the interval is of the value at this number of clips, so compare at equal n.
"""

import math

import numpy as np

from tf_audio_gan.metrics import inception, spectral
from tf_audio_gan.metrics.features import Pca, mel_statistics, ndb_features, neighbour_features
from tf_audio_gan.metrics.frechet import INFINITY_ROWS, frechet_distance, frechet_infinity
from tf_audio_gan.metrics.kernel import kernel_distance, squared_mmd
from tf_audio_gan.metrics.ndb import compare_cells, jensen_shannon, kmeans, nearest_centre
from tf_audio_gan.metrics.neighbours import nearest_neighbours, self_distances
from tf_audio_gan.metrics.sound_set import Measured, unmeasured
from tf_audio_gan.metrics.statistics import bootstrap_interval, jackknife_interval, t_interval, wilson_interval

_CELLS = 50
_PCA_DIMS = 50
_QUERIES_A_CELL = 10
_MEL_UNIT_DB = 20.0
_SPLITS = 10
_SLOW_DIM = 512  # dimensions above which a Frechet distance is not repeated for its interval


def mean_over_clips(values, *, seed, left_out="silent"):
    """The mean of a value for each clip; clips with NaN are left out and counted in the note."""
    values = np.asarray(values, np.float64)
    kept = values[np.isfinite(values)]
    missing = len(values) - len(kept)
    if not len(kept):
        return Measured(math.nan, None, None, 0, f"all {len(values)} clips are {left_out}", values)
    interval = bootstrap_interval(kept, seed=seed)
    note = f"{missing} of {len(values)} clips are {left_out}, left out" if missing else ""
    return Measured(interval.value, *_ends(interval), len(kept), note, values)


def level_db(real, fake, *, seed):
    """Root-mean-square level in dBFS."""
    return mean_over_clips(spectral.level_db(fake.audio), seed=seed)


def peak_db(real, fake, *, seed):
    """Peak level in dBFS."""
    return mean_over_clips(spectral.peak_db(fake.audio), seed=seed)


def flatness(real, fake, *, seed):
    """Spectral flatness."""
    return mean_over_clips(spectral.spectral_flatness(fake.audio), seed=seed)


def centroid_s(real, fake, *, seed):
    """Time centroid in seconds."""
    return mean_over_clips(spectral.time_centroid(fake.audio, fake.sample_rate), seed=seed)


def mel_distance(real, fake, *, seed):
    """Mel distance of each generated clip to the nearest real one."""
    return mean_over_clips(_mel_distances(real, fake).min(axis=1), seed=seed)


def covered(real, fake, *, seed):
    """Mel distance of each real clip to the nearest generated one: clips of the real set are resampled."""
    measured = mean_over_clips(_mel_distances(real, fake).min(axis=0), seed=seed)
    return Measured(measured.value, measured.low, measured.high, measured.n, f"of {len(fake)} generated clips")


def fd_mel(real, fake, *, seed):
    """Frechet distance of `mel_statistics`."""
    return fake.cached(f"fd_mel {seed}", lambda: _frechet(_mel_statistics(real), _mel_statistics(fake), seed), real)


def fd_mel_infinity(real, fake, *, seed):
    """`fd_mel` extrapolated to infinitely many clips; the interval has the width of that of `fd_mel`."""
    a, b = _mel_statistics(real), _mel_statistics(fake)
    n, needed = min(len(a), len(b)), INFINITY_ROWS * a.shape[1]
    if n < needed:
        return unmeasured(n, f"needs {needed} clips in each set, has {n}")
    value = frechet_infinity(a, b, seed=seed).value
    around = fd_mel(real, fake, seed=seed)
    return Measured(value, value - (around.value - around.low), value + (around.high - around.value), n)


def kd_mel(real, fake, *, seed):
    """Kernel distance of `mel_statistics`, in units of 20 dB above the level that counts as silence."""
    a, b = _mel_statistics(real).copy(), _mel_statistics(fake).copy()
    for rows in (a, b):
        rows[:, : rows.shape[1] // 2] -= spectral.FLOOR_DB
        rows /= _MEL_UNIT_DB
    return _kernel(a, b, seed)


def fd_clf(real, fake, *, seed):
    """Frechet distance of the judge's features."""
    return _frechet(real.judge_features, fake.judge_features, seed)


def kd_clf(real, fake, *, seed):
    """Kernel distance of the judge's features."""
    return _kernel(np.asarray(real.judge_features, np.float64), np.asarray(fake.judge_features, np.float64), seed)


def is_clf(real, fake, *, seed):
    """Inception score of the judge's probabilities over 10 groups; the interval is Student's, of the groups."""
    n, classes = np.shape(fake.probabilities)
    score = inception.inception_score(fake.probabilities, _SPLITS, seed=seed)
    size = n // _SPLITS
    low = f"; groups of {size} for {classes} classes: biased downwards" if size < 10 * classes else ""
    interval = t_interval(score.groups)
    return Measured(score.value, *_ends(interval), n, f"std {score.std:.2f} over {_SPLITS} groups{low}")


def accuracy(real, fake, *, seed):
    """Share of clips that the judge gives their label; Wilson's interval."""
    inception.confusion_matrix(fake.probabilities, fake.labels)  # refuses labels that do not fit
    return _share(np.argmax(fake.probabilities, axis=1) == np.asarray(fake.labels))


def prediction_entropy(real, fake, *, seed):
    """Mean entropy of the judge's predictions."""
    return mean_over_clips(inception.prediction_entropies(fake.probabilities), seed=seed)


def label_entropy(real, fake, *, seed):
    """Entropy of the mean prediction; clips are resampled, centred on the value."""
    rows = inception.checked_probabilities(fake.probabilities)
    interval = bootstrap_interval(rows, lambda p: inception.entropy(p.mean(axis=0)), seed=seed, centred=True)
    low, high = _ends(interval)
    return Measured(interval.value, low, high if high is None else min(high, math.log(rows.shape[1])), len(rows))


def ndb(real, fake, *, seed):
    """Cells of the real set in which the generated set's share differs."""
    bins = _bins(real, fake, seed)
    return Measured(bins.ndb, None, None, bins.m, f"{bins.alpha * bins.k:.1f} by chance; {_about(bins)}")


def ndb_share(real, fake, *, seed):
    """`ndb` as a share of the cells."""
    bins = _bins(real, fake, seed)
    return Measured(bins.share, None, None, bins.m, f"{bins.alpha:g} by chance; {_about(bins)}")


def js(real, fake, *, seed):
    """Jensen-Shannon divergence of the shares of the cells; the cells stay, the clips are resampled."""
    bins = _bins(real, fake, seed)
    centres, reduced = _cells(real, bins.k, seed)
    cells = tuple(nearest_centre(rows, centres)[0] for rows in (reduced, _reduced(real, fake, seed)))

    def divergence(a, b):
        return jensen_shannon(*(np.bincount(x, minlength=bins.k) / len(x) for x in (a, b)))

    return Measured(*_not_negative(jackknife_interval(cells, divergence, seed=seed)), bins.m, _about(bins))


def d_self(real, fake, *, seed):
    """Distance of each generated clip to the nearest other one, of what is audible."""
    return _self_distance(fake, "audible", seed)


def d_train(real, fake, *, seed):
    """Distance of each generated clip to the nearest real one, of what is audible."""
    return _reference_distance(real, fake, "audible", seed)


def abs_d_self(real, fake, *, seed):
    """`d_self` in WaveGAN's published representation."""
    return _self_distance(fake, 1e-6, seed)


def abs_d_train(real, fake, *, seed):
    """`d_train` in WaveGAN's published representation."""
    return _reference_distance(real, fake, 1e-6, seed)


def f0_cents(real, fake, *, seed):
    """Absolute deviation in cents of each clip's fundamental frequency from its pitch."""
    return mean_over_clips(np.abs(_pitch_errors(fake)["cents"]), seed=seed, left_out="without a fundamental")


def f0_within_50_cents(real, fake, *, seed):
    """Share of clips whose fundamental is within 50 cents of their pitch; a clip without one is not."""
    return _share(_pitch_errors(fake)["correct"])


def f0_octave_errors(real, fake, *, seed):
    """Share of clips whose fundamental is within 50 cents of their pitch in another octave."""
    return _share(_pitch_errors(fake)["octave_error"])


def _share(hits):
    """The share of ones among 0 and 1 for each clip; Wilson's interval."""
    hits = np.asarray(hits, np.float64)
    interval = wilson_interval(int(hits.sum()), len(hits))
    return Measured(interval.value, *_ends(interval), len(hits), per_clip=hits)


def _frechet(a, b, seed):
    result = frechet_distance(a, b)
    n, note = min(result.n_a, result.n_b), result.note
    if min(result.dim, result.n_a + result.n_b) > _SLOW_DIM:
        slow = f"no interval above {_SLOW_DIM} dimensions"
        return Measured(result.value, None, None, n, f"{note}; {slow}" if note else slow)
    shrinkage = "auto" if result.shrinkage_a or result.shrinkage_b else 0.0

    def again(x, y):
        return frechet_distance(x, y, shrinkage=shrinkage).value

    interval = _not_negative(jackknife_interval((np.asarray(a), np.asarray(b)), again, seed=seed))
    return Measured(*interval, n, note)


def _kernel(a, b, seed):
    result = kernel_distance(a, b, seed=seed)
    interval = jackknife_interval((a, b), squared_mmd, seed=seed)
    shift = result.value - interval.value
    note = f"std {result.std:.3g} over {result.subsets} subsets of {result.subset_size}"
    low, high = _ends(interval)
    if low is None:
        return Measured(result.value, None, None, min(len(a), len(b)), note)
    return Measured(result.value, low + shift, high + shift, min(len(a), len(b)), note)


def _self_distance(fake, floor, seed):
    return mean_over_clips(self_distances(_neighbour_features(fake, floor)), seed=seed)


def _reference_distance(real, fake, floor, seed):
    features = _neighbour_features(fake, floor), _neighbour_features(real, floor)
    measured = mean_over_clips(nearest_neighbours(*features)[0][:, 0], seed=seed)
    note = f"to the nearest of {len(real)}"
    return Measured(measured.value, measured.low, measured.high, measured.n, note, measured.per_clip)


def _pitch_errors(fake):
    from tf_audio_gan.metrics.pitch import pitch_errors

    return fake.cached("pitch_errors", lambda: pitch_errors(fake.audio, fake.pitches, fake.sample_rate))


def _mel_distances(real, fake):
    return fake.cached("mel_distances", lambda: spectral.mel_distances(fake.audio, real.audio, fake.sample_rate), real)


def _mel_statistics(sounds):
    return sounds.cached("mel_statistics", lambda: mel_statistics(sounds.audio, sounds.sample_rate))


def _neighbour_features(sounds, floor):
    def compute():
        return neighbour_features(sounds.audio, sounds.sample_rate, floor=floor)

    return sounds.cached(f"neighbour_features {floor}", compute)


def _ndb_features(sounds):
    return sounds.cached("ndb_features", lambda: ndb_features(sounds.audio, sounds.sample_rate))


def _components(real, seed):
    return real.cached(f"components {seed}", lambda: Pca.fit(_ndb_features(real), _PCA_DIMS, seed=seed))


def _reduced(real, sounds, seed):
    def compute():
        return _components(real, seed).transform(_ndb_features(sounds))

    return sounds.cached(f"reduced {seed}", compute, real)


def _cells(real, k, seed):
    """The centres of the real set's cells, and the real set reduced as they are."""
    rows = _reduced(real, real, seed)
    return real.cached(f"cells {k} {seed}", lambda: kmeans(rows, k, seed=seed)), rows


def _bins(real, fake, seed):
    k = min(_CELLS, min(len(real), len(fake)) // _QUERIES_A_CELL)
    centres, rows = _cells(real, k, seed)
    return compare_cells(centres, rows, _reduced(real, fake, seed))


def _about(bins):
    about = f"k = {bins.k}, n = {bins.n}, m = {bins.m}"
    return f"{about}; {bins.warning}" if bins.warning else about


def _ends(interval):
    """Both ends, None for NaN."""
    return tuple(None if math.isnan(end) else end for end in (interval.low, interval.high))


def _not_negative(interval):
    """Value and ends of a number that cannot be below 0."""
    low, high = _ends(interval)
    return interval.value, low if low is None else max(0.0, low), high
