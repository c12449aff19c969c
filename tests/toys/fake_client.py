"""An MQTT client without a broker: it takes what it is told to take, and acknowledges when told."""


class FakeClient:
    """Takes publications up to `window` that wait; `acknowledge` lets the broker have them.

    A batch is taken whole where there is room; where `strict`, only if all of it has room.
    """

    def __init__(self, window=10**9, *, strict=False):
        self.window = window
        self.strict = strict
        self.taken = []
        self.published = 0
        self.connections = 0
        self.trouble = "not connected yet"
        self.incoming = []
        self.acked = []
        self.closed = False

    def connect(self):
        self.up()

    def up(self):
        """A new connection."""
        self.connections += 1
        self.trouble = ""

    def down(self):
        self.trouble = "the connection is cut"

    def receive(self, most, wait_s):  # noqa: ARG002 - of the protocol
        some, self.incoming = self.incoming[:most], self.incoming[most:]
        return some

    def ack(self, messages):
        self.acked.extend(messages)

    def publish(self, publications):
        more = len(publications) if self.strict else 1
        if self.waiting + more > self.window:
            return -1
        self.taken.extend(publications)
        return len(self.taken)

    def acknowledge(self, count=10**9):
        """The broker has the next so many."""
        self.published = min(len(self.taken), self.published + count)

    def close(self, timeout_s):  # noqa: ARG002 - of the protocol
        if not self.trouble:
            self.acknowledge()
        self.closed = True

    @property
    def waiting(self):
        return len(self.taken) - self.published

    @property
    def arrived(self):
        """What the broker has, in order."""
        return self.taken[: self.published]

    def topics(self):
        return [one.topic for one in self.taken]
