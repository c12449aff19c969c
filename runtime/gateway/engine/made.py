"""What one call of the engine has led to so far."""

from dataclasses import dataclass, field

from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows

__all__ = ["Made"]


@dataclass(slots=True)
class Made:
    """Collects outputs; the fields are those of `Outputs`."""

    scored: list[ScoredRows] = field(default_factory=list)
    events: list[EventNotice] = field(default_factory=list)
    states: list[tuple[str, bool, int]] = field(default_factory=list)
    online: list[tuple[str, bool]] = field(default_factory=list)
    running: list[tuple[str, bool]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)

    def outputs(self, sequence: int) -> Outputs:
        """Returns them as outputs of a record."""
        every = {name: getattr(self, name) for name in self.__slots__}
        return Outputs(sequence=sequence, **every)
