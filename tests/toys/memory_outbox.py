"""An outbox in memory: what outlives a process, without a disk."""


class MemoryOutbox:
    """Keeps entries until they are acknowledged; `fails` makes it a full disk."""

    most_bytes = 10**9

    def __init__(self):
        self.entries = []
        self.last = 0
        self.acknowledged = 0
        self.fails = False

    def put(self, entries):
        if self.fails:
            raise OSError(28, "No space left on device")
        for entry in entries:
            self.last += 1
            self.entries.append((self.last, bytes(entry)))
        return self.last

    def peek(self, most):
        return self.entries[:most]

    def ack(self, number):
        self.acknowledged = max(self.acknowledged, number)
        self.entries = [entry for entry in self.entries if entry[0] > number]

    @property
    def bytes(self):
        return sum(len(entry) for _, entry in self.entries)
