"""A cable that can be cut: a small TCP proxy between a client and its broker."""

import contextlib
import selectors
import socket
import threading

__all__ = ["Proxy"]

_CONNECT, _VERSION_5 = 0x10, 5
_REFUSED_VERSION = bytes([0x20, 2, 0, 1])


class Proxy:
    """Hands bytes on in both directions, until somebody pulls the plug.

    Args:
        port: Of the broker, on the loopback.
        refuse_5: Whether it answers MQTT 5 as an old broker does: unacceptable version.
        changed: Puts other bytes in the place of those that the broker sent.
    """

    host = "127.0.0.1"

    def __init__(self, port, *, refuse_5=False, changed=bytes):
        self._target = port
        self._refuse_5 = refuse_5
        self._changed = changed
        self._selector = selectors.DefaultSelector()
        self._pairs = {}
        self._lock = threading.RLock()
        self._ending = False
        self._stalled = threading.Event()
        self._shut = False
        self._wake, self._waker = socket.socketpair()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self.accepted = 0
        self.versions = []
        self.to_broker = bytearray()
        """What clients sent since the beginning."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._thread.start()

    def cut(self):
        """Closes all connections; new ones are taken."""
        with self._lock:
            for ends in list(self._pairs):
                self._drop(ends)

    def shut(self):
        """Closes all connections and takes no new ones until `open`."""
        with self._lock:
            self._shut = True
            self.cut()

    def open(self):
        """Takes connections again."""
        self._shut = False

    def stall(self):
        """Keeps connections open, and hands on nothing: the other side is dead, unsaid."""
        self._stalled.set()
        self._waker.send(b"!")

    def flow(self):
        """Hands on again what comes."""
        self._stalled.clear()
        self._waker.send(b"!")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._ending = True
        self._waker.send(b"!")
        self._thread.join(10)
        self.cut()
        self._selector.close()
        for end in (self._listener, self._wake, self._waker):
            end.close()

    def _run(self):
        while not self._ending:
            for key, _ in self._selector.select(0.5):
                if key.fileobj is self._wake:
                    self._wake.recv(1000)
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._carry(key.fileobj)
            self._listen(not self._stalled.is_set())

    def _listen(self, reading):
        """Reads from all connections, or from none of them."""
        with self._lock:
            known = self._selector.get_map()
            for end in self._pairs:
                if reading and end not in known:
                    self._selector.register(end, selectors.EVENT_READ)
                elif not reading and end in known:
                    self._selector.unregister(end)

    def _accept(self):
        near, _ = self._listener.accept()
        if self._shut:
            near.close()
            return
        try:
            far = socket.create_connection((self.host, self._target), 5)
        except OSError:
            near.close()
            return
        with self._lock:
            self.accepted += 1
            self._pairs[near], self._pairs[far] = (far, True), (near, False)
            self._selector.register(near, selectors.EVENT_READ)
            self._selector.register(far, selectors.EVENT_READ)

    def _carry(self, end):
        with self._lock:
            if end not in self._pairs or self._stalled.is_set():
                return
            other, outward = self._pairs[end]
        try:
            data = end.recv(1 << 16)
            if data:
                other.settimeout(5)
                other.sendall(self._outward(end, data) if outward else self._changed(data))
                return
        except OSError:
            pass
        with self._lock:
            self._drop(end)

    def _outward(self, end, data):
        """Writes down what a client sent, and returns what goes to the broker."""
        self.to_broker += data
        if data[0] == _CONNECT:
            self.versions.append(data[data.index(b"MQTT") + 4])
            if self._refuse_5 and self.versions[-1] == _VERSION_5:
                end.sendall(_REFUSED_VERSION)
                raise ConnectionError
        return data

    def _drop(self, end):
        if end not in self._pairs:
            return
        other = self._pairs.pop(end)[0]
        self._pairs.pop(other, None)
        for one in (end, other):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
