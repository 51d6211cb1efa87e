"""Values change in YAML text, and nothing else in it does."""

from __future__ import annotations

import pytest
import yaml

from hybrid_coordinator.keeping.yaml_text import with_values

WRITTEN = """\
# Mine.
storage:
  database_url: postgresql://me:pass@host/db  # the team's
  timeout_seconds: 5
remote: {openai_api_key: "sk-1", models: [openai/x]}
routing:
  # cache_hours: 3
"""


@pytest.mark.parametrize(
    ("place", "value", "before", "after"),
    [
        (("storage", "database_url"), None, "postgresql://me:pass@host/db", "null"),
        (("storage", "database_url"), "postgresql://x/y", "postgresql://me:pass@host/db", None),
        (("remote", "openai_api_key"), None, '"sk-1"', "null"),
        (
            ("storage", "qdrant_url"),
            "http://q",
            "storage:\n",
            'storage:\n  qdrant_url: "http://q"\n',
        ),
        (("remote", "x"), "y", "remote: {", 'remote: {x: "y", '),
        (("routing", "preset"), "weak", "routing:", 'routing: {preset: "weak"}'),
    ],
)
def test_only_the_value_changes(
    place: tuple[str, str], value: str | None, before: str, after: str | None
) -> None:
    expected = WRITTEN.replace(before, f'"{value}"' if after is None else after, 1)
    assert with_values(WRITTEN, {place: value}) == expected


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "serving:\n  x: 1", "a: {}\n", "---\na:\n"]
)
@pytest.mark.parametrize("value", ["plain", 'with "quotes" and\nlines', "é 🙂", "null", "1", None])
def test_a_missing_key_is_added(text: str, value: str | None) -> None:
    made = with_values(text, {("storage", "database_url"): value})
    assert made.startswith(text.rstrip("\n"))
    assert yaml.safe_load(made) == {
        **(yaml.safe_load(text) or {}),
        "storage": {"database_url": value},
    }


def test_text_over_several_lines_goes_whole() -> None:
    text = "remote:\n  openai_api_key: |\n    sk-1\n    sk-2\n  models: []\n"
    made = with_values(text, {("remote", "openai_api_key"): None})
    assert "sk-" not in made
    assert yaml.safe_load(made) == {"remote": {"openai_api_key": None, "models": []}}


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- a\n- b\n",
        "a: &x s\nremote:\n  openai_api_key: *x\n",
        "{a: 1}\n",
        "remote: text\n",
        "remote: {openai_api_key: 1, openai_api_key: 2}\n",
    ],
)
def test_what_cannot_be_changed_alone_is_said(text: str) -> None:
    try:
        made = with_values(text, {("remote", "openai_api_key"): None})
    except ValueError:
        return
    assert yaml.safe_load(made)["remote"]["openai_api_key"] is None
