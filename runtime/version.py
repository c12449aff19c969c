"""The version of kad, said once: the packages and the wheel take it from here."""

__version__ = "0.1.0"
