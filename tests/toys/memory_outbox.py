"""An outbox in memory: what outlives a process, without a disk."""


class MemoryOutbox:
    """Keeps entries until they are acknowledged; `fails` makes it a full disk."""

    def __init__(self):
        self.entries = []
        self.count = 0
        self.fails = False

    def put(self, entries):
        if self.fails:
            raise OSError(28, "No space left on device")
        for entry in entries:
            self.count += 1
            self.entries.append((self.count, bytes(entry)))
        return self.count

    def peek(self, most):
        return self.entries[:most]

    def ack(self, number):
        self.entries = [entry for entry in self.entries if entry[0] > number]
