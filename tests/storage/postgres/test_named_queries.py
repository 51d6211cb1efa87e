"""Named SQL and ids."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.storage.postgres.ids import new_id, parse_id, parse_ids
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True)
class Pair:
    one: str
    two: str


def write(directory: Path, text: str) -> None:
    (directory / "things.sql").write_text(text)


def test_blocks_become_fields(tmp_path: Path) -> None:
    write(tmp_path, "-- Things.\n\n-- name: two\nSELECT 2;\n\n-- name: one\n-- why\nSELECT\n  1;\n")
    assert load_queries("things", Pair, tmp_path) == Pair("-- why\nSELECT\n  1;", "SELECT 2;")


@pytest.mark.parametrize(
    "text",
    [
        "-- name: one\nSELECT 1;",
        "-- name: one\nSELECT 1;\n-- name: tow\nSELECT 2;",
        "-- name: one\nSELECT 1;\n-- name: two\nSELECT 2;\n-- name: three\nSELECT 3;",
        "-- name: one\nSELECT 1;\n-- name: two\nSELECT 2;\n-- name: two\nSELECT 3;",
    ],
    ids=["missing", "misspelt", "unused", "twice"],
)
def test_names_that_are_not_the_fields_are_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(StorageError, match="things.sql holds"):
        load_queries("things", Pair, tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing.sql"):
        load_queries("nothing", Pair, tmp_path)


def test_new_ids_carry_the_time_and_sort_by_it() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 1000
    for made in ids:
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert before <= made.int >> 80 <= after
    # Two made within the same 250 ns may come in either order.
    assert [made.int >> 64 for made in ids] == sorted(made.int >> 64 for made in ids)


@given(st.uuids())
def test_a_uuid_is_read_however_it_is_written(value: uuid.UUID) -> None:
    for text in (str(value), str(value).upper(), value.hex, f"{{{value}}}", value.urn):
        assert parse_id("id", text) == value


@given(st.text(max_size=50))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    try:
        parsed = parse_id("item_id", text)
    except InvalidArgumentError as error:
        assert error.field == "item_id"
    else:
        assert str(parsed).replace("-", "") in text.lower().replace("-", "")


@given(st.lists(st.uuids(), max_size=10))
def test_each_id_counts_once_in_the_order_given(values: list[uuid.UUID]) -> None:
    doubled = [str(value) for value in [*values, *values]]
    assert parse_ids("ids", doubled) == list(dict.fromkeys(values))
