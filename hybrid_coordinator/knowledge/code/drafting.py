"""The process that reads files and drafts their points, apart from the coordinator.

Grammars are native code that reads whatever is in a file. What a hostile file does to one of them
(a crash, an endless loop, all of the memory) it does to this process alone. It is started and
asked by ``worker``; on its pipes go pickles, each after its length.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import IO

from hybrid_coordinator.knowledge.code.points import Batch, Drafter, Work
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

Message = str | Batch | None
"""The path of a file that is begun, what has been drafted, or that all is done."""

_LENGTH = struct.Struct("!I")
_MEMORY_BYTES = 2 << 30
"""A megabyte of source, the largest there is, takes a tenth of it."""


def send(stream: IO[bytes], message: Message | Work) -> None:
    """Write one message.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> object:
    """Read one message.

    Raises:
        EOFError: the other side has ended.
    """
    size = stream.read(_LENGTH.size)
    data = stream.read(*_LENGTH.unpack(size)) if len(size) == _LENGTH.size else b""
    # From our own process, over a pipe that only the two hold. Of a message cut short, as by the
    # end of the other side, it says EOFError or UnpicklingError.
    try:
        return pickle.loads(data)  # noqa: S301
    except pickle.UnpicklingError as error:
        raise EOFError(str(error)) from error


def main() -> None:
    """Do the work that comes in until there is no more to come."""
    # What a library prints must not get among the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is interrupted, and then ends us
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
    bm25 = Bm25Encoder()
    try:
        while True:
            work = receive(sys.stdin.buffer)
            assert isinstance(work, Work)
            for message in _done(work, bm25, answers):
                send(answers, message)
    except (EOFError, BrokenPipeError):
        # Whoever asked has ended. Closing the stream would try to write what is left in it.
        os._exit(0)


def _done(work: Work, bm25: Bm25Encoder, answers: IO[bytes]) -> Iterator[Message]:
    def begun() -> Iterator[str]:
        for path in work.paths:
            send(answers, path)
            # The system ends the process then, whatever code it is in, even without a parent.
            signal.setitimer(signal.ITIMER_PROF, work.seconds_a_file)
            yield path
            signal.setitimer(signal.ITIMER_PROF, 0)

    drafter = Drafter(work, bm25)
    for batch in drafter.batches(begun()):
        signal.setitimer(signal.ITIMER_PROF, 0)
        yield batch
    yield None


def _limit(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (lower, hard))


if __name__ == "__main__":
    main()
