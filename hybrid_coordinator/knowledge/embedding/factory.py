"""The embedder that the settings ask for; only the chosen one's libraries are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_coordinator.errors import SettingsError

if TYPE_CHECKING:
    from hybrid_coordinator.knowledge.embedding.protocol import Embedder
    from hybrid_coordinator.settings import EmbeddingSettings

_OLLAMA_URL = "http://127.0.0.1:11434"
_OLLAMA_MODEL = "nomic-embed-text"


def build_embedder(settings: EmbeddingSettings) -> Embedder:
    """The embedder, not yet connected.

    Raises:
        SettingsError: an OpenAI-compatible endpoint without an address or a model. There is no
            default for either, so nothing leaves the machine unasked.
        EmbedderUnavailableError: the shipped model's configuration cannot be read.
    """
    match settings.provider:
        case "static":
            from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder

            return StaticEmbedder()
        case "ollama":
            from hybrid_coordinator.knowledge.embedding.ollama import OllamaEmbedder

            return OllamaEmbedder(
                settings.base_url or _OLLAMA_URL,
                settings.model or _OLLAMA_MODEL,
                settings.timeout_seconds,
            )
        case "openai":
            from hybrid_coordinator.knowledge.embedding.openai import OpenAIEmbedder

            if settings.base_url is None or settings.model is None:
                missing = "model" if settings.base_url else "base_url"
                raise SettingsError(
                    f"embedding.{missing}: needed with embedding.provider openai; "
                    "set it in hybrid.yaml"
                )
            key = settings.api_key.get_secret_value() if settings.api_key else None
            return OpenAIEmbedder(settings.base_url, settings.model, key, settings.timeout_seconds)
