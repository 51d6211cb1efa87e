"""Training data: what there is, building more, and its files by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import BaseRoute

from hybrid_coordinator.domain.access import Scope
from hybrid_coordinator.domain.insights import DatasetsInsight
from hybrid_coordinator.domain.training import SPLITS
from hybrid_coordinator.errors import NotFoundError
from hybrid_coordinator.serving.http.api.working import Progress, worked
from hybrid_coordinator.serving.http.requests import Asked, Query, get, post
from hybrid_coordinator.serving.mcp.arguments import Name

_FILES: Mapping[str, str] = {
    **{split: f"{split}.jsonl" for split in SPLITS},
    "provenance": "provenance.jsonl",
    "manifest": "manifest.json",
    "card": "README.md",
}
"""What can be had of a dataset: nothing else lies at an address."""


def routes() -> Sequence[BaseRoute]:
    """A dataset may hold every project's work, so they are for whoever may see all of them."""
    return [
        get("/api/datasets", _datasets),
        post("/api/datasets/build", _build, scope=Scope.ADMIN),
        get("/api/datasets/{id:int}/{name}", _file, scope=Scope.ADMIN),
    ]


async def _datasets(asked: Asked) -> DatasetsInsight:
    asked.identity.see_all("reading datasets")
    coordinator = await asked.coordinator()
    return await coordinator.insights.datasets()


class _Build(Query):
    format: Literal["openai", "sharegpt", "dpo"] = "openai"
    min_value: float = Field(0.7, ge=0, le=1)
    max_examples: int | None = Field(None, ge=1, le=2**31 - 1)
    project: Name | None = None


async def _build(asked: Asked) -> StreamingResponse:
    given = await asked.body(_Build)
    asked.identity.see_all("building a dataset")
    coordinator = await asked.coordinator()

    async def build(progress: Progress) -> object:
        report = await coordinator.generate_training_data(
            given.format,
            min_value=given.min_value,
            output_dir=None,
            max_examples=given.max_examples,
            project=given.project,
            progress=progress,
        )
        return {
            "directory": str(report.paths["train"].parent),
            "counts": report.counts,
            "dropped": report.dropped,
            "sha256": report.sha256,
        }

    return worked(asked, build)


async def _file(asked: Asked) -> FileResponse:
    """Raises:
    NotFoundError: there is no such dataset, or no such file of it.
    """
    asked.identity.see_all("reading datasets")
    known, name = await _datasets(asked), asked.path("name")
    number = int(asked.path("id"))
    directory = next((each.directory for each in known.datasets if each.id == number), None)
    if directory is None:
        raise NotFoundError(f"there is no dataset {number}")
    if name not in _FILES:
        raise NotFoundError(f"a dataset has no {name!r}; it has {', '.join(_FILES)}")
    path = Path(directory) / _FILES[name]
    if not path.is_file():
        raise NotFoundError(f"{path} is not there any more")
    return FileResponse(
        path,
        filename=f"{Path(directory).name}-{path.name}",
        media_type="text/plain; charset=utf-8" if name == "card" else "application/jsonl",
        content_disposition_type="inline" if name == "card" else "attachment",
        headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
    )
