"""Telling the name of a file in running text from a word with a dot or a slash in it."""

from __future__ import annotations

_SUFFIXES = frozenset(
    (
        *("bash", "bat", "c", "cc", "cfg", "clj", "cmake", "conf", "cpp", "cs", "css", "csv"),
        *("cxx", "dart", "env", "erl", "ex", "exs", "fs", "go", "gradle", "graphql", "groovy"),
        *("h", "hpp", "hs", "htm", "html", "ini", "ipynb", "java", "jl", "js", "json", "jsonl"),
        *("jsx", "kt", "kts", "less", "lock", "lua", "m", "md", "mk", "ml", "mm", "nim", "nix"),
        *("pas", "php", "pl", "proto", "ps1", "pxd", "py", "pyi", "pyx", "r", "rb", "rs", "rst"),
        *("sass", "scala", "scss", "sh", "sql", "svelte", "svg", "swift", "tf", "toml", "ts"),
        *("tsx", "txt", "vb", "vue", "xml", "yaml", "yml", "zig", "zsh"),
    )
)
"""Suffixes of files that are worked on. Without them ``self.name`` would be a file."""

_MAX_LENGTH = 300
"""Characters beyond which a token is data, not a path."""


def file_name(token: str) -> str | None:
    """The folded last part of a path or file name, None if the token is neither.

    ``src/app.py:12`` gives ``app.py``, ``/etc/hosts`` gives ``hosts``; ``and/or`` and
    ``self.name`` are neither.
    """
    if len(token) > _MAX_LENGTH or "://" in token:
        return None
    path = token.replace("\\", "/").rstrip("/")
    folder, slash, name = path.rpartition("/")
    name = name.partition(":")[0]
    stem, dot, suffix = name.rpartition(".")
    if dot and (stem or slash) and suffix.lower() in _SUFFIXES:
        return name.casefold()
    if slash and name and (folder.startswith((".", "~", "/")) or "/" in path[: -len(name) - 1]):
        return name.casefold()
    return None
