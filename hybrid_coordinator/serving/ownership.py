"""One owner process per home: a lock the kernel releases when the owner dies."""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass
from typing import Self

from hybrid_coordinator.errors import OwnershipError, StorageError
from hybrid_coordinator.home import Home


@dataclass(frozen=True)
class Ownership:
    """The held lock of a home. The lock file names the owner's process id."""

    home: Home
    handle: int

    @classmethod
    def take(cls, home: Home) -> Self:
        """Become the owner of ``home``. What a dead owner left is taken over.

        Raises:
            OwnershipError: a living process owns it.
            StorageError: the home cannot be written.
        """
        try:
            home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"{home.root} cannot be written ({error.strerror}); make it writable or set "
                "HYBRID_HOME to a directory that is"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(handle, 32, 0).decode().strip()
            os.close(handle)
            raise OwnershipError(
                f"process {owner or 'unknown'} owns {home.root}; use it (`hybrid-coordinator "
                "status`) or stop it (`hybrid-coordinator stop`)"
            ) from error
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(handle)
            raise StorageError(f"{home.lock_file} cannot be written: {error.strerror}") from error
        return cls(home, handle)

    def listen(self) -> socket.socket:
        """The home's socket, bound and listening, for this user alone.

        Raises:
            StorageError: the socket cannot be made.
        """
        path = self.home.socket_path
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.home.socket_directory_is_ours():
                raise StorageError(
                    f"{path.parent} belongs to, or can be written by, somebody else; remove it, or "
                    "set HYBRID_HOME to a shorter path"
                )
            path.parent.chmod(0o700)
            path.unlink(missing_ok=True)
            # The directory admits nobody else, so there is no moment at which others could connect.
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise StorageError(f"the socket {path} cannot be made: {error.strerror}") from error
        return listener

    def release(self) -> None:
        """Remove the socket and give the lock up."""
        self.home.socket_path.unlink(missing_ok=True)
        os.close(self.handle)
