"""Putting the plugin into Claude Code's settings, and taking it out again: first as a plan that can
be shown, then on disk."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.hooks.json_edit import members, with_member, without_member
from hybrid_coordinator.serving.hooks.plugin import (
    MARKETPLACE,
    PLUGIN,
    PLUGIN_ID,
    plugin_dir,
    plugin_files,
    settings_entries,
)

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after; None where it is not there."""

    path: Path
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """As `diff -u` shows it."""
        old, new = (
            [] if side is None else side.decode("utf-8", "replace").splitlines(keepends=True)
            for side in (self.before, self.after)
        )
        before = os.devnull if self.before is None else str(self.path)
        after = os.devnull if self.after is None else str(self.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in difflib.unified_diff(old, new, before, after)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: ``changes`` in this order; the settings are the last of them.
    ``notice`` is what a user should know of it."""

    changes: Sequence[Change]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Receipt:
    """What an installation did to the settings: where the file as it was before is kept (None:
    there was none), the hash of what was made of it, and the sections that were made for it."""

    backup: str | None
    after: str
    sections: Sequence[str]


class Installation:
    """The plugin of ``home`` in the Claude Code whose configuration is in a directory."""

    def __init__(self, home: Home, claude: Path) -> None:
        # A settings file is often a link into a repository of such files: it stays one.
        self.settings = Path(
            os.path.realpath(claude / "settings.json")
        )  # any loop is left as it is
        self._plugins = claude / "plugins"
        self._home = home
        digest = hashlib.sha256(os.fsencode(self.settings)).hexdigest()[:16]
        self._receipt_file = home.root / "claude-code" / f"{digest}.json"

    @classmethod
    def of_user(cls, home: Home) -> Installation:
        """The user's own: ``CLAUDE_CONFIG_DIR``, or ``~/.claude``."""
        given = os.environ.get("CLAUDE_CONFIG_DIR")
        return cls(home, Path(given) if given else Path.home() / ".claude")

    def installed(self) -> bool:
        """Whether the settings load the plugin of this home, and it is there.

        Raises:
            InvalidArgumentError, StorageError: the settings cannot be read.
        """
        content = _content(self.settings, _read(self.settings))
        entries = settings_entries(self._home).items()
        named = all(_member(content, *place) == value for place, value in entries)
        return named and (plugin_dir(self._home) / ".claude-plugin" / "marketplace.json").exists()

    def plan(self, python: str, server: Sequence[str]) -> Plan:
        """How to install; without changes where all is as it should be. See `plugin_files`.

        Raises:
            InvalidArgumentError: the settings are not JSON, or hold something else in our place.
        """
        files = plugin_files(self._home, python, server)
        paths = {plugin_dir(self._home) / name: content for name, content in files.items()}
        changes = [Change(path, _read(path), content) for path, content in paths.items()]
        before = _read(self.settings)
        content, text = _content(self.settings, before), _text(before)
        for (section, name), value in settings_entries(self._home).items():
            if not isinstance(content.get(section, {}), dict):
                raise InvalidArgumentError(section, f"in {self.settings} is no object; make it one")
            text = with_member(text, section, name, value)
        changes.append(Change(self.settings, before, _bytes(text, before)))
        return Plan([change for change in changes if change.before != change.after])

    def apply(self, plan: Plan) -> None:
        """Do what `plan` says. The settings as they were are kept until the plugin is taken out.

        Raises:
            StorageError: a file cannot be written, or is not what it was when the plan was made.
        """
        for change in plan.changes:
            if change.path == self.settings:
                self._keep(change)
            _write(change)

    def removal(self) -> Plan:
        """How to take the plugin out again: the settings as they were before, byte for byte, or
        where they have changed since, as they are without our entries.

        Raises:
            InvalidArgumentError: the settings have changed, and are not JSON any more.
        """
        receipt, before = self._receipt(), _read(self.settings)
        notice = ""
        if receipt is not None and before is not None and _hash(before) == receipt.after:
            after = None if receipt.backup is None else _read(self._kept(receipt.backup))
        else:
            after = self._without(before, receipt)
            if receipt is not None:
                notice = f"{self.settings} has changed since: only our entries are taken out of it"
        changes = [
            self._forgotten("known_marketplaces.json", MARKETPLACE),
            self._forgotten("installed_plugins.json", "plugins", PLUGIN_ID),
            Change(self.settings, before, after),
        ]
        changed = [change for change in changes if change.before != change.after]
        return Plan(changed, notice if changed else "")

    def remove(self, plan: Plan) -> None:
        """Do what `removal` says, and delete the plugin and what was kept for this.

        Raises:
            StorageError: as `apply`.
        """
        for change in plan.changes:
            _write(change)
        for copy in (f"cache/{MARKETPLACE}", f"data/{PLUGIN}-{MARKETPLACE}"):
            shutil.rmtree(self._plugins / copy, ignore_errors=True)  # Claude Code's own
        try:
            receipt = self._receipt()
            if receipt is not None and receipt.backup is not None:
                self._kept(receipt.backup).unlink(missing_ok=True)
            self._receipt_file.unlink(missing_ok=True)
            if not any(self._receipt_file.parent.glob("*.json")):  # nobody else's Claude Code
                shutil.rmtree(self._receipt_file.parent, ignore_errors=True)
        except OSError as error:
            raise StorageError(f"{error.filename} cannot be deleted: {error.strerror}") from error

    def _without(self, before: bytes | None, receipt: _Receipt | None) -> bytes | None:
        if before is None:
            return None
        content, text = _content(self.settings, before), _text(before)
        made = receipt.sections if receipt else ()
        for (section, name), value in settings_entries(self._home).items():
            # Without a receipt, only what is ours beyond doubt.
            if receipt is not None or _member(content, section, name) == value:
                text = without_member(text, section, name, prune=section in made)
        return _bytes(text, before)

    def _forgotten(self, name: str, *place: str) -> Change:
        """One of Claude Code's own lists of plugins without ours, written in its own way."""
        path = self._plugins / name
        before = _read(path)
        try:
            content = json.loads(before or b"")
            holder = content
            for part in place[:-1]:
                holder = holder[part]
            del holder[place[-1]]
        except (ValueError, KeyError, TypeError):
            return Change(path, before, before)  # it knows nothing of us
        return Change(path, before, json.dumps(content, indent=2, ensure_ascii=False).encode())

    def _keep(self, change: Change) -> None:
        """Write the receipt, and the settings as they were, before they are changed."""
        assert change.after is not None
        content = _content(self.settings, change.before)
        before = change.before
        made: Sequence[str] = ()
        earlier = self._receipt()
        if earlier is not None:
            # Installed a second time, over entries that were changed: none of them is the user's.
            before, made = self._without(before, earlier), earlier.sections
        backup = None if before is None else f"{self._receipt_file.stem}.backup"
        if backup is not None:
            _write(Change(self._kept(backup), _read(self._kept(backup)), before))
        places = settings_entries(self._home)
        sections = [each for each, _ in places if each in made or each not in content]
        receipt = {"backup": backup, "after": _hash(change.after), "sections": sections}
        written = json.dumps(receipt | {"settings": str(self.settings)}, indent=2).encode()
        _write(Change(self._receipt_file, _read(self._receipt_file), written))

    def _receipt(self) -> _Receipt | None:
        content = _read(self._receipt_file)
        if content is None:
            return None
        try:
            told = json.loads(content)
            return _Receipt(told["backup"], told["after"], told["sections"])
        except (ValueError, KeyError, TypeError):
            return None  # damaged: as if it were lost

    def _kept(self, name: str) -> Path:
        return self._receipt_file.with_name(name)


def _member(content: Mapping[str, JsonValue], section: str, name: str) -> JsonValue:
    inner = content.get(section)
    return inner.get(name) if isinstance(inner, dict) else None


def _content(path: Path, raw: bytes | None) -> Mapping[str, JsonValue]:
    try:
        return members(_text(raw))
    except ValueError as error:
        raise InvalidArgumentError(
            str(path), f"is no JSON object: {error}; correct it first (nothing was changed)"
        ) from error


def _text(raw: bytes | None) -> str:
    """The text of a settings file; one that is not there, or empty, has no settings in it."""
    text = "" if raw is None else raw.decode().removeprefix(_BOM)
    return text if text.strip() else "{}\n"


def _bytes(text: str, before: bytes | None) -> bytes:
    marked = before is not None and before.startswith(_BOM.encode())
    return (_BOM + text if marked else text).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def _write(change: Change) -> None:
    """Put a file in its place, whole or not at all, with the permissions that it had."""
    path = change.path
    if _read(path) != change.before:
        raise StorageError(f"{path} has just been changed by somebody else; try again")
    try:
        if change.after is None:
            path.unlink()
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o600 if change.before is None else stat.S_IMODE(path.stat().st_mode)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(change.after)
                file.flush()
                os.fsync(file.fileno())
            Path(part).chmod(mode)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
