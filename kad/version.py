"""The version of kad."""

__version__ = "0.1.0"
