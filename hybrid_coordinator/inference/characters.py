"""Text as servers send it, made of whole characters: what is none can be neither shown nor kept."""

from __future__ import annotations

from hybrid_coordinator.inference.chat import Piece


class WholeCharacters:
    """Joins the halves of a surrogate pair that arrive in two pieces, as some servers cut an
    emoji. Other halves, and NUL, become U+FFFD; half a pair at the very end is left out."""

    def __init__(self) -> None:
        self._text_half = ""
        self._thinking_half = ""

    def feed(self, piece: Piece) -> Piece:
        """What is whole now."""
        text, self._text_half = _whole(self._text_half + piece.text)
        thinking, self._thinking_half = _whole(self._thinking_half + piece.thinking)
        return Piece(text, thinking)


def _whole(text: str) -> tuple[str, str]:
    """The text, and the half of a pair that it ends with."""
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    text = text.removesuffix(half)
    try:
        text.encode()
    except UnicodeEncodeError:
        # UTF-16 has both halves of a pair side by side, whoever put them there.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "\ufffd"), half
