"""Settings: file, environment, errors that name the key, and reloading."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.settings import Settings, SettingsStore, environment_names, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hybrid.yaml"


def test_nothing_has_to_be_configured(file: Path) -> None:
    assert load_settings(file, {}) == Settings()


def test_the_file_is_read_and_the_environment_wins(file: Path) -> None:
    file.write_text("learning:\n  high_value_threshold: 0.5\nstorage:\n  timeout_seconds: 3\n")
    settings = load_settings(file, {"HIGH_VALUE_THRESHOLD": "0.9"})
    assert settings.learning.high_value_threshold == 0.9
    assert settings.storage.timeout_seconds == 3


@pytest.mark.parametrize(
    ("name", "value", "section", "key", "expected"),
    [
        ("QDRANT_URL", "http://q:6333", "storage", "qdrant_url", "http://q:6333"),
        ("OLLAMA_BASE_URL", "http://o:1", "inference", "ollama", ("http://o:1",)),
        (
            "LLAMA_CPP_BASE_URL",
            "http://a:1, http://b:2",
            "inference",
            "llama_cpp",
            ("http://a:1", "http://b:2"),
        ),
        ("LMSTUDIO_BASE_URL", "http://l:1", "inference", "lmstudio", ("http://l:1",)),
        ("LOCAL_CONFIDENCE_THRESHOLD", "0.4", "inference", "confidence_threshold", 0.4),
        ("HYBRID_MODE_ENABLED", "false", "inference", "enabled", False),
        ("HYBRID_SERVING_IDLE_EXIT_SECONDS", "5", "serving", "idle_exit_seconds", 5.0),
    ],
)
def test_established_and_systematic_names_work(
    file: Path, name: str, value: str, section: str, key: str, expected: object
) -> None:
    assert getattr(getattr(load_settings(file, {name: value}), section), key) == expected


def test_secrets_are_not_shown(file: Path) -> None:
    settings = load_settings(file, {"DATABASE_URL": "postgresql://me:hunter2@host/db"})
    assert settings.storage.database_url is not None
    assert settings.storage.database_url.get_secret_value().endswith("@host/db")
    assert "hunter2" not in repr(settings)


def test_an_empty_variable_counts_as_not_set(file: Path) -> None:
    assert load_settings(file, {"DATABASE_URL": " ", "QDRANT_URL": ""}) == Settings()


def test_every_key_has_a_variable() -> None:
    places = set(environment_names().values())
    for section, info in Settings.model_fields.items():
        for key in type(info.default).model_fields:
            assert (section, key) in places


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning:\n  high_value_threshold: 7\n", r"learning\.high_value_threshold: .*less than"),
        ("learning:\n  nonsense: 1\n", r"learning\.nonsense: "),
        ("nonsense: {}\n", r"nonsense: "),
        ("routing: {cache_hours: 1.0e+8}\n", r"routing\.cache_hours: .*less than"),
        ("routing: {cache_megabytes: 1.0e+15}\n", r"routing\.cache_megabytes: .*less than"),
        ("routing: {queue_seconds: .inf}\n", r"routing\.queue_seconds: .*finite"),
        ("remote: {daily_budget_usd: .inf}\n", r"remote\.daily_budget_usd: .*finite"),
        ("remote: {prices: {openai/m: [1, .nan]}}\n", r"remote\.prices\.openai/m\.1: "),
        ("learning: 5\n", r"learning: "),
        ("- a\n- b\n", "must hold a mapping"),
        ("a: [1\n", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_by_key(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_settings(file, {})


def test_a_bad_variable_is_refused_by_its_name(file: Path) -> None:
    with pytest.raises(SettingsError, match="^HIGH_VALUE_THRESHOLD: "):
        load_settings(file, {"HIGH_VALUE_THRESHOLD": "high"})


def touch_later(file: Path, text: str) -> None:
    """Write, with a time stamp that no earlier writing can have had."""
    file.write_text(text)
    before = file.stat().st_mtime_ns
    os.utime(file, ns=(before + 10_000_000, before + 10_000_000))


def test_a_change_is_taken_up_and_a_bad_edit_keeps_the_old_settings(file: Path) -> None:
    store = SettingsStore(file)
    touch_later(file, "learning: {high_value_threshold: 0.5}\n")
    assert store.current().learning.high_value_threshold == 0.5
    touch_later(file, "learning: {high_value_threshold: broken}\n")
    assert store.current().learning.high_value_threshold == 0.5
    assert "high_value_threshold" in (store.notice() or "")
    touch_later(file, "learning: {high_value_threshold: 0.625}\n")
    assert store.current().learning.high_value_threshold == 0.625
    assert store.notice() is None
    touch_later(file, "storage: {timeout_seconds: 3}\n")
    assert "hybrid-coordinator stop" in (store.notice() or "")


def test_another_file_in_its_place_is_a_change_even_of_the_same_size_and_time(file: Path) -> None:
    """What rsync, tar and git leave: times are those of where the file came from."""

    def put(name: str, value: str) -> Path:
        made = file.with_name(name)
        made.write_text(f"learning: {{high_value_threshold: {value}}}\n")
        os.utime(made, ns=(0, 0))
        return made

    file.symlink_to(put("first.yaml", "0.5"))
    store = SettingsStore(file)
    assert store.current().learning.high_value_threshold == 0.5
    put("new.yaml", "0.6").rename(file.with_name("first.yaml"))  # as editors write
    assert store.current().learning.high_value_threshold == 0.6
    link = file.with_name("link")
    link.symlink_to(put("second.yaml", "0.7"))
    link.rename(file)  # as config maps are brought up to date
    assert store.current().learning.high_value_threshold == 0.7


@pytest.mark.parametrize("key", ["anthropic_api_key: [sk-hunter2]", "anthropic_key: sk-hunter2"])
def test_a_key_in_a_wrong_place_is_not_shown(file: Path, key: str) -> None:
    file.write_text(f"remote:\n  {key}\n")
    with pytest.raises(SettingsError, match=r"remote\.anthropic") as raised:
        load_settings(file, {})
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("  database_url: [hunter2", 3),
        ('  database_url: "hunter2', 3),
        ("  database_url: hunter2: x", 2),
        ("  database_url: !hunter2 x", 2),
        ("  database_url: !hunter2!x y", 2),
        ("  database_url: *hunter2", 2),
        ("  database_url: hunter2\0", None),
        ("  database_url: 2024-99-99", None),
    ],
)
def test_a_broken_line_is_named_and_not_shown(file: Path, broken: str, line: int | None) -> None:
    file.write_text(f"storage:\n{broken}\n")
    with pytest.raises(SettingsError, match="cannot be read") as raised:
        load_settings(file, {})
    message = str(raised.value)
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
    assert "\n" not in message
    assert line is None or f"line {line}: " in message


def test_a_section_whose_keys_are_all_commented_out_is_empty(file: Path) -> None:
    file.write_text("storage:\n  # timeout_seconds: 3\nlearning:\n")
    assert load_settings(file, {}) == Settings()
    assert load_settings(file, {"QDRANT_URL": "http://q"}).storage.qdrant_url == "http://q"


def test_a_table_in_the_environment_is_yaml(file: Path) -> None:
    settings = load_settings(file, {"HYBRID_REMOTE_PRICES": "{anthropic/new: [3, 15]}"})
    assert settings.remote.prices == {"anthropic/new": (3.0, 15.0)}
    with pytest.raises(SettingsError, match="^HYBRID_REMOTE_PRICES cannot be read"):
        load_settings(file, {"HYBRID_REMOTE_PRICES": "{a: [1"})
    with pytest.raises(SettingsError, match=r"^HYBRID_REMOTE_PRICES: .*greater than or equal to 0"):
        load_settings(file, {"HYBRID_REMOTE_PRICES": "{anthropic/new: [-3, 15]}"})


def test_a_secret_may_be_in_a_file_that_its_variable_names(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "database_url"
    secret.write_text("postgresql://me:pass@db/mine\n")
    for name in ("DATABASE_URL_FILE", "HYBRID_STORAGE_DATABASE_URL_FILE"):
        url = load_settings(file, {name: str(secret)}).storage.database_url
        assert url is not None
        assert url.get_secret_value() == "postgresql://me:pass@db/mine"
    secret.write_text("")  # as compose mounts a key that nobody gave
    assert load_settings(file, {"OPENAI_API_KEY_FILE": str(secret)}) == Settings()
    # What is no secret has no file.
    assert load_settings(file, {"QDRANT_URL_FILE": str(secret)}) == Settings()


def test_a_file_of_a_secret_that_cannot_be_used_is_an_error_without_it(
    file: Path, tmp_path: Path
) -> None:
    missing = {"QDRANT_API_KEY_FILE": str(tmp_path / "none")}
    with pytest.raises(SettingsError, match="QDRANT_API_KEY_FILE: .*none cannot be read: No such"):
        load_settings(file, missing)
    odd = tmp_path / "odd"
    odd.write_bytes(b"swordfish\xff")
    with pytest.raises(SettingsError, match="it is not UTF-8") as raised:
        load_settings(file, {"QDRANT_API_KEY_FILE": str(odd)})
    assert "swordfish" not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(SettingsError, match="QDRANT_API_KEY and QDRANT_API_KEY_FILE are both set"):
        load_settings(file, {"QDRANT_API_KEY": "k", "QDRANT_API_KEY_FILE": str(odd)})


def test_shards_are_of_collections_that_there_are(file: Path) -> None:
    given = {"HYBRID_STORAGE_QDRANT_SHARDS": "{codebase-context: 6}"}
    shards = load_settings(file, given).storage.qdrant_shards
    assert shards == {CollectionName.CODEBASE_CONTEXT: 6}
    for wrong in ("{codebase: 6}", "{codebase-context: 0}", "6"):
        with pytest.raises(SettingsError, match="HYBRID_STORAGE_QDRANT_SHARDS"):
            load_settings(file, {"HYBRID_STORAGE_QDRANT_SHARDS": wrong})
