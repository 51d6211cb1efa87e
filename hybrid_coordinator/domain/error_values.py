"""The words of an error message without the values of one run: paths, numbers, addresses, ids.

What is left names the error: the same one in another file, run or machine reads the same.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 300
"""Of a normalised message. What comes later in a line says less, and is the first to vary."""

_LONGEST = 1_000
"""Characters of a raw message that are looked at."""

_PLACEHOLDERS = "path|n|hex|uuid|time|url|host|version|value"

_SEGMENT = r"[\w.@+~%$-]+"
_PLACE = r"(?::\d+(?::\d+)?|\(\d+(?:,\s?\d+)?\)|:\[\d+,\d+\])?"
"""A line and a column behind a path, as compilers write them."""

_EXTENSIONS = (
    r"py|pyi|pyx|ipynb|js|mjs|cjs|jsx|ts|tsx|mts|cts|vue|svelte|rs|go|java|kt|kts|scala|groovy|"
    r"gradle|c|cc|cpp|cxx|h|hh|hpp|m|mm|cs|fs|vb|rb|php|pl|lua|swift|dart|ex|exs|erl|hs|ml|clj|"
    r"sh|bash|zsh|ps1|bat|cmd|sql|html|htm|css|scss|less|xml|json|jsonl|yaml|yml|toml|ini|cfg|"
    r"conf|env|lock|txt|md|rst|csv|tsv|log|zip|tar|gz|whl|jar|class|so|dll|dylib|o|a|exe|pem|key|"
    r"crt|db|sqlite|sqlite3|png|jpg|pdf|proto|tf|mod|sum"
)

_KINDS = {
    # As they came out of an earlier pass.
    "done": rf"<host>:\d{{1,5}}|<(?:{_PLACEHOLDERS})>",
    "uuid": r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])",
    "url": r"(?<!\w)[a-z][a-z0-9+.-]{1,15}://[^\s'\"`<>)\]]+",
    "time": (
        r"(?<![\w.])\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
        r"(?:Z|[+-]\d\d:?\d\d)?)?(?!\w)|(?<![\w.:])\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?!\w)"
    ),
    # A missing header names the library that is missing, and so does a module's import path.
    "header": r"(?<![\w./])[\w./+-]+\.(?:h|hh|hpp)(?=: No such file| file not found)",
    "module": r"(?<![\w./-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|in|sh)(?:/[\w.~-]+)+",
    "host": (
        r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|localhost|\[?::(?:1|ffff:[\d.]+)?\]?)"
        r"(?::(?P<port>\d{1,5}))?(?![\w.:])"
    ),
    "path": (
        rf"(?<![\w/\\.~-])(?:"
        rf"[A-Za-z]:[\\/](?:[^\s'\"`<>()|:;,*?]+)?"
        rf"|(?:~|\.{{1,2}})?[/\\]{_SEGMENT}(?:[/\\]{_SEGMENT})*[/\\]?"
        rf"|{_SEGMENT}[/\\]{_SEGMENT}(?:[/\\]{_SEGMENT})+[/\\]?"
        rf"|{_SEGMENT}[/\\][\w@+~%$-]+(?:\.[\w-]+)*\.(?:{_EXTENSIONS})(?!\w)"
        rf"|[\w@+-]+(?:\.[\w-]+)*\.(?:{_EXTENSIONS})(?![\w(.])"
        rf"|tmp[a-z0-9_]{{6,12}}(?!\w)"
        rf"){_PLACE}"
    ),
    "hex": (
        r"(?<!\w)(?:0x[0-9a-fA-F]+|sha\d+[:-][0-9a-zA-Z+/=]{16,}"
        r"|(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,128})(?!\w)"
    ),
    "version": r"(?<![\w.])v?\d{1,6}(?:\.\d{1,6}){2,4}(?:[-+.]?[0-9A-Za-z]{1,20}){0,3}(?![\w.])",
    # A unit stays: it says what was counted.
    "n": (
        r"(?<![\w.])(?<![uU][tT][fF]-)[+-]?\d[\d_]*(?:[.,]\d+)*(?:[eE][+-]?\d+)?"
        r"(?=[A-Za-z%]{0,3}(?!\w)(?!\.\d))"
    ),
}
"""What the value of one run looks like, by kind; the first that matches counts."""

_VALUE = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))

_QUOTED = re.compile(
    r"(?<![\w'\"`])[bru]?(?:'(?P<single>[^'\n]*)'|\"(?P<double>[^\"\n]*)\""
    r"|`(?P<back>[^`'\n]*)[`']|\u2018(?P<curly>[^\u2019\n]*)\u2019|\u201c(?P<curls>[^\u201d\n]*)\u201d)(?!\w)"
)

_PORTS = frozenset(
    {
        *("22", "25", "53", "80", "389", "443", "1433", "1521"),
        *("2375", "2379", "3306", "4222", "5432", "5672", "6333", "6379"),
        *("8086", "8500", "9042", "9092", "9200", "11211", "11434", "27017"),
    }
)
"""Ports that name the service which did not answer; any other is a setting of one machine."""

_NAME = re.compile(r"(?=.{1,100}$)[@$#&*]*[A-Za-z_][\w.$@/:<>\[\]*&!?+#~-]*(?:\(\))?$")

_NAMED_BEFORE = re.compile(
    r"(?:\b(?:named|name|modules?|package|attribute|function|method|property|reading|import|from|"
    r"symbol|type|class|struct|enum|trait|macro|interface|namespace|command|program|executable|"
    r"tables?|relation|column|database|schema|extension|index|argument|parameter|field|keyword|"
    r"target|task|script|option|flag|library|crate|feature|fixture|plugin|reference to|identifier|"
    r"member|header|service|export|resolve|dependency|distribution|requirement|directive|"
    r"setting|object|term|key|invoke|calling|call to|constructor|operator|rule|preset|loader|"
    r"provider|token)s?:?"
    r"|\bno such)\s?\(?$",
    re.IGNORECASE,
)
_NAMED_AFTER = re.compile(
    r"\s?(?:is not defined|is undefined|has no|object\b|is not a\b|: undeclared|undeclared|"
    r"was not declared|is not recognized|does not exist|already exists|not found|"
    r"could not be found|cannot be found|is not (?:iterable|subscriptable|callable|exported)|"
    r"imported but unused|is not installed|has already been declared|: not found)"
)
"""What a quoted word is when it stands between such words: the name of what is missing or wrong,
and no value of one run."""

_TYPES = frozenset(
    {
        *("int", "str", "float", "list", "dict", "tuple", "set", "bool"),
        *("bytes", "bytearray", "None", "NoneType", "object", "type", "function", "method"),
        *("generator", "coroutine", "module", "complex", "range", "string", "number", "boolean"),
        *("undefined", "null", "never", "unknown", "any", "void", "symbol", "bigint"),
        *("Object", "Array", "Promise", "String", "Integer", "Double", "Boolean", "char"),
        *("double", "long", "short", "unsigned", "i8", "i16", "i32", "i64"),
        *("u8", "u16", "u32", "u64", "usize", "isize", "f32", "f64"),
        *("Option", "Result", "Vec", "HashMap", "text", "integer", "bigint", "numeric"),
        *("uuid", "jsonb", "json", "timestamp", "timestamptz", "varchar", "nil", "error"),
    }
)
"""Types that languages have built in; between quotes they say what met what."""

_SIGN = re.compile(r"[^\w\s]{1,3}")
"""An operator or a bracket, as parsers quote them."""

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_PLACEHOLDER = re.compile(rf"<(?:{_PLACEHOLDERS})>")


def normalise(message: str) -> str:
    """The message on one line, with typed placeholders in the place of values: ``<path>``,
    ``<n>``, ``<hex>``, ``<uuid>``, ``<time>``, ``<url>``, ``<host>``, ``<version>``, ``<value>``.

    A quoted word stays where the message presents it as the name of something (``No module named
    'yaml'``), or is a built-in type, or where nothing else would be left (``KeyError: 'user'``).
    Of at most ``MAX_CHARACTERS`` characters. Normalising twice changes nothing.
    """
    text = " ".join(message[:_LONGEST].split())
    while (once := _once(text)) != text:
        # A value that is gone can lay bare another. This ends: what is replaced or cut does not
        # come back.
        text = once
    return text


def says_something(normal: str) -> bool:
    """Whether a normalised message holds a word beside its placeholders."""
    return _LETTERS.search(_PLACEHOLDER.sub("", normal)) is not None


def _once(text: str) -> str:
    plain = _VALUE.sub(_placeholder, _QUOTED.sub(_quoted, text))
    if not says_something(plain):
        plain = _VALUE.sub(_placeholder, text)
    return _cut(" ".join(plain.split()))


def _cut(text: str) -> str:
    """At most ``MAX_CHARACTERS``, ending with a whole word where there are several."""
    if len(text) <= MAX_CHARACTERS:
        return text
    head = text[:MAX_CHARACTERS]
    return (head.rpartition(" ")[0] or head).rstrip()


def _placeholder(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind in ("done", "header", "module") or kind is None:
        return match.group()
    if kind == "host":
        port = match["port"]
        if port is None:
            return match.group() if match.group() == "localhost" else "<host>"
        return f"<host>:{port}" if port in _PORTS else "<host>:<n>"
    return f"<{kind}>"


def _quoted(match: re.Match[str]) -> str:
    """A quoted word as it is if it is a name, or else as the kind of value that it is."""
    content = next(part for part in match.groups() if part is not None).strip()
    if _PLACEHOLDER.fullmatch(content):
        return content
    whole = _VALUE.fullmatch(content)
    if whole is not None and whole.lastgroup not in ("header", "module"):
        return _placeholder(whole)
    if content in _TYPES or _SIGN.fullmatch(content):
        return f"'{content}'"
    if _looks_like_a_path(content):
        return "<path>"
    if _NAME.match(content) and (
        _NAMED_BEFORE.search(match.string[max(0, match.start() - 40) : match.start()])
        or _NAMED_AFTER.match(match.string[match.end() : match.end() + 40])
    ):
        return f"'{content}'"
    return "<value>"


def _looks_like_a_path(content: str) -> bool:
    """Also one with spaces in it, which only its quotes hold together."""
    return bool(re.match(r"(?:~|\.{1,2})?/\w|\.{1,2}[/\\]|[A-Za-z]:[\\/]|\\\\\w", content))
