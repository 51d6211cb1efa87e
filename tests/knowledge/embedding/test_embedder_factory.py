"""Which embedder the settings give."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.knowledge.embedding.factory import build_embedder
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.settings import EmbeddingSettings
from tests.support.embedding_server import EmbeddingServer


async def test_the_default_is_the_shipped_model() -> None:
    assert isinstance(build_embedder(EmbeddingSettings()), StaticEmbedder)


@pytest.mark.parametrize("provider", ["ollama", "openai"])
async def test_an_endpoint_gets_what_the_settings_say(provider: str) -> None:
    async with EmbeddingServer(model="some-model") as server:
        settings = EmbeddingSettings(
            provider=provider, model="some-model", base_url=server.url, api_key=SecretStr("k")
        )
        embedder = build_embedder(settings)
        assert (await embedder.identity()).name == "some-model"
        sent = server.requests[0].headers.get("authorization")
        assert sent == ("Bearer k" if provider == "openai" else None)
        await embedder.close()


async def test_ollama_has_a_default_model() -> None:
    async with EmbeddingServer() as server:
        embedder = build_embedder(EmbeddingSettings(provider="ollama", base_url=server.url))
        assert (await embedder.identity()).name == "nomic-embed-text"
        await embedder.close()


@pytest.mark.parametrize(
    ("given", "missing"), [({"model": "m"}, "base_url"), ({"base_url": "http://x"}, "model")]
)
def test_openai_has_no_default_address_or_model(given: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=rf"embedding\.{missing}: needed"):
        build_embedder(EmbeddingSettings(provider="openai", **given))


def test_the_static_model_loads_no_http_client() -> None:
    program = (
        "import sys\n"
        "from hybrid_coordinator.knowledge.embedding.factory import build_embedder\n"
        "from hybrid_coordinator.settings import EmbeddingSettings\n"
        "build_embedder(EmbeddingSettings())\n"
        "sys.exit('httpx' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
