"""A whole coordinator in the test's own process, on the test's database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import SettingsStore


@asynccontextmanager
async def engines_on(dsn: str, directory: Path, **settings: Any) -> AsyncIterator[Engines]:
    """The engines of a home in ``directory`` that keeps its record at ``dsn``. Sections of its
    settings are given by name; no model is looked for unless ``inference`` says so."""
    home = Home(directory)
    directory.mkdir(exist_ok=True)
    sections = {"inference": {"enabled": False}, **settings, "storage": {"database_url": dsn}}
    home.settings_file.write_text(json.dumps(sections))  # JSON is YAML
    engines = Engines(home, SettingsStore(home.settings_file))
    engines.begin()
    try:
        yield engines
    finally:
        await engines.close()
