"""What the node types of the grammars mean. Grammars name alike what is alike, so one table serves
them all."""

from __future__ import annotations

from collections.abc import Mapping


def _by_type(kinds: Mapping[str, str]) -> dict[str, str]:
    return {node_type: kind for kind, types in kinds.items() for node_type in types.split()}


KINDS = _by_type(
    {
        "function": (
            "function_definition function_declaration function_item function_def function method "
            "function_statement generator_function_declaration local_function_statement subroutine "
            "local_function_declaration function_signature function_signature_item function_clause "
            "fun_decl create_function create_procedure create_trigger modifier_definition "
            "subroutine_declaration_statement function_definition_without_sub test_declaration "
            "spec value_specification external getter_signature setter_signature"
        ),
        "method": (
            "method_definition method_declaration constructor_declaration constructor_definition "
            "singleton_method destructor_declaration init_declaration deinit_declaration "
            "secondary_constructor compact_constructor_declaration operator_declaration "
            "conversion_operator_declaration subscript_declaration indexer_declaration "
            "class_method_definition method_signature abstract_method_signature method_elem "
            "protocol_function_declaration rpc constructor_signature factory_constructor_signature "
            "constant_constructor_signature operator_signature"
        ),
        "class": (
            "class_definition class_declaration class_specifier class class_statement "
            "class_binding abstract_class_declaration struct_item struct_specifier "
            "struct_declaration struct_definition record_declaration record_decl "
            "object_declaration object_definition given_definition companion_object "
            "impl_item instance class_interface class_implementation contract_declaration "
            "library_declaration union_specifier union_item mixin_declaration message service "
            "extension_declaration extension_definition derived_type_definition package_object"
        ),
        "interface": (
            "interface_declaration interface_definition trait_item trait_declaration "
            "trait_definition protocol_declaration annotation_type_declaration "
            "module_type_definition interface_type_definition"
        ),
        "enum": (
            "enum_declaration enum_definition enum_specifier enum_item enum_statement enum "
            "enum_type_definition"
        ),
        "type": (
            "type_alias_declaration type_alias type_spec type_item type_definition type_binding "
            "data_type newtype type_alias_statement delegate_declaration typealias_declaration "
            "alias_declaration concept_definition object_type_definition create_type "
            "input_object_type_definition union_type_definition scalar_type_definition "
            "object_type_extension type_synomym type_family abstract_definition "
            "exception_definition event_definition error_declaration"
        ),
        "module": (
            "namespace_definition namespace_declaration internal_module module mod_item "
            "module_definition module_binding module_declaration submodule module_attribute "
            "file_scoped_namespace_declaration package_statement"
        ),
        "macro": (
            "macro_definition macro_def preproc_function_def macro_declaration "
            "pp_define mixin_statement define_directive directive_definition"
        ),
        "table": "create_table create_view create_materialized_view",
        "variable": (
            "const_item static_item const_spec const_element val_definition "
            "property_declaration enum_constant enum_entry enumerator enum_member_declaration "
            "state_variable_declaration enum_variant enum_case simple_enum_case enum_assignment "
            "static_final_declaration"
        ),
        "block": (
            "operation_definition fragment_definition template_element rule keyframes_statement "
            "from_instruction"
        ),
    }
)
DATA_KINDS = _by_type({"block": "pair table table_array_element section"})
DATA_GRAMMARS = frozenset({"json", "jsonc", "json5", "toml", "ini"})

TYPE_KINDS = frozenset({"class", "interface", "enum", "type"})
"""What is defined in these belongs to them: a function is a method."""

HEADS = frozenset(
    {
        "file_scoped_namespace_declaration",
        "from_instruction",
        "module_attribute",
        "namespace_definition",
        "package_statement",
    }
)
"""Where these have no body, what follows them in the file is in them."""

TRANSPARENT = frozenset(
    {
        "body",
        "const_declaration",
        "declaration_list",
        "document",
        "enum_specifier",
        "enumerator_list",
        "foreign_mod_item",
        "lexical_declaration",
        "linkage_specification",
        "preproc_else",
        "preproc_if",
        "preproc_ifdef",
        "script_element",
        "singleton_class",
        "source_code",
        "statement_list",
        "type_declaration",
        "type_definition",
        "value_definition",
        "var_declaration",
        "var_spec_list",
        "variable_declaration",
    }
)
"""Nodes that hold what a file holds and mean nothing themselves: where they define several things
or nothing, what is in them stands where they do."""

LEADING = frozenset(
    {
        "annotation",
        "attribute_item",
        "attribute_list",
        "decorator",
        "inner_attribute_item",
        "marker_annotation",
        "pragma",
    }
)
"""Nodes that belong to the definition after them, as comments do."""

WRAPPERS = frozenset(
    {
        "ambient_declaration",
        "const_declaration",
        "const_statement",
        "decorated_definition",
        "declaration",
        "declaration_command",
        "definition",
        "executable_definition",
        "export_statement",
        "expression_statement",
        "field_declaration",
        "lexical_declaration",
        "local_declaration",
        "statement",
        "static_final_declaration_list",
        "template_declaration",
        "type_declaration",
        "type_extension",
        "type_system_definition",
        "type_system_extension",
        "var_declaration",
        "var_spec_list",
        "variable_declaration",
        # these define by themselves in some grammars
        "type_definition",
        "module_definition",
        "value_definition",
    }
)
GROUPED = frozenset(
    {
        "const_element",
        "const_spec",
        "let_binding",
        "static_final_declaration",
        "type_alias",
        "type_binding",
        "type_spec",
        "var_spec",
        "variable_declarator",
    }
)
"""What may stand several times in one wrapper, which then defines none of them."""

ASSIGNMENTS = frozenset(
    {
        "assignment",
        "assignment_expression",
        "assignment_statement",
        "binary_operator",
        "field",
        "field_definition",
        "init_declarator",
        "let_binding",
        "pair",
        "public_field_definition",
        "var_spec",
        "variable_assignment",
        "variable_declaration",
        "variable_declarator",
    }
)
PARTS_OF_DATA = frozenset({"field", "pair"})
"""Assignments that define something only where they are given a function."""

VALUES = _by_type(
    {
        "function": (
            "arrow_function function_expression generator_function function_definition "
            "func_literal anonymous_function fun_expression"
        ),
        "class": "class struct_declaration union_declaration opaque_declaration",
        "enum": "enum_declaration",
        "type": "error_set_declaration",
    }
)
"""Values that make the definition of what they are given to."""

NAMES = frozenset(
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
        "keyframes_name",
        "module_name",
        "module_type_name",
        "name",
        "object_reference",
        "package_name",
        "property_identifier",
        "quoted_key",
        "section_name",
        "simple_identifier",
        "signature",
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
        "variable_name",
        "word",
    }
)
SAID_NAMES = {
    "companion_object": "Companion",
    "deinit_declaration": "deinit",
    "indexer_declaration": "this",
    "init_declaration": "init",
    "secondary_constructor": "constructor",
    "subscript_declaration": "subscript",
}
"""Names of what has none but the word that it is written with."""
