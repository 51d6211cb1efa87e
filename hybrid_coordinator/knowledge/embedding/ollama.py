"""Embedding with a model that Ollama serves, over its native API.

Wire format: https://docs.ollama.com/api (``POST /api/embed``, ``GET /api/tags``). The answers are
read with the types of the `ollama` package. Its client is not used: it follows proxies and
redirects, and sets no bound to an answer.
"""

from __future__ import annotations

from ollama import EmbedResponse, ListResponse
from pydantic import ValidationError

from hybrid_coordinator.knowledge.embedding.endpoint import EndpointEmbedder, first_problem


class OllamaEmbedder(EndpointEmbedder):
    """``base_url`` is Ollama's root, for instance http://127.0.0.1:11434; ``timeout`` bounds one
    request, in seconds."""

    def __init__(self, base_url: str, model: str, timeout: float) -> None:
        super().__init__(base_url, model, timeout, headers={})

    async def _request(self, texts: list[str]) -> list[list[float]]:
        body = await self._call("POST", "/api/embed", {"model": self._model, "input": [*texts]})
        found = EmbedResponse.model_validate_json(body).embeddings
        return [list(vector) for vector in found]

    async def _revision(self) -> str:
        """The digest of the model's manifest: it changes when a pull changes the model."""
        body = await self._call("GET", "/api/tags")
        try:
            models = ListResponse.model_validate_json(body).models
        except ValidationError as error:
            raise self._unusable(f"the list of models: {first_problem(error)}") from error
        # Ollama completes a name without a tag to `latest`.
        wanted = self._model if ":" in self._model else f"{self._model}:latest"
        digests = {model.model: model.digest for model in models}
        # A proxy in front of Ollama may serve a model that it does not list.
        return digests.get(wanted) or self._model

    def _advice(self, status: int | None) -> str:
        if status is None:
            return "Start it with `ollama serve`, or set embedding.base_url."
        if status == 404:
            return f"Get the model with `ollama pull {self._model}`."
        return "See Ollama's log."
