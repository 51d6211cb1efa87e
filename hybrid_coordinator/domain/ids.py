"""Identifiers: the same content gives the same id in every process, on every machine."""

from __future__ import annotations

import unicodedata
import uuid

# Fixed for all time: another namespace would orphan every stored id.
_NAMESPACE = uuid.UUID("6f9a7f0e-6f0b-5b43-9a0f-7a5f6b1d2c3e")


def content_id(*parts: str) -> str:
    """A UUIDv5 (RFC 9562, section 5.5) over the parts.

    The parts are joined by NUL, which no stored text may hold, so ("a", "bc") and
    ("ab", "c") differ.
    """
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def chunk_id(project: str, root: str, path: str, start_line: int, text: str) -> str:
    """The id of a code chunk: it changes when the chunk's text or place does."""
    return content_id("chunk", project, root, path, str(start_line), text)


def knowledge_id(collection: str, project: str, title: str) -> str:
    """The id of a knowledge entry: titles are compared folded and with single spaces."""
    folded = " ".join(unicodedata.normalize("NFKC", title).casefold().split())
    return content_id("knowledge", collection, project, folded)
