"""Parsing with tree-sitter's grammars: where they are unpacked, and how long they may take."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

PARSE_SECONDS = 2.0
"""A file of a megabyte takes 0.1 s; what takes this long is not the language it is named for."""

_READ_BYTES = 16_384


class ParseError(Exception):
    """A text has no syntax tree; the message is the reason, in the words of a report."""


def unpack_grammars_into(directory: Path) -> None:
    """Have grammars unpacked into ``directory`` when they are first used.

    The package that carries them reads this from the environment, so it holds for the process.
    """
    os.environ["SEMBLE_GRAMMARS_CACHE_DIR"] = os.fspath(directory)


def parse(source: bytes, grammar: str, *, seconds: float = PARSE_SECONDS) -> Node:
    """The root of the syntax tree of ``source`` (UTF-8). Text with errors in it has a tree too.

    Other threads run while it parses.

    Raises:
        ParseError: the grammar cannot be loaded here, or parsing takes more than ``seconds``.
    """
    # Unpacking and loading the libraries is for when there is something to parse.
    import semble_grammars
    import tree_sitter

    try:
        language = semble_grammars.get_language(grammar)
    except (
        semble_grammars.GrammarLoadError,
        semble_grammars.LanguageNotFoundError,
        semble_grammars.UnsupportedPlatformError,
    ) as error:
        raise ParseError(f"the grammar of {grammar} cannot be loaded ({error})") from error

    deadline = time.monotonic() + seconds

    def read(offset: int, _: object) -> bytes:
        # The parser gives way to other threads only where it calls back.
        return source[offset : offset + _READ_BYTES]

    def is_late(_offset: int, _has_error: bool) -> bool:
        return time.monotonic() > deadline

    try:
        return tree_sitter.Parser(language).parse(read, progress_callback=is_late).root_node
    except ValueError as error:  # how the binding says that the callback ended it
        raise ParseError(f"parsing took more than {seconds:g} s") from error
