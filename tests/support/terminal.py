"""A command at a pseudo-terminal: what a person would see."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.stdio import environment

_SECONDS = 30.0


class Terminal:
    """`hybrid-coordinator` with a terminal as its stdin, stdout and stderr."""

    def __init__(self, home: Path, *arguments: str, **extra: str) -> None:
        self._master, slave = pty.openpty()
        # A new one is of no size, and nothing that minds the width would be shown.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home.parent,
            env={**environment(home, **extra), "TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(slave)
        self.screen = ""
        """All that was written, escape sequences included."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        os.close(self._master)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        """What a person does at the keyboard."""
        os.write(self._master, text.encode())

    def until(self, text: str) -> str:
        """The screen once ``text`` stands on it."""
        for _ in self._reads():
            if text in self.screen:
                return self.screen
        raise AssertionError(f"ended without {text!r}: {self.screen!r}")

    def end(self) -> int:
        """Read to the end; the exit status."""
        for _ in self._reads():
            pass
        return self.process.wait(timeout=_SECONDS)

    def _reads(self) -> Iterator[None]:
        deadline = time.monotonic() + _SECONDS
        yield
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"nothing more after {self.screen!r}"
            if not select.select([self._master], [], [], left)[0]:
                continue
            try:
                content = os.read(self._master, 65536)
            except OSError as error:
                assert error.errno == errno.EIO  # the other side is closed
                return
            if not content:
                return
            self.screen += content.decode().replace("\r\n", "\n")
            yield


@contextmanager
def at_terminal(home: Path, *arguments: str, **extra: str) -> Iterator[Terminal]:
    """The command, started; ended at the end."""
    with Terminal(home, *arguments, **extra) as terminal:
        yield terminal
