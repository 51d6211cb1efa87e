"""What a node of a syntax tree defines: the kind of thing and its name, in any language.

Grammars name alike what is alike (``function_definition``, ``class_declaration``), so one table
serves them all; what is said in other ways (an assignment of a function, a macro call of Elixir,
a list of a Lisp) has its own rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Defined:
    """What a node defines. ``node`` is the definition without decorators around it."""

    name: str
    kind: str
    node: Node


def _by_type(kinds: Mapping[str, str]) -> dict[str, str]:
    return {node_type: kind for kind, types in kinds.items() for node_type in types.split()}


_KINDS = _by_type(
    {
        "function": (
            "function_definition function_declaration function_item function_def function method "
            "function_statement generator_function_declaration local_function_statement subroutine "
            "local_function_declaration function_signature function_signature_item function_clause "
            "fun_decl create_function create_procedure create_trigger modifier_definition "
            "subroutine_declaration_statement function_definition_without_sub test_declaration"
        ),
        "method": (
            "method_definition method_declaration constructor_declaration constructor_definition "
            "singleton_method destructor_declaration init_declaration deinit_declaration "
            "secondary_constructor compact_constructor_declaration operator_declaration "
            "conversion_operator_declaration subscript_declaration indexer_declaration "
            "class_method_definition method_signature abstract_method_signature method_elem "
            "protocol_function_declaration rpc"
        ),
        "class": (
            "class_definition class_declaration class_specifier class class_statement "
            "class_binding abstract_class_declaration struct_item struct_specifier "
            "struct_declaration struct_definition record_declaration record_decl "
            "object_declaration object_definition "
            "impl_item instance class_interface class_implementation contract_declaration "
            "library_declaration union_specifier union_item mixin_declaration message service "
            "extension_declaration extension_definition derived_type_definition package_object"
        ),
        "interface": (
            "interface_declaration interface_definition trait_item trait_declaration "
            "trait_definition protocol_declaration annotation_type_declaration "
            "module_type_definition"
        ),
        "enum": "enum_declaration enum_definition enum_specifier enum_item enum_statement enum",
        "type": (
            "type_alias_declaration type_alias type_spec type_item type_definition type_binding "
            "data_type newtype type_alias_statement delegate_declaration typealias_declaration "
            "alias_declaration concept_definition object_type_definition create_type "
            "input_object_type_definition interface_type_definition enum_type_definition "
            "union_type_definition scalar_type_definition"
        ),
        "module": (
            "namespace_definition namespace_declaration internal_module module mod_item "
            "module_definition module_binding module_declaration submodule"
        ),
        "macro": "macro_definition macro_def preproc_function_def macro_declaration",
        "table": "create_table create_view create_materialized_view",
        "block": "operation_definition fragment_definition template_element script_element rule",
    }
)
_DATA_KINDS = _by_type({"block": "pair table table_array_element section"})
_DATA_GRAMMARS = frozenset({"json", "jsonc", "json5", "toml", "ini"})

_WRAPPERS = frozenset(
    {
        "ambient_declaration",
        "const_declaration",
        "decorated_definition",
        "definition",
        "executable_definition",
        "export_statement",
        "expression_statement",
        "lexical_declaration",
        "linkage_specification",
        "statement",
        "template_declaration",
        "type_declaration",
        "type_system_definition",
        "variable_declaration",
        # these two define by themselves in some grammars
        "type_definition",
        "module_definition",
        "value_definition",
    }
)
_ASSIGNMENTS = frozenset(
    {
        "assignment",
        "assignment_expression",
        "assignment_statement",
        "binary_operator",
        "field_definition",
        "pair",
        "public_field_definition",
        "variable_declaration",
        "variable_declarator",
    }
)
_VALUES = _by_type(
    {
        "function": (
            "arrow_function function_expression generator_function function_definition func_literal"
        ),
        "class": "class struct_declaration union_declaration",
        "enum": "enum_declaration",
    }
)
_NAMES = frozenset(
    {
        "alias",
        "atom",
        "bare_key",
        "class_name",
        "constant",
        "constructor",
        "dotted_key",
        "field_identifier",
        "function_name",
        "identifier",
        "module_name",
        "name",
        "object_reference",
        "property_identifier",
        "quoted_key",
        "section_name",
        "simple_identifier",
        "simple_name",
        "string",
        "string_lit",
        "sym_lit",
        "symbol",
        "targets",
        "type_constructor",
        "type_identifier",
        "unquoted_argument",
        "value_name",
        "variable",
        "word",
    }
)
_LOOKED_AT = 8
"""Children that are looked at for a name or a wrapped definition: both stand in front."""

_MAX_NAME = 100


def defined_by(node: Node, source: bytes, grammar: str) -> Defined | None:
    """What ``node`` defines, seen through decorators, ``export`` and the like; None for what
    is no definition."""
    return _defined_by(node, source, grammar, depth=3)


def _defined_by(node: Node, source: bytes, grammar: str, depth: int) -> Defined | None:
    if grammar in _DATA_GRAMMARS:
        kind = _DATA_KINDS.get(node.type)
        return _named(node, node, kind, source) if kind else None
    special = _SPECIAL.get(grammar)
    if special is not None and (found := special(node, source)):
        return found
    kind = _KINDS.get(node.type)
    if kind and (found := _named(node, node, kind, source)):
        return found
    if node.type in _ASSIGNMENTS and (found := _assigned(node, source)):
        return found
    if node.type in _WRAPPERS and depth:
        for child in _front(node):
            if found := _defined_by(child, source, grammar, depth - 1):
                return found
    return None


def _named(node: Node, holder: Node, kind: str, source: bytes) -> Defined | None:
    name = _name(holder, source)
    if not name:
        return None
    if receiver := node.child_by_field_name("receiver"):  # a method of Go
        types = re.findall(r"[\w.]+", _text(receiver, source))
        name = f"{types[-1]}.{name}" if types else name
    if kind == "function" and "." in name:
        kind = "method"
    return Defined(name, kind, node)


def _name(node: Node, source: bytes) -> str:
    if node.type == "impl_item":
        found = node.child_by_field_name("type")
    else:
        found = node.child_by_field_name("name") or node.child_by_field_name("function")
        found = found or _declared(node) or _first_name(node, depth=2)
    return _clean(_text(found, source)) if found is not None else ""


def _declared(node: Node) -> Node | None:
    """The name inside the declarators of C and its heirs."""
    found = node.child_by_field_name("declarator") or node.child_by_field_name("key")
    while found is not None and (inner := found.child_by_field_name("declarator")):
        found = inner
    return found


def _first_name(node: Node, depth: int) -> Node | None:
    for child in _front(node):
        if child.type in _NAMES:
            return child
        if depth and (found := child.child_by_field_name("name") or _first_name(child, depth - 1)):
            return found
    return None


def _assigned(node: Node, source: bytes) -> Defined | None:
    """A function or class that is given a name by assigning it."""
    parts = list(_front(node))
    for value in parts[1:]:
        held = value if value.type in _VALUES else next(_front(value), value)
        if kind := _VALUES.get(held.type):
            name = _clean(_text(parts[0], source)).removeprefix("module.exports.")
            return Defined(name, kind, node) if name else None
    return None


def _elixir(node: Node, source: bytes) -> Defined | None:
    target = node.child_by_field_name("target")
    if node.type != "call" or target is None:
        return None
    word = _text(target, source)
    arguments = next((child for child in _front(node) if child.type == "arguments"), None)
    if arguments is None or not (word.startswith("def") or word in ("test", "describe")):
        return None
    first = next(_front(arguments), None)
    if first is None:
        return None
    name = _clean(_text(first, source))
    return Defined(name, "module" if word == "defmodule" else "function", node) if name else None


def _lisp(node: Node, source: bytes) -> Defined | None:
    if node.type not in ("list_lit", "list"):
        return None
    parts = list(_front(node))
    if len(parts) < 2 or not _text(parts[0], source).startswith("def"):
        return None
    named = parts[1] if parts[1].type in _NAMES else next(_front(parts[1]), parts[1])
    name = _clean(_text(named, source))
    return Defined(name, "function", node) if name else None


def _hcl(node: Node, source: bytes) -> Defined | None:
    if node.type != "block":
        return None
    labels = [_text(each, source) for each in _front(node) if each.type in _NAMES]
    return Defined(".".join(map(_clean, labels)), "block", node) if labels else None


_SPECIAL = {"elixir": _elixir, "hcl": _hcl, "clojure": _lisp, "scheme": _lisp, "racket": _lisp}


def _front(node: Node) -> Iterator[Node]:
    for index in range(min(node.named_child_count, _LOOKED_AT)):
        yield node.named_child(index)


def _text(node: Node, source: bytes) -> str:
    end = min(node.end_byte, node.start_byte + 4 * _MAX_NAME)
    return source[node.start_byte : end].decode("utf-8", "replace")


def _clean(name: str) -> str:
    """A name as it is said: dots between its parts, no quotes, parameters or line breaks."""
    bare = re.split(r"[\s(<\[{]", name.strip().strip("\"'`:"), maxsplit=1)[0]
    return re.sub(r"::|:|->|\\", ".", bare).strip(".\"'`")[:_MAX_NAME]
