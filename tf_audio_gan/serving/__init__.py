"""The embedded server, which answers as TensorFlow Serving does, and the client for either: `Server` and `Client`."""

import importlib

_HOMES = {"Client": "client", "ServerError": "client", "Server": "server"}
__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
