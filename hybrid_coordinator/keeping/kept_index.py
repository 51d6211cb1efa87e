"""The index out of a backup: put where it belongs if it fits and is sound; else it is made anew."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import zipfile
import zlib
from pathlib import Path

from hybrid_coordinator.errors import SettingsError, StorageError
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.settings import load_settings
from hybrid_coordinator.storage.vectors.edge import RESERVE_BYTES, EdgeIndex
from hybrid_coordinator.storage.vectors.edge_copy import engine_version
from hybrid_coordinator.storage.vectors.generation import renamed


async def put_index(source: archive.Reader, settings_file: Path, directory: Path) -> str | None:
    """Make ``directory`` of the index in the backup, for the settings in this file. Returns None,
    or why it has to be made anew from the record; nothing is there then.

    Raises:
        StorageError: the disk is full, or cannot be written.
    """
    why = _misfit(source.manifest.index, settings_file)
    if why is not None or source.manifest.index is None:
        return why
    try:
        await asyncio.to_thread(source.index_into, directory)
        _check_space(directory)
    except (zipfile.BadZipFile, zlib.error) as error:
        why = f"that of the backup is damaged ({error})"
    except OSError as error:
        raise StorageError(f"{directory} cannot be written: {error.strerror}") from error
    else:
        why = await _unsound(directory, source.manifest.index)
    if why is not None:
        await asyncio.to_thread(shutil.rmtree, directory)
    return why


def renumber(directory: Path, generation: int) -> None:
    """Give the collections in ``directory`` the names of another generation."""
    for collection in list(directory.iterdir()):
        collection.rename(collection.with_name(renamed(collection.name, generation)))


def _misfit(index: archive.KeptIndex | None, settings_file: Path) -> str | None:
    if index is None:
        return "the backup has none"
    try:
        settings = load_settings(settings_file)
    except SettingsError as error:
        return f"which model it shall have is not known ({error})"
    if settings.storage.qdrant_url is not None:
        return "this home has its index in a Qdrant server"
    if index.engine != engine_version():
        return f"that of the backup is of {index.engine}, and this program has {engine_version()}"
    wanted = settings.embedding.model_dump(include=set(index.embedding))
    if wanted != dict(index.embedding):
        return f"that of the backup is by {index.embedding}, and the settings name {wanted}"
    return None


def _check_space(directory: Path) -> None:
    """The engine writes through memory maps: on a full disk that would end the process."""
    if shutil.disk_usage(directory).free < RESERVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def _unsound(directory: Path, index: archive.KeptIndex) -> str | None:
    """What is wrong with the files, as the engine opens them; None if all is there."""
    opened = await EdgeIndex.open(directory)
    try:
        for name, reason in opened.damaged.items():
            return f"that of the backup cannot be opened ({name}: {reason})"
        points = {name: await opened.count(name, {}) for name in await opened.collections()}
    except StorageError as error:
        return f"that of the backup cannot be read ({error})"
    finally:
        await opened.close()
    if points != dict(index.points):
        return f"that of the backup has {points} points, and not the {dict(index.points)} it had"
    return None
