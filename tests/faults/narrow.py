"""A link that is bad in ways of its own, for code that blocks: it dies after so many bytes, or forgets its
connections without telling anybody.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Narrow:
    """A listening port on 127.0.0.1 that leads to another."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.budget = 0
        """Bytes upward after which a connection is reset; 0: as many as it likes."""
        self.connections = 0
        self.died = 0
        """Connections reset for their size."""
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def forget(self) -> None:
        """As a NAT does: what comes through a connection known until now goes nowhere, and nobody is told."""
        for pair in self._pairs:
            pair.forgotten.set()

    def close(self) -> None:
        """End everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for pair in self._pairs:
            pair.end()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), timeout=30)
            except OSError:
                near.close()
                continue
            pair = _Pair(self, near, far)
            self._pairs.append(
                pair
            )  # before a byte passes: whoever saw one come through may have it forgotten
            pair.start()


class _Pair:
    def __init__(self, link: Narrow, near: socket.socket, far: socket.socket) -> None:
        self._link = link
        self._ends = (near, far)
        self.forgotten = threading.Event()
        self._threads = [
            threading.Thread(target=self._pump, args=(near, far, link.budget), daemon=True),
            threading.Thread(target=self._pump, args=(far, near, 0), daemon=True),
        ]

    def start(self) -> None:
        """Lets bytes pass."""
        for thread in self._threads:
            thread.start()

    def _pump(self, source: socket.socket, target: socket.socket, budget: int) -> None:
        passed = 0
        try:
            while data := source.recv(256 if budget else 65_536):
                passed += len(data)
                if budget and passed > budget:
                    self._link.died += 1
                    break
                if not self.forgotten.is_set():
                    target.sendall(data)
        except OSError:
            self._break()
            return
        self._break()

    def _break(self) -> None:
        if self.forgotten.is_set():
            return
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended already

    def end(self) -> None:
        self.forgotten.clear()
        self._break()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()


@contextmanager
def narrow(target_port: int) -> Iterator[Narrow]:
    """A link for the time of a test."""
    link = Narrow(target_port)
    try:
        yield link
    finally:
        link.close()
