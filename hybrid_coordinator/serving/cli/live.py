"""An answer while it is being written: at a terminal at once, in a pipe when it is final."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import Any, TextIO

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""

_DIM, _PLAIN, _CLEAR_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"


class LiveAnswer:
    """Shows pieces on ``out`` if that is a terminal, thinking and a status line on ``notes``.

    Whether an answer is good enough is known once it is there. If it is not, another model begins
    anew: on a terminal that is marked, and in a pipe there is nothing but the final answer.
    """

    def __init__(self, out: TextIO, notes: TextIO) -> None:
        self._out, self._notes = out, notes
        self.shows_text = out.isatty()
        self.shows_status = notes.isatty()
        self._status_stands = False
        self._thinks = False
        self._written = ""  # of the current attempt

    def progress(self, seconds: float, _: float | None, words: str) -> None:
        """What is being waited for."""
        # While text or thinking comes, that tells it better.
        if self.shows_status and not self._written and not self._thinks:
            width = shutil.get_terminal_size().columns
            line = printable(f"{seconds:.0f} s, {words}")[: width - 1]
            self._notes.write(f"{_CLEAR_LINE}{_dim(line)}")
            self._notes.flush()
            self._status_stands = True

    def piece(self, told: Json) -> None:
        """A piece, as `hybrid/piece` brings it."""
        if not self.shows_text:
            return
        if told["because"]:
            self._restart(f"{told['because']}: asking {told['model']}")
        if told["thinking"] and self.shows_status:
            self._clear_status()
            self._notes.write(_dim(printable(told["thinking"])))
            self._notes.flush()
            self._thinks = True
        if told["text"]:
            self._write(told["text"])

    def finish(self, response: str) -> None:
        """Have the final answer stand on ``out`` whole."""
        shown = self._written.strip()
        if not self.shows_text:
            self.clear()
            print(response, file=self._out)
        elif shown and response.strip().startswith(shown):
            self._write(response.strip()[len(shown) :])
            self._end_line()
        else:  # the answer is an earlier one, or made of several
            if shown:
                self._restart("the answer")
            self._write(response)
            self._end_line()

    def clear(self) -> None:
        """Take the status line away, and leave no line half written."""
        self._clear_status()
        if self._thinks:
            self._notes.write("\n")
            self._notes.flush()
            self._thinks = False

    def break_off(self) -> None:
        """End the line: no more will come."""
        self.clear()
        self._end_line()

    def _restart(self, words: str) -> None:
        self.clear()
        self._end_line()
        self._out.write(f"— {printable(words)} —\n")
        self._out.flush()
        self._written = ""

    def _write(self, text: str) -> None:
        self.clear()
        text = text if self._written else text.lstrip("\n")
        self._out.write(printable(text))
        self._out.flush()
        self._written += text

    def _end_line(self) -> None:
        if self._written and not self._written.endswith("\n"):
            self._out.write("\n")
            self._out.flush()
            self._written += "\n"

    def _clear_status(self) -> None:
        if self._status_stands:
            self._notes.write(_CLEAR_LINE)
            self._notes.flush()
            self._status_stands = False


def printable(text: str) -> str:
    """``text`` without what would command a terminal: control characters but tab and newline."""
    if text.isprintable():
        return text
    return "".join(each for each in text if each in "\n\t" or unicodedata.category(each) != "Cc")


def _dim(text: str) -> str:
    """``text`` to be read as an aside, where colour is wanted (no-color.org)."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else f"{_DIM}{text}{_PLAIN}"


def at_terminal() -> LiveAnswer:
    """On this process's own streams."""
    return LiveAnswer(sys.stdout, sys.stderr)
