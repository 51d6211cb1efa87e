"""Chat clients, one module a wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_coordinator.inference.clients.anthropic_chat import AnthropicChat
from hybrid_coordinator.inference.clients.ollama_chat import OllamaChat
from hybrid_coordinator.inference.clients.openai_chat import OpenAIChat
from hybrid_coordinator.inference.endpoints import EndpointKind

if TYPE_CHECKING:
    from hybrid_coordinator.inference.chat import ChatClient
    from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel
    from hybrid_coordinator.inference.http import HttpClient


def client_for(http: HttpClient, endpoint: Endpoint, model: LocalModel) -> ChatClient:
    """The client that speaks the endpoint's own wire format."""
    if endpoint.kind is EndpointKind.OLLAMA:
        return OllamaChat(http, endpoint, model)
    if endpoint.kind is EndpointKind.ANTHROPIC:
        return AnthropicChat(http, endpoint, model)
    return OpenAIChat(http, endpoint, model)
