"""Embedding with any server that speaks OpenAI's ``POST /v1/embeddings``.

Wire format: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from pydantic import BaseModel

from hybrid_coordinator.knowledge.embedding.endpoint import EndpointEmbedder


class _Row(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Row]


class OpenAIEmbedder(EndpointEmbedder):
    """``base_url`` is given with or without its ``/v1``; ``timeout`` bounds one request, in
    seconds. The API tells no revision, so the model's name stands for it."""

    def __init__(self, base_url: str, model: str, api_key: str | None, timeout: float) -> None:
        super().__init__(
            base_url.rstrip("/").removesuffix("/v1"),
            model,
            timeout,
            headers={"authorization": f"Bearer {api_key}"} if api_key else {},
        )

    async def _request(self, texts: list[str]) -> list[list[float]]:
        body = await self._call(
            "POST",
            "/v1/embeddings",
            {"model": self._model, "input": [*texts], "encoding_format": "float"},
        )
        rows = {row.index: row.embedding for row in _Answer.model_validate_json(body).data}
        return [rows[index] for index in sorted(rows)]

    async def _revision(self) -> str:
        return self._model

    def _advice(self, status: int | None) -> str:
        if status is None:
            return "Start the server, or set embedding.base_url."
        if status in (401, 403):
            return "Set embedding.api_key to a valid key."
        if status == 404:
            return "Check embedding.model and embedding.base_url."
        return "See the server's log."
