"""What a node of a syntax tree defines: the kind of thing and its name, in any language.

One table serves all grammars (see ``node_types``); what is said in other ways (an assignment of a
function, a macro call of Elixir, a list of a Lisp) has its own rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_coordinator.knowledge.code.node_types import (
    ASSIGNMENTS,
    DATA_GRAMMARS,
    DATA_KINDS,
    GROUPED,
    KINDS,
    NAMES,
    PARTS_OF_DATA,
    SAID_NAMES,
    VALUES,
    WRAPPERS,
)

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Defined:
    """What a node defines. ``node`` is the definition without decorators around it."""

    name: str
    kind: str
    node: Node


_LOOKED_AT = 8
"""Children that are looked at for a name or a wrapped definition: both stand in front."""

_MAX_NAME = 100


def defined_by(
    node: Node, source: bytes, grammar: str, *, variables: bool, depth: int = 3
) -> Defined | None:
    """What ``node`` defines, seen through decorators, ``export`` and the like (``depth`` of them);
    None for what is no definition, and for assigned values unless ``variables`` are asked for."""
    node_type = node.type
    if grammar in DATA_GRAMMARS:
        kind = DATA_KINDS.get(node_type)
        return _named(node, kind, source, grammar) if kind else None
    special = _SPECIAL.get(grammar)
    if special is not None and (found := special(node, source)):
        return found
    if grammar in _WRAPPED_FIRST and node_type.endswith("_definition"):
        for child in _front(node):
            if child.type in KINDS and (
                found := defined_by(child, source, grammar, variables=variables, depth=depth)
            ):
                return found
    kind = KINDS.get(node_type)
    if kind and (found := _named(node, kind, source, grammar)):
        return found
    if node_type in ASSIGNMENTS and (found := _assigned(node, source, variables)):
        return found
    if node_type in WRAPPERS and depth and not _is_group(node):
        for child in _front(node):
            found = defined_by(child, source, grammar, variables=variables, depth=depth - 1)
            if found:
                return found
    return None


_WRAPPED_FIRST = frozenset({"graphql", "ocaml"})
"""Grammars whose definitions are within others that are named like those of other grammars."""


def _is_group(node: Node) -> bool:
    return sum(child.type in GROUPED for child in _front(node)) > 1


def _named(node: Node, kind: str, source: bytes, grammar: str) -> Defined | None:
    if node.type.endswith("_specifier") and not all(map(node.child_by_field_name, _SPECIFIED)):
        return None  # a type of C that is but spoken of, or has no name of its own
    if node.type in _OFTEN_NAMELESS and node.child_by_field_name("name") is None:
        return None
    name = _name(node, source)
    if name in ("", "function") or (node.type == "rule" and name.isupper()):  # .PHONY of make
        return None
    if node.type == "property_declaration":
        name = name.removeprefix("$")
    if receiver := _receiver(node, source, grammar):
        name = f"{receiver}.{name}"
    if kind == "function" and "." in name:
        kind = "method"
    if node.type == "class_declaration" and grammar in ("kotlin", "swift"):
        kind = _KEYWORDS.get(_keyword(node), kind)
    return Defined(name, kind, node)


_OFTEN_NAMELESS = frozenset(
    {"enum_declaration", "record_declaration", "struct_declaration", "union_declaration"}
)
_SPECIFIED = ("name", "body")
_KEYWORDS = {"interface": "interface", "enum": "enum"}


def _keyword(node: Node) -> str:
    """The first word of a declaration that is no modifier."""
    for index in range(min(node.child_count, _LOOKED_AT)):
        child = node.child(index)
        if child is not None and not child.is_named:
            return child.type
    return ""


def _receiver(node: Node, source: bytes, grammar: str) -> str:
    """The type that a function is a method of, where that is said in its signature."""
    if receiver := node.child_by_field_name("receiver"):  # Go
        types = re.findall(r"[\w.]+", re.sub(r"\[.*", "", _text(receiver, source)))
        return types[-1] if types else ""
    if grammar == "kotlin" and node.type == "function_declaration":
        for child in _front(node):
            if child.type == "identifier":
                return ""
            if child.type == "user_type":
                return _clean(_text(child, source))
    return ""


def _name(node: Node, source: bytes) -> str:
    if said := SAID_NAMES.get(node.type):
        return said
    if pattern := _NAME_PATTERNS.get(node.type):
        written = pattern.search(_text(node, source))
        return written[1].replace(" ", "") if written else ""
    if node.type == "impl_item":
        found = node.child_by_field_name("type")
    else:
        found = (
            node.child_by_field_name("name")
            or node.child_by_field_name("function")
            or _declared(node)
            or _first_name(node, depth=0 if node.type in VALUES else 2)
        )
    return _clean(_text(found, source)) if found is not None else ""


_NAME_PATTERNS = {
    node_type: re.compile(pattern)
    for pattern, node_types in {
        r"\b(operator\s*[^\s(]+)": "operator_declaration conversion_operator_declaration",
        r"\(\s*([\w.-]+)": "function_def macro_def",
        r"(\w+)\s*\(": (
            "constructor_signature factory_constructor_signature constant_constructor_signature"
        ),
    }.items()
    for node_type in node_types.split()
}
"""How a name is found in what is written, where the tree does not tell."""


def _declared(node: Node) -> Node | None:
    """The name inside the declarators of C and its heirs."""
    found = node.child_by_field_name("declarator") or node.child_by_field_name("key")
    while found is not None and (inner := _inner_declarator(found)):
        found = inner
    return found


def _inner_declarator(node: Node) -> Node | None:
    if inner := node.child_by_field_name("declarator"):
        return inner
    if node.type in ("parenthesized_declarator", "reference_declarator"):
        return node.named_child(0) if node.named_child_count else None
    return None


def _first_name(node: Node, depth: int) -> Node | None:
    front = list(_front(node))
    for child in front:
        if child.type in NAMES:
            return child
    for child in front if depth else ():
        if found := child.child_by_field_name("name") or _first_name(child, depth - 1):
            return found
    return None


_PREFIXES = re.compile(r"^(?:module\.)?exports\.|^this\.|\.prototype(?=\.)")


def _assigned(node: Node, source: bytes, variables: bool) -> Defined | None:
    """What is given a name by assigning it: a function or class, or else a variable."""
    parts = list(_front(node))
    if len(parts) < 2 or any(part.type == "variable_declarator" for part in parts):
        return None
    kind = _kind_of_value(parts[1:], source)
    if kind is None and not variables:
        return None
    named = node.child_by_field_name("left") or node.child_by_field_name("name") or parts[0]
    written = _text(_declared(named) or named, source)
    name = _clean(written) if "(" not in written or named.type == "call_expression" else ""
    if not name.isidentifier():
        name = _PREFIXES.sub("", name)
        name = name.removeprefix("$") if named.type == "variable_name" else name
        if not re.fullmatch(r"[\w$.@?!-]+", name):
            return None
    if kind is None:
        return _variable(node, parts, name)
    return Defined(name, "method" if kind == "function" and "." in name else kind, node)


def _kind_of_value(values: list[Node], source: bytes) -> str | None:
    for value in values:
        held = value if value.type in VALUES else next(_front(value), value)
        if held.type not in VALUES:
            held = _wrapped_function(value, source) or held
        if kind := VALUES.get(held.type):
            return kind
    return None


def _wrapped_function(value: Node, source: bytes) -> Node | None:
    """The function of ``memo(() => ...)``: one that is handed to another which is called by its
    bare name, or as a member of what has a capital (``React.memo``)."""
    called = value.child_by_field_name("function") if value.type == "call_expression" else None
    arguments = value.child_by_field_name("arguments") if called is not None else None
    if called is None or arguments is None:
        return None
    if not re.fullmatch(r"\w+|[A-Z]\w*\.\w+", _text(called, source)):
        return None
    first = next(_front(arguments), None)
    return first if first is not None and VALUES.get(first.type) == "function" else None


def _variable(node: Node, parts: list[Node], name: str) -> Defined | None:
    if node.type in PARTS_OF_DATA or name == "module.exports":
        return None
    if node.child_by_field_name("type") and not _is_given_a_value(node):
        return None
    if node.type == "assignment" and parts[0].type == "call_expression":  # f(x) = ... of Julia
        return Defined(name, "method" if "." in name else "function", node)
    if node.type == "let_binding" and parts[1].type == "parameter":
        return Defined(name, "function", node)
    if node.type == "binary_operator":
        operator = node.child(1)
        if operator is None or operator.type not in ("<-", "=", "<<-"):
            return None
    return Defined(name, "variable", node)


def _is_given_a_value(node: Node) -> bool:
    return any(node.child_by_field_name(field) for field in ("right", "value"))


def _c(node: Node, source: bytes) -> Defined | None:
    """Prototypes, variables, and constants of the preprocessor."""
    if node.type == "preproc_def":  # without a value it guards a header against being read twice
        named = node.child_by_field_name("name")
        valued = named is not None and node.child_by_field_name("value") is not None
        return Defined(_text(named, source), "macro", node) if named and valued else None
    if node.type == "property_declaration":  # Objective-C
        property_ = _PROPERTY.search(_text(node, source))
        return Defined(property_[1], "variable", node) if property_ else None
    if node.type not in ("declaration", "field_declaration"):
        return None
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type in _C_POINTERS:
        declarator = _inner_declarator(declarator)
    if declarator is None or declarator.type != "function_declarator":
        return None
    inner = declarator.child_by_field_name("declarator")
    if inner is None or inner.type == "parenthesized_declarator":  # a pointer to functions
        return None
    name = _clean(_text(inner, source))
    return Defined(name, "function", node) if name else None


_PROPERTY = re.compile(r"(\w+)\s*(?:[A-Z]+_\w.*)?;")
_C_POINTERS = frozenset({"pointer_declarator", "reference_declarator"})


def _elixir(node: Node, source: bytes) -> Defined | None:
    target = node.child_by_field_name("target")
    if node.type == "unary_operator":
        operand = node.child_by_field_name("operand")
        return _elixir_attribute(operand, node, source) if operand is not None else None
    if node.type != "call" or target is None:
        return None
    word = _text(target, source)
    if word in ("defstruct", "defexception", "defoverridable"):
        return None
    if not (word.startswith("def") or word in ("test", "describe")):
        return None
    first = _first_argument(node)
    name = _elixir_name(first, source) if first is not None else ""
    kind = _ELIXIR_KINDS.get(word, "function")
    return Defined(name, kind, node) if name else None


_ELIXIR_KINDS = {
    "defguard": "macro",
    "defguardp": "macro",
    "defimpl": "class",
    "defmacro": "macro",
    "defmacrop": "macro",
    "defmodule": "module",
    "defprotocol": "interface",
}
_ELIXIR_ATTRIBUTES = {
    "type": "type",
    "typep": "type",
    "opaque": "type",
    "callback": "function",
    "macrocallback": "macro",
}


def _elixir_attribute(operand: Node, node: Node, source: bytes) -> Defined | None:
    target = operand.child_by_field_name("target")
    kind = _ELIXIR_ATTRIBUTES.get(_text(target, source)) if target is not None else None
    first = _first_argument(operand) if kind else None
    name = _elixir_name(first, source) if first is not None else ""
    return Defined(name, kind, node) if kind and name else None


def _elixir_name(first: Node, source: bytes) -> str:
    if first.type == "binary_operator":
        operator = first.child_by_field_name("operator")
        left = first.child_by_field_name("left")
        if operator is not None and left is not None:
            if operator.type not in ("when", "::", "\\\\"):
                return operator.type
            return _elixir_name(left, source)
    return _clean(_text(first, source))


def _first_argument(call: Node) -> Node | None:
    arguments = next((child for child in _front(call) if child.type == "arguments"), None)
    return next(_front(arguments), None) if arguments is not None else None


def _lisp(node: Node, source: bytes) -> Defined | None:
    if node.type not in ("list_lit", "list"):
        return None
    parts = list(_front(node))
    if len(parts) < 2:
        return None
    word = _text(parts[0], source)
    if not word.startswith("def") and word != "ns":
        return None
    named = parts[1] if parts[1].type in NAMES else next(_front(parts[1]), parts[1])
    named = named.child_by_field_name("name") or named
    name = _clean(_text(named, source))
    return Defined(name, _LISP_KINDS.get(word, "function"), node) if name else None


_LISP_KINDS = {
    "def": "variable",
    "defonce": "variable",
    "defmacro": "macro",
    "define-syntax": "macro",
    "defprotocol": "interface",
    "definterface": "interface",
    "defrecord": "class",
    "deftype": "class",
    "ns": "module",
}


def _haskell(node: Node, source: bytes) -> Defined | None:
    if node.type not in ("signature", "bind", "function"):
        return None
    named = node.child_by_field_name("name")
    if named is None and node.named_child_count:
        infix = node.named_child(0)
        named = infix.child_by_field_name("operator") if infix.type == "infix" else None
    name = _text(named, source).strip("()` ") if named is not None else ""
    return Defined(name[:_MAX_NAME], "function", node) if name else None


def _hcl(node: Node, source: bytes) -> Defined | None:
    if node.type != "block":
        return None
    labels = [_text(each, source) for each in _front(node) if each.type in NAMES]
    return Defined(".".join(map(_clean, labels)), "block", node) if labels else None


def _css(node: Node, source: bytes) -> Defined | None:
    if node.type != "rule_set" or not node.named_child_count:
        return None
    first = _text(node.named_child(0), source).partition(",")[0]
    return Defined(" ".join(first.split())[:_MAX_NAME], "block", node)


_SPECIAL = {
    "c": _c,
    "cpp": _c,
    "clojure": _lisp,
    "css": _css,
    "elixir": _elixir,
    "haskell": _haskell,
    "hcl": _hcl,
    "objc": _c,
    "racket": _lisp,
    "scheme": _lisp,
    "scss": _css,
}


def _front(node: Node) -> Iterator[Node]:
    for index in range(min(node.named_child_count, _LOOKED_AT)):
        child = node.named_child(index)
        if child is not None:
            yield child


def _text(node: Node, source: bytes) -> str:
    end = min(node.end_byte, node.start_byte + 4 * _MAX_NAME)
    return source[node.start_byte : end].decode("utf-8", "replace")


_TYPE_ARGUMENTS = re.compile(r"(?<=\w)<[^<>()]*>")


def _clean(name: str) -> str:
    """A name as it is said: dots between its parts, no quotes, parameters or line breaks."""
    name = name.strip()
    if name.isidentifier():
        return name[:_MAX_NAME]
    if quoted := re.fullmatch(r"`([^`\n]+)`", name):
        return quoted[1][:_MAX_NAME]
    if operator := re.search(r"\boperator\s*(\W+?)$", name):
        name, tail = name[: operator.start()], f"operator{operator[1]}"
    else:
        tail = ""
    name = _TYPE_ARGUMENTS.sub("", name).strip("\"'`:[]&")
    bare = re.split(r"[\s(<\[{]", name, maxsplit=1)[0] or name.strip("()")
    bare = re.sub(r"::|:|->|\\", ".", bare).strip(".\"'`")
    return ".".join(filter(None, (bare, tail))).strip(" ,")[:_MAX_NAME]
