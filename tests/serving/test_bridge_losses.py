"""The bridge against coordinators that vanish at chosen moments: each request has one answer."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.bridge import Bridge

Json = dict[str, Any]
INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}}
WAIT_SECONDS = 15.0


def ping(number: object) -> Json:
    return {"jsonrpc": "2.0", "id": number, "method": "ping"}


class Peer:
    """The coordinator's end of one connection, greeted."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines: BinaryIO = connection.makefile("rb")
        self.lines.readline()
        connection.sendall(b'{"hybrid_coordinator": {}}\n')

    def answer(self, line: bytes) -> None:
        message = json.loads(line)
        if "id" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": {"of": message["method"]}}
            self.connection.sendall(json.dumps(reply).encode() + b"\n")

    def serve(self) -> None:
        for line in self.lines:
            self.answer(line)

    def vanish(self) -> None:
        self.lines.close()
        self.connection.close()


Behaviour = Callable[[Peer], None]


class Client:
    """An agent's end of the pipes."""

    def __init__(self, home: Home) -> None:
        stdin, self._write = os.pipe()
        self._read, stdout = os.pipe()
        self._theirs = (stdin, stdout)
        self._received = bytearray()
        self.thread = threading.Thread(target=Bridge(home, stdin, stdout).run, daemon=True)
        self.thread.start()

    def send(self, *messages: Json) -> None:
        os.write(self._write, b"".join(json.dumps(each).encode() + b"\n" for each in messages))

    def answers(self, count: int) -> list[Json]:
        """The next ``count`` answers."""
        while self._received.count(b"\n") < count:
            assert select.select([self._read], [], [], WAIT_SECONDS)[0], bytes(self._received)
            self._received += os.read(self._read, 1 << 16)
        lines = []
        for _ in range(count):
            line, _, rest = self._received.partition(b"\n")
            lines.append(line)
            self._received = bytearray(rest)
        return [json.loads(line) for line in lines]

    def leave(self) -> None:
        os.close(self._write)
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()
        assert not select.select([self._read], [], [], 0)[0], "an answer too many"
        assert not self._received
        for descriptor in (self._read, *self._theirs):
            os.close(descriptor)


def meet(connection: socket.socket, behave: Behaviour) -> None:
    with suppress(OSError):  # the bridge left first
        peer = Peer(connection)
        try:
            behave(peer)
        finally:
            peer.vanish()
    connection.close()


@contextmanager
def coordinators(home: Home, *behaviours: Behaviour) -> Iterator[None]:
    """The first connection meets the first behaviour, and so on; later ones are served."""
    home.socket_path.parent.mkdir(mode=0o700, parents=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home.socket_path))
    listener.listen(16)
    pending = list(behaviours)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            behave = pending.pop(0) if pending else Peer.serve
            threading.Thread(target=meet, args=(connection, behave), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(WAIT_SECONDS)


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def vanish_at_once(peer: Peer) -> None:
    peer.connection.recv(1)
    peer.vanish()


def vanish_unanswering(peer: Peer) -> None:
    peer.lines.readline()
    peer.vanish()


def vanish_after_the_handshake(peer: Peer) -> None:
    peer.answer(peer.lines.readline())
    peer.vanish()


@pytest.mark.parametrize("behaviour", [vanish_at_once, vanish_unanswering])
@pytest.mark.parametrize("turn", range(10))
def test_an_initialize_that_is_lost_is_sent_again(
    place: Home, behaviour: Behaviour, turn: int
) -> None:
    with coordinators(place, behaviour):
        client = Client(place)
        client.send(INITIALIZE)
        (answer,) = client.answers(1)
        assert answer["result"] == {"of": "initialize"}
        client.leave()


@pytest.mark.parametrize("behaviour", [vanish_at_once, vanish_unanswering])
@pytest.mark.parametrize("turn", range(10))
def test_a_lost_handshake_with_a_request_behind_it_gives_one_answer_to_each(
    place: Home, behaviour: Behaviour, turn: int
) -> None:
    with coordinators(place, behaviour):
        client = Client(place)
        client.send(INITIALIZE, ping(1))
        answers = {each["id"]: each for each in client.answers(2)}
        assert answers[0]["result"] == {"of": "initialize"}
        assert set(answers) == {0, 1}
        client.leave()


@pytest.mark.parametrize("turn", range(10))
def test_a_coordinator_that_dies_under_the_replay_costs_at_most_an_error(
    place: Home, turn: int
) -> None:
    with coordinators(place, vanish_after_the_handshake, vanish_at_once):
        client = Client(place)
        client.send(INITIALIZE)
        assert client.answers(1)[0]["result"] == {"of": "initialize"}
        client.send(ping(1))
        assert client.answers(1)[0]["id"] == 1
        client.send(ping(2))
        assert client.answers(1)[0]["result"] == {"of": "ping"}
        client.leave()


def test_the_replayed_handshake_reaches_the_coordinator_and_not_the_client(place: Home) -> None:
    seen: list[str] = []

    def note(peer: Peer) -> None:
        for line in peer.lines:
            seen.append(json.loads(line)["method"])
            peer.answer(line)

    with coordinators(place, vanish_after_the_handshake, note):
        client = Client(place)
        client.send(INITIALIZE)
        client.answers(1)
        client.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, ping("a"))
        answered = client.answers(1)[0]
        if "error" in answered:  # it went into the dying connection
            client.send(ping("a"))
            answered = client.answers(1)[0]
        assert answered == {"jsonrpc": "2.0", "id": "a", "result": {"of": "ping"}}
        assert seen[0] == "initialize"
        assert seen.count("initialize") == 1
        client.leave()


def test_what_a_dying_coordinator_has_answered_is_delivered(place: Home) -> None:
    def answer_and_vanish(peer: Peer) -> None:
        peer.answer(peer.lines.readline())
        first, second = peer.lines.readline(), peer.lines.readline()
        assert second
        peer.answer(first)
        peer.connection.sendall(b'{"half a line')
        peer.vanish()

    with coordinators(place, answer_and_vanish):
        client = Client(place)
        client.send(INITIALIZE, ping(1), ping(2))
        answers = {each["id"]: each for each in client.answers(3)}
        assert answers[1]["result"] == {"of": "ping"}
        assert "in flight" in answers[2]["error"]["message"]
        client.leave()


def test_a_client_that_writes_all_before_it_reads_is_served(place: Home) -> None:
    """More than a pipe holds, both ways: nobody may wait for the other to read first."""
    with coordinators(place):
        client = Client(place)
        padded = [{**ping(number), "params": {"x": "y" * 500}} for number in range(2000)]
        client.send(INITIALIZE)
        for message in padded:
            client.send(message)
        assert [each["id"] for each in client.answers(2001)] == list(range(1)) + list(range(2000))
        client.leave()


def test_an_id_that_is_none_is_not_waited_for(place: Home) -> None:
    with coordinators(place, lambda peer: [None for _ in peer.lines] and None):
        client = Client(place)
        client.send(ping(1.5), ping(None), ping([1]))
        os.close(client._write)
        client.thread.join(5.0)
        assert not client.thread.is_alive(), "it waits for answers that will never come"


def test_a_message_over_the_bound_is_refused_by_the_bridge(place: Home) -> None:
    with coordinators(place):
        client = Client(place)
        sender = threading.Thread(
            target=client.send, args=({**ping(1), "params": {"x": "y" * (33 << 20)}},)
        )
        sender.start()
        assert "33554432 bytes" in client.answers(1)[0]["error"]["message"]
        sender.join(WAIT_SECONDS)
        client.leave()
