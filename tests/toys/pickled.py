"""A detector that pickles by its bytes."""

from runtime.model.detector import Detector


class Pickled(Detector):
    """Keeps the bytes it came from; `Detector` itself pickles once it has `__reduce__`."""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        self.model = model

    def __reduce__(self):
        return type(self), (self.model,)
