"""All models of a server: which versions are served, found anew while serving, and exchanged without a failed request.

A new version is loaded and warmed up beside the old one, then takes its place in one step; the old one is freed once
the last request that began on it has ended.
"""

import contextlib
import json
import logging
import threading
import time

from tf_audio_gan.serving.configuration import ConfigError
from tf_audio_gan.serving.exports import complete_versions, find_versions
from tf_audio_gan.serving.status import RequestError
from tf_audio_gan.serving.version import DEFAULT_SIGNATURE, Version

RETRIES = 5
RETRY_SECONDS = 60
__all__ = ["DEFAULT_SIGNATURE", "Servables"]
log = logging.getLogger(__name__)


class Servables:
    """The versions served, by model and number.

    Args:
        configs: list of `configuration.ModelConfig`.
        timeout_ms: limit of one run in milliseconds.
        batcher: see `version.Version`.
        metrics: see `version.Version`.

    Raises:
        ValueError: a model does not load, or a label names a version that is not served.
    """

    def __init__(self, configs, *, timeout_ms=30000, batcher=None, metrics=None):
        self._load_with = {"timeout_ms": timeout_ms, "batcher": batcher, "metrics": metrics}
        self._lock = threading.RLock()  # held for a moment: the maps below change only under it
        self._changing = threading.Lock()  # held while versions load: one change at a time
        self._configs, self._served = {}, {}  # by name; name -> number -> Version
        self._states = {}  # name -> number -> (state, status code, message)
        self._failures = {}  # (name, number) -> (count, when to try again)
        self._missing = set()
        self._closed = False
        self.reload(configs)

    def reload(self, configs):
        """Serve these models and no others; nothing changes unless all of them can be served.

        Args:
            configs: list of `configuration.ModelConfig`.

        Raises:
            ValueError: a model does not load, or a label names a version that is not served.
        """
        with self._changing:
            served, fresh = {}, []
            try:
                for config in configs:
                    served[config.name] = self._versions(config, fresh)
                    _check_labels(config, served[config.name])
            except BaseException:
                for version in fresh:
                    version.close()
                raise
            if not self._swap(configs, served):
                for version in fresh:
                    version.close()
                return
            self._note(served)

    def _swap(self, configs, served):
        """Serve these from now on, and free what is not among them; False if the server has ended meanwhile."""
        with self._lock:
            if self._closed:
                return False
            before, self._served = self._served, served
            self._configs = {config.name: config for config in configs}
        kept = {id(version) for versions in served.values() for version in versions.values()}
        for name, versions in before.items():
            for number, version in versions.items():
                if id(version) not in kept:
                    self._retire(name, version, ended=number not in served.get(name, {}))
        return True

    def _versions(self, config, fresh):
        """Number -> Version of one model: those at hand, and new ones, which are appended to `fresh` too."""
        known = config.name in self._served  # then a version that is being written does not stand in the way
        paths = complete_versions(config.base) if known and config.base.is_dir() else find_versions(config.base)
        numbers = config.wanted(paths)
        if not numbers:
            raise ConfigError(
                f"model {config.name}: {config.base} has the versions {list(paths)}, none of which is to be served "
                f"(specific: {list(config.specific)})"
            )
        at_hand = self._served.get(config.name, {})
        found = {}
        for number in numbers:
            version = at_hand.get(number)
            if version is None or version.path != paths[number]:
                version = self._loaded(config.name, number, paths[number])
                fresh.append(version)
            found[number] = version
        return found

    def _loaded(self, name, number, path):
        log.info("loading %s version %d from %s", name, number, path)
        return Version(number, path, model=name, **self._load_with)

    def _note(self, served):
        with self._lock:
            for name, versions in served.items():
                for number in versions:
                    self._states.setdefault(name, {})[number] = ("AVAILABLE", "OK", "")

    def poll(self):
        """Look for new and vanished versions of every model; what does not load is tried again later."""
        with self._changing:
            for config in list(self._configs.values()):
                paths = self._look(config)
                if paths is not None:
                    self._follow(config, paths)

    def _follow(self, config, paths):
        """Bring up what is wanted of the versions found; then free the rest, but never the last one that answers."""
        wanted = set(config.wanted(paths))
        for number in sorted(wanted - self._served.get(config.name, {}).keys()):
            self._try(config.name, number, paths[number])
        served = self._served.get(config.name, {})
        if wanted and not served.keys() & wanted:
            return
        for number in served.keys() - wanted:
            with self._lock:
                version = served.pop(number, None)
            if version:
                self._retire(config.name, version, ended=True)

    def _look(self, config):
        try:
            paths = complete_versions(config.base)
        except OSError as error:
            if config.name not in self._missing:
                log.error("model %s goes on as it is: %s", config.name, error)
            self._missing.add(config.name)
            return None
        self._missing.discard(config.name)
        return paths

    def _try(self, name, number, path):
        """Load one version found by a poll and serve it, or note why not and when to try again."""
        count, after = self._failures.get((name, number), (0, 0))
        if count > RETRIES or time.monotonic() < after:
            return
        self._set_state(name, number, "LOADING")
        try:
            version = self._loaded(name, number, path)
        except Exception as error:
            log.error("%s", error)
            self._failures[name, number] = (count + 1, time.monotonic() + RETRY_SECONDS)
            self._set_state(name, number, "END", "INVALID_ARGUMENT", str(error))
            return
        self._failures.pop((name, number), None)
        with self._lock:
            if self._closed:
                version.close()
                return
            self._served[name][number] = version
        self._set_state(name, number, "AVAILABLE")

    def _set_state(self, name, number, state, code="OK", message=""):
        with self._lock:
            self._states.setdefault(name, {})[number] = (state, code, message)

    def _retire(self, name, version, ended):
        if ended:
            self._set_state(name, version.number, "END")
        with self._lock:
            version.retired = True
            idle = not version.uses
        if idle:
            version.close()

    @contextlib.contextmanager
    def use(self, name, number=None, label=None):
        """Hold the version that a request asks for, so that it is not freed meanwhile; as `find`."""
        with self._lock:
            version = self.find(name, number, label)
            version.uses += 1
        try:
            yield version
        finally:
            with self._lock:
                version.uses -= 1
                idle = version.retired and not version.uses
            if idle:
                version.close()

    def find(self, name, number=None, label=None):
        """The version that a request asks for; without number and label, the highest.

        Raises:
            RequestError: NOT_FOUND for a model or number, INVALID_ARGUMENT for a label, that is not served.
        """
        if label is not None:
            config = self._configs.get(name)
            number = config.labels.get(label) if config else None
            if number is None:
                raise RequestError(f"Unrecognized servable version label: {label}")
        served = self._served.get(name, {})
        version = served.get(max(served, default=None) if number is None else number)
        if version is None:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise RequestError(f"Servable not found for request: {wanted}", "NOT_FOUND")
        return version

    def states(self, name, number=None):
        """What became of every version of a model, or of one.

        Returns:
            list of (number, state, name of the status code, message), newest first.

        Raises:
            RequestError: NOT_FOUND.
        """
        with self._lock:
            states = dict(self._states.get(name, {}))
        if not states:
            listed = "" if name else self.listed()
            raise RequestError(f"Could not find any versions of model {name}{listed}", "NOT_FOUND")
        if number is not None and number not in states:
            raise RequestError(f"Could not find version {number} of model {name}", "NOT_FOUND")
        return [(n, *states[n]) for n in ([number] if number is not None else sorted(states, reverse=True))]

    def listed(self):
        """The models served, for the end of a sentence that asks for a name; clients read it (`serving.client`)."""
        return f" Models served: {json.dumps(sorted(self._served))}"

    def close(self):
        """Free every version; runs that have not ended are cancelled."""
        with self._lock:
            self._closed = True
            served, self._served, self._configs = self._served, {}, {}
        for versions in served.values():
            for version in versions.values():
                version.close()


def _check_labels(config, served):
    for label, number in config.labels.items():
        if number not in served:
            raise ConfigError(
                f"label {label!r} of model {config.name!r} must name a version that is served, {sorted(served)}; "
                f"received {number!r}, which is not currently available for inference; serve every version by "
                "versions='all', or by the policy 'all' in the configuration file",
                "FAILED_PRECONDITION",
            )
