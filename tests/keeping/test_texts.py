"""Settings and rules in a backup: without secrets, and for the home that they come to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.texts import Text, portable_texts, settled, with_database
from hybrid_coordinator.settings import load_settings

KEY = "Zq9xW4vT7mKp2Lr8"
URL = "postgresql://me:hunter2hunter2@db.example/hybrid"
WRITTEN = f"""\
# How we like it.
storage:
  database_url: {URL}
  qdrant_url: http://qdrant.example:6333
remote:
  anthropic_api_key: {KEY}
  models: [anthropic/claude-sonnet-5]  # the good one
routing: {{preset: weak}}
"""


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    return home


def test_settings_are_taken_as_written_but_for_secrets_and_engines(kept: Home) -> None:
    kept.settings_file.write_text(WRITTEN)
    text = portable_texts(kept)["hybrid.yaml"]
    assert text.left_out == (
        "remote.anthropic_api_key",
        "storage.database_url",
        "storage.qdrant_url",
    )
    expected = WRITTEN.replace(URL, "null").replace(KEY, "null")
    assert text.content == expected.replace("http://qdrant.example:6333", "null")


@pytest.mark.parametrize(
    "written",
    [
        WRITTEN + f"# the old one: {KEY}\n",
        f"remote:\n  anthropic_api_key: &key {KEY}\nembedding:\n  api_key: *key\n",
        WRITTEN + "# ghp_0123456789abcdefghijABCDEFGHIJ456789\n",
    ],
)
def test_a_secret_that_stands_elsewhere_too_does_not_come_along(kept: Home, written: str) -> None:
    kept.settings_file.write_text(written)
    text = portable_texts(kept)["hybrid.yaml"]
    assert KEY not in text.content
    assert "ghp_" not in text.content
    assert "remote.anthropic_api_key" in text.left_out
    there = yaml.safe_load(text.content)
    assert there["remote"]["anthropic_api_key"] is None


def test_a_password_in_an_address_does_not_come_along(kept: Home) -> None:
    kept.settings_file.write_text(
        "remote:\n  anthropic_base_url: https://me:hunter2hunter2@proxy.example\n"
    )
    text = portable_texts(kept)["hybrid.yaml"].content
    assert "hunter2" not in text
    assert "proxy.example" in text


def test_rules_come_along_without_configured_secrets(kept: Home) -> None:
    kept.settings_file.write_text(WRITTEN)
    kept.rules_file.write_text(f"rules: []  # {KEY} password=left-alone-it-is-a-rule\n")
    rules = portable_texts(kept)["rules.yaml"].content
    assert rules == "rules: []  # <SECRET> password=left-alone-it-is-a-rule\n"


def test_a_home_without_settings_has_none_to_take(kept: Home) -> None:
    assert portable_texts(kept) == {}


def test_settings_that_are_off_are_named(kept: Home) -> None:
    kept.settings_file.write_text("routing: {presett: weak}\n")
    with pytest.raises(SettingsError, match="routing.presett"):
        portable_texts(kept)


def test_a_home_keeps_its_own_secrets_and_engines(kept: Home) -> None:
    kept.settings_file.write_text(WRITTEN)
    text = portable_texts(kept)["hybrid.yaml"]
    mine = (
        "remote: {anthropic_api_key: mine-mine-mine}\nstorage: {database_url: postgresql://h/d}\n"
    )
    kept.settings_file.write_text(mine)
    kept.settings_file.write_text(settled(text, kept))
    made = load_settings(kept.settings_file, {})
    assert made.remote.anthropic_api_key is not None
    assert made.remote.anthropic_api_key.get_secret_value() == "mine-mine-mine"
    assert made.storage.database_url is not None
    assert made.storage.database_url.get_secret_value() == "postgresql://h/d"
    assert made.storage.qdrant_url is None
    assert made.routing.preset == "weak"


def test_a_fresh_home_gets_the_embedded_engines(kept: Home) -> None:
    kept.settings_file.write_text(WRITTEN)
    text = portable_texts(kept)["hybrid.yaml"]
    kept.settings_file.unlink()
    kept.settings_file.write_text(settled(text, kept))
    made = load_settings(kept.settings_file, {})
    assert made.storage.database_url is None
    assert made.remote.models == ("anthropic/claude-sonnet-5",)


def test_settings_that_say_nothing_of_engines_stay_so(kept: Home) -> None:
    assert settled(Text("routing: {preset: weak}\n"), kept) == "routing: {preset: weak}\n"


def test_the_place_of_the_record_is_set_and_taken_back() -> None:
    there = with_database("# mine\n", URL)
    assert there == f'# mine\nstorage:\n  database_url: "{URL}"\n'
    assert with_database(there, None) == "# mine\nstorage:\n  database_url: null\n"
    assert with_database("# mine\n", None) == "# mine\n"
