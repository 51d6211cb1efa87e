"""Which language a file is written in, told by its name or its first line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Language:
    """A language. ``grammar`` is its name in ``semble_grammars``, None where there is none."""

    name: str
    grammar: str | None = None


TEXT = Language("text")
"""Any text whose language is not known."""

# The grammars of yaml and typst end the process on hostile text (deep nesting overflows a buffer
# of their scanners), and prose is cut at its headings: none of them is used.
# language: grammar, then suffixes (with a dot) and whole file names (without one, or quoted
# by their dot as in ".bashrc"). Both are compared in lower case.
_TABLE: Mapping[str, tuple[str | None, str]] = {
    "ada": (None, ".adb .ads"),
    "asciidoc": (None, ".adoc .asciidoc"),
    "assembly": (None, ".s .asm"),
    "astro": ("astro", ".astro"),
    "awk": (None, ".awk"),
    "bash": ("bash", ".sh .bash .zsh .ksh .bashrc .zshrc .profile .bash_profile pkgbuild"),
    "batch": ("batch", ".bat .cmd"),
    "c": ("c", ".c"),
    "clojure": ("clojure", ".clj .cljs .cljc .edn"),
    "cmake": ("cmake", ".cmake cmakelists.txt"),
    "coffeescript": (None, ".coffee"),
    "cpp": ("cpp", ".cc .cpp .cxx .c++ .hpp .hh .hxx .h++ .ipp .inl .cu .cuh"),
    "crystal": (None, ".cr"),
    "csharp": ("csharp", ".cs .csx"),
    "css": ("css", ".css"),
    "cython": (None, ".pyx .pxd .pxi"),
    "dart": ("dart", ".dart"),
    "dockerfile": ("dockerfile", ".dockerfile dockerfile containerfile"),
    "elixir": ("elixir", ".ex .exs"),
    "elm": (None, ".elm"),
    "erb": ("embedded_template", ".erb .ejs"),
    "erlang": ("erlang", ".erl .hrl"),
    "fish": (None, ".fish"),
    "fortran": ("fortran", ".f .for .f90 .f95 .f03 .f08"),
    "fsharp": (None, ".fs .fsi .fsx"),
    "gotmpl": ("gotmpl", ".gotmpl .tmpl"),
    "go": ("go", ".go"),
    "gomod": (None, "go.mod go.work"),
    "graphql": ("graphql", ".graphql .gql"),
    "groovy": ("groovy", ".groovy .gradle jenkinsfile"),
    "haskell": ("haskell", ".hs .lhs"),
    "hcl": ("hcl", ".hcl .tf"),
    "heex": ("heex", ".heex"),
    "html": ("html", ".html .htm .xhtml"),
    "ini": ("ini", ".ini .cfg .conf .editorconfig .gitconfig .gitmodules"),
    "java": ("java", ".java"),
    "javascript": ("javascript", ".js .mjs .cjs .jsx"),
    "jinja2": ("jinja2", ".j2 .jinja .jinja2"),
    "json": ("json", ".json .webmanifest"),
    "json5": ("json5", ".json5"),
    "jsonc": ("jsonc", ".jsonc tsconfig.json jsconfig.json"),
    "jsonnet": ("jsonnet", ".jsonnet .libsonnet"),
    "julia": ("julia", ".jl"),
    "just": ("just", ".just justfile"),
    "kdl": ("kdl", ".kdl"),
    "kotlin": ("kotlin", ".kt .kts"),
    "latex": (None, ".tex .sty .cls"),
    "less": (None, ".less"),
    "lua": ("lua", ".lua"),
    "make": ("make", ".mk makefile gnumakefile"),
    "markdown": (None, ".md .markdown .mdx .mdc"),
    "meson": (None, "meson.build meson_options.txt"),
    "nim": (None, ".nim .nims"),
    "nix": ("nix", ".nix"),
    "objc": ("objc", ".m .mm"),
    "ocaml": ("ocaml", ".ml .mli"),
    "org": (None, ".org"),
    "pascal": (None, ".pas .pp .dpr"),
    "perl": ("perl", ".pl .pm .t"),
    "php": ("php", ".php .phtml"),
    "powershell": ("powershell", ".ps1 .psm1 .psd1"),
    "prisma": (None, ".prisma"),
    "properties": ("properties", ".properties"),
    "proto": ("proto", ".proto"),
    "python": ("python", ".py .pyi .pyw .py3 sconstruct sconscript"),
    "r": ("r", ".r"),
    "racket": ("racket", ".rkt"),
    "rst": (None, ".rst"),
    "ruby": ("ruby", ".rb .rake .gemspec .ru rakefile gemfile podfile vagrantfile fastfile"),
    "rust": ("rust", ".rs"),
    "sass": (None, ".sass"),
    "scala": ("scala", ".scala .sc .sbt"),
    "scheme": ("scheme", ".scm .ss .sld"),
    "scss": ("scss", ".scss"),
    "solidity": ("solidity", ".sol"),
    "sql": ("sql", ".sql .ddl"),
    "starlark": ("starlark", ".bzl .star build.bazel workspace.bazel module.bazel"),
    "svelte": ("svelte", ".svelte"),
    "swift": ("swift", ".swift"),
    "systemverilog": (None, ".sv .svh .v"),
    "tcl": (None, ".tcl"),
    "text": (None, ".txt .text"),
    "thrift": (None, ".thrift"),
    "toml": ("toml", ".toml pipfile"),
    "tsx": ("tsx", ".tsx"),
    "typescript": ("typescript", ".ts .mts .cts"),
    "typst": (None, ".typ"),
    "vim": ("vim", ".vim .vimrc"),
    "visualbasic": (None, ".vb .vbs"),
    "vhdl": (None, ".vhd .vhdl"),
    "vue": ("vue", ".vue"),
    "wat": ("wat", ".wat"),
    "xml": ("xml", ".xml .xsd .xsl .xslt .wsdl .plist .csproj .fsproj .vbproj .props .targets"),
    "yaml": (None, ".yaml .yml .clang-format"),
    "zig": ("zig", ".zig .zon"),
}
_BY_NAME: Mapping[str, Language] = {
    key: Language(name, grammar) for name, (grammar, keys) in _TABLE.items() for key in keys.split()
} | {
    # Headers of C are headers of C++ too, and the grammar of C++ reads both.
    ".h": Language("c", "cpp"),
}
_BY_INTERPRETER: Mapping[str, Language] = {
    interpreter: _BY_NAME[suffix]
    for suffix, interpreters in {
        ".sh": "sh bash zsh dash ksh ash",
        ".fish": "fish",
        ".awk": "awk gawk",
        ".py": "python python2 python3 pypy pypy3 uv",
        ".js": "node nodejs bun",
        ".ts": "deno ts-node tsx",
        ".rb": "ruby",
        ".pl": "perl",
        ".php": "php",
        ".lua": "lua luajit",
        ".tcl": "tclsh wish",
        ".r": "rscript",
        ".jl": "julia",
        ".exs": "elixir",
        ".mk": "make",
        ".ps1": "pwsh",
    }.items()
    for interpreter in interpreters.split()
}


def known_languages() -> tuple[Language, ...]:
    """Every language of the table, sorted by name."""
    return tuple(
        sorted({*_BY_NAME.values(), TEXT}, key=lambda each: (each.name, each.grammar or ""))
    )


def detect_language(path: str, first_line: str = "") -> Language:
    """The language of ``path`` (posix, as it is shown): by its whole name, then by its suffixes
    from the last, then by a ``#!`` in its first line, else ``TEXT``."""
    name = PurePosixPath(path).name.lower()
    if found := _BY_NAME.get(name):
        return found
    for suffix in reversed(PurePosixPath(name).suffixes):
        if found := _BY_NAME.get(suffix):
            return found
    if found := _BY_NAME.get(name.partition(".")[0]):  # Dockerfile.dev, Makefile.am
        return found
    return _by_interpreter(first_line)


def reader_of(language: Language, text: str) -> Language:
    """The language to read a text as: a header of C may be one of Objective-C."""
    if language == _C_HEADER and _OBJECTIVE_C.search(text):
        return _BY_NAME[".m"]
    return language


_C_HEADER = _BY_NAME[".h"]
_OBJECTIVE_C = re.compile(r"^(?:@interface|@protocol|@class|#import)\b", re.MULTILINE)


def _by_interpreter(first_line: str) -> Language:
    if not first_line.startswith("#!"):
        return TEXT
    words = first_line[2:].replace("/", " ").split()
    for word in words:
        bare = word.lower().rstrip("0123456789.")
        if found := _BY_INTERPRETER.get(word.lower()) or _BY_INTERPRETER.get(bare):
            return found
    return TEXT
