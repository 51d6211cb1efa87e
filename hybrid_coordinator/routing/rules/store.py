"""The rules in force: the user's file where there is one, else a preset that fits the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.routing.rules.book import RuleBook, load_book
from hybrid_coordinator.routing.rules.hardware import Preset
from hybrid_coordinator.stamps import stamp_at

_NEVER = ""


def preset_file(name: Preset) -> Path:
    """Where a preset is."""
    return Path(__file__).parent / "presets" / f"{name}.yaml"


def preset_book(name: Preset) -> RuleBook:
    """A preset, as an ordinary book."""
    return replace(load_book(preset_file(name)), source=f"the preset for {name} machines")


class RuleStore:
    """Rereads the file when it changes; a bad edit keeps the rules that were in force."""

    def __init__(self, file: Path | None) -> None:
        """Without a ``file`` the presets alone hold."""
        self._file = file
        self._stamp: str | None = _NEVER
        self._own: RuleBook | None = None
        self._problem: str | None = None
        self._presets: dict[Preset, RuleBook] = {}

    def own(self) -> RuleBook | None:
        """The user's rules as of now, if there are any. Costs one stat() call."""
        stamp = None if self._file is None else stamp_at(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            self._reload()
        return self._own

    def current(self, preset: Preset) -> RuleBook:
        """The rules as of now, with the bound of ``preset`` where the user's say nothing."""
        if preset not in self._presets:
            self._presets[preset] = preset_book(preset)
        fitting = self._presets[preset]
        own = self.own()
        if own is None:
            return fitting
        return replace(own, quality_billions=own.quality_billions or fitting.quality_billions)

    def notice(self) -> str | None:
        """What is wrong with the file as it is now; None mostly."""
        self.own()
        return self._problem

    def _reload(self) -> None:
        if self._file is None or self._stamp is None:
            self._own = self._problem = None
            return
        try:
            self._own = load_book(self._file)
            self._problem = None
        except SettingsError as error:
            kept = "the previous rules" if self._own else "the rules of the preset"
            self._problem = f"{error} ({kept} stay in force)"
