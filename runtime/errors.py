"""The public exceptions of kad, shared by `runtime`, `kad` and `export`.

    KadError
    ├── InputError (ValueError)      the caller's data, arguments or files are wrong: exit code 2
    │   ├── AmbiguousTimeError       times with two readings: a person must say which
    │   ├── ConfigError              a configuration key or value
    │   ├── InUseError               a folder that another process uses
    │   └── ModelFileError           not a kad detector, truncated, or made for other channels
    │       └── SchemaError          a detector of another schema version
    ├── JournalError (OSError)       the disk does not take what must be kept: exit code 1
    ├── VerificationError            two implementations disagree: exit code 1
    └── MissingExtraError (ImportError)   an optional dependency is not installed: exit code 2

Each message is one line that says what was expected, what was received and what to do.
"""

__all__ = [
    "AmbiguousTimeError",
    "ConfigError",
    "InUseError",
    "InputError",
    "JournalError",
    "KadError",
    "MissingExtraError",
    "ModelFileError",
    "SchemaError",
    "VerificationError",
]

_SHOWN = 200


class KadError(Exception):
    """Base of everything kad raises on purpose. `exit_code` is what a command line returns.

    Names from users' files may have line breaks; the message is one line all the same.
    """

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(
            *(" ".join(arg.splitlines()) if isinstance(arg, str) else arg for arg in args)
        )


class InputError(KadError, ValueError):
    """Data, arguments or files that cannot be used as they are."""

    exit_code = 2


class AmbiguousTimeError(InputError):
    """Times that can be read in two ways; the message has both, and what to say."""


class ConfigError(InputError):
    """A configuration key or value that cannot be used."""


class InUseError(InputError):
    """A folder that another process uses, and that only one may use at a time."""


class ModelFileError(InputError):
    """A file that is not a usable detector, or a detector made for other channels."""


class SchemaError(ModelFileError):
    """A detector file written with another schema version."""


class JournalError(KadError, OSError):
    """A disk that does not take what must be kept, or a bound that is reached.

    Nothing that was acknowledged is lost by it; the next try may succeed.
    """

    full = False
    """The stated bound is reached: it helps to release, not to wait for the disk."""


class VerificationError(KadError):
    """A detector does not reproduce the numbers that it must reproduce."""


class MissingExtraError(KadError, ImportError):
    """An optional dependency is not installed; the message is the command that installs it."""

    exit_code = 2


def shown(value: object) -> str:
    """Returns what was received, for a message: on one line, short, whatever it is."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - of any object, such as an int of 10,000 digits
        text = f"{type(value).__name__} ({type(error).__name__})"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
