"""Trainings that are stopped on the way."""


def interrupted_in(phase, epoch, monkeypatch):
    """Makes Ctrl+C come in an epoch of a phase."""
    from kad.training import session as training

    original = training.TrainingSession._epoch

    def stop(self, name, state, *arguments):
        if name == phase and state["epoch"] == epoch:
            raise KeyboardInterrupt
        original(self, name, state, *arguments)

    monkeypatch.setattr(training.TrainingSession, "_epoch", stop)
