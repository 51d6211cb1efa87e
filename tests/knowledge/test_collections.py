"""Collection definitions and seeds: the contract's fields, what is refused, and damaged files."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.knowledge.collections import (
    CollectionDefinition,
    FieldType,
    load_collections,
    load_seeds,
)
from hybrid_coordinator.resources import collections_folder
from hybrid_coordinator.storage.vectors.protocol import IndexKind

# The contract, word for word; `project` is in every collection.
FIELDS = {
    "codebase-context": "file_path, code_snippet, language, framework, purpose, start_line, "
    "end_line, symbol, content_hash, access_count, success_rate, last_accessed, project",
    "skills-patterns": "skill_name, description, usage_pattern, success_examples, "
    "failure_examples, prerequisites, related_skills, value_score, last_updated, project",
    "error-solutions": "error_message, error_type, context, solution, solution_verified, "
    "success_count, failure_count, confidence_score, first_seen, last_used, project",
    "interaction-history": "query, response, agent_type, model_used, context_provided, outcome, "
    "user_feedback, tokens_used, latency_ms, timestamp, value_score, project",
    "best-practices": "category, title, description, examples, anti_patterns, references, "
    "endorsement_count, last_validated, project",
}
ADDED = {
    "codebase-context": {"kind", "parent", "signature", "context", "defines"},
    "skills-patterns": {"problem_type", "solution_approach", "pitfalls"},
    "error-solutions": {"error_signature"},
    "interaction-history": {"user"},
}
SEEDED = (
    CollectionName.BEST_PRACTICES,
    CollectionName.ERROR_SOLUTIONS,
    CollectionName.SKILLS_PATTERNS,
)


@pytest.fixture(scope="module")
def definitions() -> dict[CollectionName, CollectionDefinition]:
    return load_collections()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(collections_folder(), tmp_path / "collections"))


def entry(
    fields: dict[str, Any],
    *,
    collection: CollectionName = CollectionName.ERROR_SOLUTIONS,
    title: str = "boom",
    content: str = "do not",
) -> NewKnowledge:
    return NewKnowledge(collection, "a-project", title, content, fields)


# Definitions


def test_the_fields_are_those_of_the_contract(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    found = {
        name.value: ", ".join(
            [*(f for f in definition.fields if f not in ADDED.get(name, set())), "project"]
        )
        for name, definition in definitions.items()
    }
    assert found == FIELDS
    assert all(fields <= set(definitions[CollectionName(n)].fields) for n, fields in ADDED.items())


def test_every_collection_is_indexed_by_project(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    assert {d.indexes["project"] for d in definitions.values()} == {IndexKind.KEYWORD}
    assert definitions[CollectionName.CODEBASE_CONTEXT].indexes == {
        "project": IndexKind.KEYWORD,
        "file_path": IndexKind.KEYWORD,
        "language": IndexKind.KEYWORD,
        "defines": IndexKind.KEYWORD,
    }


def test_only_the_history_is_closed_to_store_knowledge(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    closed = [name for name, definition in definitions.items() if not definition.writable]
    assert closed == [CollectionName.INTERACTION_HISTORY]


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / f"{name}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda c: c.pop("purpose"), "purpose: Field required"),
        (lambda c: c.update(purpose=""), "purpose: "),
        (lambda c: c.update(weight=1), "weight: Extra inputs"),
        (lambda c: c.update(title_field="titel"), "title_field: titel is not one of the fields"),
        (
            lambda c: c.update(text_field="solution_verified"),
            "text_field: solution_verified is a boolean",
        ),
        (lambda c: c.update(embed_fields=[]), "embed_fields: "),
        (lambda c: c["embed_fields"].append("x"), "embed_fields: x is not one of the fields"),
        (lambda c: c["ranking"].update(quota=0), r"ranking\.quota: "),
        (lambda c: c["fields"]["context"].update(type="text"), r"fields\.context\.type: "),
        (
            lambda c: c["fields"]["context"].update(index="integer"),
            r"fields\.context: a string field cannot have a integer index",
        ),
    ],
)
def test_a_wrong_definition_is_named_by_file_and_key(
    folder: Path, change: Callable[[dict[str, Any]], object], key: str
) -> None:
    edit(folder, "error-solutions", change)
    with pytest.raises(StorageError, match=rf"error-solutions\.yaml: {key}"):
        load_collections(folder)


@pytest.mark.parametrize("content", ["fields: [", "- a list", "", "\xff"])
def test_a_file_that_is_no_mapping_is_named(folder: Path, content: str) -> None:
    (folder / "best-practices.yaml").write_text(content, encoding="latin-1")
    with pytest.raises(StorageError, match=r"best-practices\.yaml"):
        load_collections(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "best-practices.yaml").unlink()
    with pytest.raises(StorageError, match=r"best-practices\.yaml cannot be read"):
        load_collections(folder)


# Fields of an entry


def test_fields_come_back_in_their_types(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    accepted = definitions[CollectionName.ERROR_SOLUTIONS].validate_fields(
        {
            "error_type": "ValueError",
            "solution_verified": True,
            "success_count": 3,
            "confidence_score": 1,
            "first_seen": "2026-01-31T12:00:00Z",
            "last_used": "2026-02-01",
            "context": None,
        }
    )
    assert accepted == {
        "error_type": "ValueError",
        "solution_verified": True,
        "success_count": 3,
        "confidence_score": 1,
        "first_seen": "2026-01-31T12:00:00+00:00",
        "last_used": "2026-02-01T00:00:00+00:00",
    }


def test_one_string_is_a_list_of_one(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    practices = definitions[CollectionName.BEST_PRACTICES]
    assert practices.validate_fields({"examples": "x = 1", "references": ["PEP 8"]}) == {
        "examples": ["x = 1"],
        "references": ["PEP 8"],
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("error_typ", "x", "has no such field; it has error_message, error_type, context"),
        ("error_type", 3, "must be a string, not 3"),
        ("error_type", "a\0b", "NUL"),
        ("error_type", "\ud800", "surrogate"),
        ("solution_verified", "yes", "must be true or false, not 'yes'"),
        ("success_count", 1.5, "must be an integer, not 1.5"),
        ("success_count", True, "must be an integer, not True"),
        ("success_count", 2**63, "64 bits"),
        ("confidence_score", float("nan"), "must be a finite number, not nan"),
        ("confidence_score", "high", "must be a finite number, not 'high'"),
        ("first_seen", "yesterday", "ISO 8601"),
        ("first_seen", 1760000000, "must be a string"),
    ],
)
def test_a_wrong_field_is_named(
    definitions: dict[CollectionName, CollectionDefinition], name: str, value: Any, problem: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=problem) as raised:
        definitions[CollectionName.ERROR_SOLUTIONS].validate_fields({name: value})
    assert raised.value.field == f"fields.{name}"


def test_a_wrong_item_of_a_list_is_named(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    practices = definitions[CollectionName.BEST_PRACTICES]
    with pytest.raises(InvalidArgumentError, match=r"fields\.examples\.1: must be a string"):
        practices.validate_fields({"examples": ["x", {"code": "y"}]})
    with pytest.raises(InvalidArgumentError, match=r"fields\.examples: must be a list"):
        practices.validate_fields({"examples": {"code": "y"}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


@given(st.data())
@settings(deadline=None)
def test_what_is_accepted_is_strict_json_and_accepted_again(data: st.DataObject) -> None:
    definition = DEFINITIONS[data.draw(st.sampled_from(list(DEFINITIONS)))]
    names = st.sampled_from([*definition.fields, "unknown"])
    fields = data.draw(st.dictionaries(names, JSON, max_size=4))
    with contextlib.suppress(InvalidArgumentError):
        accepted = definition.validate_fields(fields)
        assert accepted.keys() <= fields.keys()
        json.dumps(accepted, allow_nan=False).encode()
        assert definition.validate_fields(accepted) == accepted


DEFINITIONS = load_collections()


# Entries


def test_an_entry_is_accepted_with_its_fields_checked(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    errors = definitions[CollectionName.ERROR_SOLUTIONS]
    accepted = errors.accept(entry({"error_type": "E", "context": None, "project": "a-project"}))
    assert accepted == entry({"error_type": "E"})


def test_a_field_that_repeats_title_or_content_is_left_out_and_another_one_is_kept(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    errors = definitions[CollectionName.ERROR_SOLUTIONS]
    new = entry({})
    same = {"error_message": new.title, "solution": new.content}
    assert errors.accept(entry(same)) == new
    other = {"error_message": "E42: no route", "solution": "Restart the router."}
    assert errors.accept(entry(other)) == entry(other)


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (entry({}, title=" "), "title"),
        (entry({}, content=""), "content"),
        (entry({}, title="a\0"), "title"),
        (entry({}, content="\udfff"), "content"),
        (entry({"project": "another"}), "fields.project"),
        (entry({"nonsense": 1}), "fields.nonsense"),
    ],
)
def test_a_wrong_entry_is_refused(
    definitions: dict[CollectionName, CollectionDefinition], new: NewKnowledge, field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        definitions[new.collection].accept(new)
    assert raised.value.field == field


def test_the_history_says_who_writes_it(
    definitions: dict[CollectionName, CollectionDefinition],
) -> None:
    history = CollectionName.INTERACTION_HISTORY
    with pytest.raises(InvalidArgumentError, match="written by track_interaction"):
        definitions[history].accept(entry({}, collection=history))


# Seeds


@pytest.mark.parametrize("collection", SEEDED)
def test_seeds_are_complete_concise_and_global(collection: CollectionName) -> None:
    seeds = load_seeds(collection)
    assert len({seed.title.casefold() for seed in seeds}) == len(seeds) >= 6
    for seed in seeds:
        assert (seed.collection, seed.project) == (collection, GLOBAL_PROJECT)
        assert 50 <= len(seed.content.split()) <= 150, seed.title


def test_practices_have_category_examples_and_what_to_avoid() -> None:
    seeds = load_seeds(CollectionName.BEST_PRACTICES)
    assert len(seeds) >= 25
    for seed in seeds:
        assert {"category", "examples", "anti_patterns"} <= seed.fields.keys(), seed.title


@pytest.mark.parametrize("collection", set(CollectionName) - set(SEEDED))
def test_a_collection_without_seeds_has_none(collection: CollectionName) -> None:
    assert load_seeds(collection) == []


@pytest.mark.parametrize(
    ("seed", "problem"),
    [
        ({"title": "t"}, "entry 2: content: is blank"),
        ({"description": "d"}, "entry 2: title: is blank"),
        ({"title": "t", "description": "d", "example": "e"}, r"entry 2: fields\.example: "),
        ({"title": 7, "description": "d"}, r"entry 2: fields\.title: must be a string"),
    ],
)
def test_a_wrong_seed_is_named_by_file_and_place(
    folder: Path, seed: dict[str, Any], problem: str
) -> None:
    file = folder / "seeds" / "best-practices.yaml"
    good = {"title": "t", "description": "d"}
    file.write_text(yaml.safe_dump([good, seed]), encoding="utf-8")
    with pytest.raises(StorageError, match=rf"best-practices\.yaml: {problem}"):
        load_seeds(CollectionName.BEST_PRACTICES, folder)


def test_every_type_is_in_use() -> None:
    used = {field.type for d in DEFINITIONS.values() for field in d.fields.values()}
    assert used == set(FieldType)


def test_the_data_folder_holds_data_only() -> None:
    # A package called `collections` would shadow the standard library's for server.py.
    assert {file.suffix for file in collections_folder().rglob("*") if file.is_file()} == {".yaml"}
