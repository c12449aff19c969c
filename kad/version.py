"""The version of kad."""

from runtime.version import __version__

__all__ = ["__version__"]
