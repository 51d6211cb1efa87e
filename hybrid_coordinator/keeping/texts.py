"""hybrid.yaml and rules.yaml in a backup: as they were written, without what is secret and without
where this machine's engines are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.yaml_text import Place, with_values
from hybrid_coordinator.settings import Settings, configured_secrets, is_secret, load_settings

_ENGINES = (("storage", "database_url"), ("storage", "qdrant_url"), ("storage", "qdrant_api_key"))
"""Of the machine, not of what was learned: two homes must not come to share an index by a copy."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file of the home, and the settings that were left out of it."""

    content: str
    left_out: tuple[str, ...] = ()


def portable_texts(home: Home) -> dict[str, Text]:
    """The files that a backup takes along, by name; those that exist.

    Raises:
        SettingsError: hybrid.yaml is off, so what is secret in it is not known.
    """
    found = {}
    known = configured_secrets(load_settings(home.settings_file))
    settings, rules = _read(home.settings_file), _read(home.rules_file)
    if settings is not None:
        found[home.settings_file.name] = _portable(settings, known)
    if rules is not None:
        for secret in known:
            rules = rules.replace(secret, "<SECRET>")
        found[home.rules_file.name] = Text(rules)
    return found


def settled(text: Text, home: Home) -> str:
    """Settings out of a backup, for this home: what was left out is as its own file has it now."""
    places = {place_of(name) for name in text.left_out} | set(_ENGINES)
    here = values(_read(home.settings_file) or "")
    has = values(text.content)
    wanted: dict[Place, str | None] = {}
    for section, key in sorted(places):
        value = here.get((section, key))
        if isinstance(value, str) or (section, key) in has:
            wanted[section, key] = value if isinstance(value, str) else None
    return with_values(text.content, wanted)


def with_database(text: str, url: str | None) -> str:
    """Settings with another place of the record; None is the embedded Postgres."""
    if url is None and not values(text).get(_ENGINES[0]):
        return text
    return with_values(text, {_ENGINES[0]: url})


def _portable(text: str, known: list[str]) -> Text:
    present = {place for place, value in values(text).items() if value is not None}
    secret = sorted(present & (_secret_places() | set(_ENGINES)))
    left_out = tuple(".".join(place) for place in secret)
    try:
        content = with_values(text, dict.fromkeys(secret))
    except ValueError:
        content = ""
    scrubber = Scrubber(known)
    if not content or scrubber.scrub(content) != content:
        # A comment, or an alias, holds some of it: only what counts is taken along.
        content = _plain(text, secret, scrubber)
    return Text(content, left_out)


def _plain(text: str, secret: list[Place], scrubber: Scrubber) -> str:
    content = yaml.safe_load(text) or {}
    for section, key in secret:
        content[section][key] = None
    plain = scrubber.scrub(yaml.safe_dump(content, sort_keys=False))
    try:
        Settings.model_validate({name: keys or {} for name, keys in yaml.safe_load(plain).items()})
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(
            "hybrid.yaml holds what looks like a secret where none belongs; put it into a setting "
            "that is for one, or into the environment"
        ) from error
    return plain


def _secret_places() -> set[Place]:
    return {
        (section, key)
        for section, info in Settings.model_fields.items()
        for key in type(info.default).model_fields
        if is_secret(section, key)
    }


def place_of(name: str) -> Place:
    """``section.key``, taken apart."""
    section, _, key = name.partition(".")
    return section, key


def values(text: str) -> Mapping[Place, object]:
    """What a text of settings says, by section and key."""
    content = yaml.safe_load(text) or {}
    return {
        (section, key): value
        for section, keys in content.items()
        if isinstance(keys, dict)
        for key, value in keys.items()
    }


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
