"""The program that Claude Code runs on an event: hands it to the coordinator, or to its inbox.

    python -I -S hook.py HOME COMMAND SECONDS < event

It has 50 ms in all, and must never hold up or break a session: whatever goes wrong, it ends with
status 0 and says nothing. So it imports nothing of this package, and of the standard library only
what loads at once: `socket` and `json` alone would take half of its time. The event goes on as it
came, unread.

COMMAND is ``note`` (hand the event over), ``ask`` (and print the context that comes back), or
``wake`` (and start the coordinator where none answers). SECONDS is how long the coordinator may
take.
"""

# What `socket` and `signal` are made of, in every CPython; they load in a tenth of the time.
import _signal
import _socket
import os
import sys
import time

GIVE_UP_SECONDS = 2.0
"""What a disk or a pipe may take besides."""
MAX_EVENT_BYTES = 24_000_000
"""A line that the coordinator still takes is a little longer."""
MAX_SOCKET_PATH_BYTES = 100
MAX_INBOX_FILES, MAX_INBOX_BYTES = 10_000, 64_000_000
"""Of the inbox, beyond which the oldest events are dropped: a coordinator that cannot start for
weeks must not fill the disk."""
DROPPED = "dropped"
"""A file of the inbox, as long as there are events that were dropped."""

GREETING = b'{"hybrid_coordinator": {"captures": true}}\n'
STORED = b"stored\n"
SHOWN = b"shown\n"


def main(home: str, command: str, seconds: float) -> None:
    """Hand the event on stdin over. It is in the record or in the inbox afterwards."""
    began = time.monotonic_ns()
    _signal.signal(_signal.SIGALRM, lambda *_: os._exit(0))
    _signal.setitimer(_signal.ITIMER_REAL, seconds + GIVE_UP_SECONDS)
    os.umask(0o077)
    name, line = envelope(read_all(0))
    if not line:
        return
    deadline = began + int(seconds * 1e9)
    reached, stored = hand_over(socket_path(home), line, deadline, asks=command == "ask")
    if not stored:
        keep(home, name, line)
    if not reached and command != "note":
        start(home)


def read_all(descriptor: int) -> bytes:
    """Everything up to the end of input."""
    pieces = []
    while piece := os.read(descriptor, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def envelope(event: bytes) -> tuple[str, bytes]:
    """The name of an event, like no other's, and the line that carries it.

    The name begins with the time, so that names sort; ``tick`` orders the events of one boot
    whatever happens to the clock.
    """
    # White space between the tokens of JSON; inside of its strings there are no line breaks.
    event = event.replace(b"\r", b" ").replace(b"\n", b" ").strip()
    if not event or len(event) > MAX_EVENT_BYTES:
        return "", b""
    at, tick = time.time_ns(), time.monotonic_ns()
    name = f"{at:020}-{os.getpid()}-{os.urandom(6).hex()}"
    head = f'{{"key": "{name}", "at": {at}, "tick": {tick}, "event": '
    return name, head.encode() + event + b"}\n"


def socket_path(home: str) -> str:
    """Where the coordinator of ``home`` listens; `hybrid_coordinator.home` says why there."""
    inside = home + "/run/coordinator.sock"
    if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
        return inside
    import hashlib

    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return f"/tmp/hybrid-coordinator-{os.getuid()}/{digest}.sock"  # noqa: S108


def hand_over(path: str, line: bytes, deadline: int, *, asks: bool) -> tuple[bool, bool]:
    """Send the event over the coordinator's socket. With ``asks``, print what is to be shown for
    it, and tell the coordinator that it was.

    Returns whether one answered the call, and whether the event is in the record.
    """
    reached = stored = False
    try:
        folder = os.lstat(os.path.dirname(path))
        # Anyone may make a directory of that name in /tmp before us.
        if folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
            return False, False
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        client.settimeout(left(deadline))
        client.connect(path)
        reached = True
        client.sendall(GREETING + line)
        answer = b""
        while answer.count(b"\n") < 2 or (asks and answer.count(b"\n") < 3):
            client.settimeout(left(deadline))
            piece = client.recv(1 << 16)
            if not piece:
                break
            answer += piece
            _, _, words = answer.partition(b"\n")  # the first line is the coordinator's greeting
            stored = words.startswith(STORED)
        _, _, context = answer.partition(b"\n" + STORED)
        if stored and context.endswith(b"\n"):
            os.write(1, context)
            client.sendall(SHOWN)
    except OSError:
        pass  # nobody there, too late, or gone in the midst of it
    return reached, stored


def left(deadline: int) -> float:
    """Seconds until the deadline.

    Raises:
        TimeoutError: it has passed.
    """
    seconds = (deadline - time.monotonic_ns()) / 1e9
    if seconds <= 0:
        raise TimeoutError
    return seconds


def keep(home: str, name: str, line: bytes) -> None:
    """Put the event into the inbox, whole or not at all. The coordinator reads it when it can."""
    folder = home + "/inbox"
    part, file = f"{folder}/.{name}", f"{folder}/{name}.json"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            written = os.write(handle, line)
        finally:
            os.close(handle)
        if written == len(line):
            os.rename(part, file)
            if name.endswith(("00", "40", "80", "c0")):  # chance: looking takes as long as writing
                bound(folder)
        else:
            os.unlink(part)  # the disk is full
    except OSError:
        try:
            os.unlink(part)
        except OSError:
            pass  # it was never made


def bound(folder: str) -> None:
    """Drop the oldest events of an inbox that holds too much, down to nine tenths of what it may,
    and count them.

    Raises:
        OSError: the inbox cannot be read or written.
    """
    with os.scandir(folder) as entries:
        found = [
            (entry.name, entry.stat().st_blocks * 512)
            for entry in entries
            if entry.name.endswith(".json")
        ]
    size, count = sum(each[1] for each in found), len(found)
    if count <= MAX_INBOX_FILES and size <= MAX_INBOX_BYTES:
        return
    dropped = 0
    for name, taken in sorted(found):
        if count <= MAX_INBOX_FILES * 0.9 and size <= MAX_INBOX_BYTES * 0.9:
            break
        count, size = count - 1, size - taken
        try:
            os.unlink(f"{folder}/{name}")
        except FileNotFoundError:
            continue  # it was taken meanwhile
        dropped += 1
    handle = os.open(f"{folder}/{DROPPED}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, b"." * dropped)
    finally:
        os.close(handle)


def start(home: str) -> None:
    """Start the coordinator, and do not wait for it."""
    if os.fork():
        return
    # Nothing of ours may stay open in it: Claude Code waits for the end of our output.
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.environ["HYBRID_HOME"] = home
    program = os.path.join(os.path.dirname(__file__), "wake.py")
    os.execv(sys.executable, [sys.executable, program])


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    except Exception:  # noqa: BLE001, S110 - a session must not hear of our faults
        pass
    # Not by way of the interpreter's own end, which takes another 2 ms.
    os._exit(0)
