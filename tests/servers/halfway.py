"""A server that carries what is sent to another one, and can fall silent as one that hangs."""

from __future__ import annotations

import contextlib
import socket
import threading


class Halfway:
    """Listens at a port, and takes connections whether it carries anything or not."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._carries = threading.Event()
        self._carries.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Carry nothing until `speak` is called."""
        self._carries.clear()

    def speak(self) -> None:
        """Carry everything, also what has come meanwhile."""
        self._carries.set()

    def close(self) -> None:
        """Take no connection any more."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.speak()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        there = ("127.0.0.1", self._target)
        with taken, contextlib.suppress(OSError), socket.create_connection(there) as made:
            back = threading.Thread(target=self._carry, args=(made, taken), daemon=True)
            back.start()
            self._carry(taken, made)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                self._carries.wait()
                target.sendall(chunk)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
