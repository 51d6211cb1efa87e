"""What to tell someone who has no model running: what was probed, and one command to start one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from hybrid_coordinator.errors import ModelUnavailableError
from hybrid_coordinator.inference.endpoints import EndpointKind, EndpointReport, EndpointState

_SMALL_CODE_MODEL = "qwen2.5-coder:3b"
_SMALL_CODE_GGUF = "Qwen/Qwen2.5-Coder-3B-Instruct-GGUF"

Which = Callable[[str], str | None]


def unavailable(
    reports: Sequence[EndpointReport], which: Which = shutil.which
) -> ModelUnavailableError:
    """The error for when no endpoint has a model ready. ``which`` finds a program on PATH."""
    if not reports:
        return ModelUnavailableError(
            "No local model: no endpoint is configured, or inference.enabled is false. Set one in "
            "hybrid.yaml, like `inference: {ollama: ['http://127.0.0.1:11434']}`"
        )
    probed = "; ".join(str(report) for report in reports)
    return ModelUnavailableError(
        f"No local model is ready. Probed: {probed}. {_next_step(reports, which)}"
    )


def _next_step(reports: Sequence[EndpointReport], which: Which) -> str:
    for report in reports:
        if report.state is EndpointState.LOADING:
            return f"{report.endpoint.url} is loading its model: try again in a moment"
    empty = {report.endpoint.kind for report in reports if report.state is EndpointState.READY}
    if EndpointKind.OLLAMA in empty:
        return f"Give Ollama a model: `ollama pull {_SMALL_CODE_MODEL}`"
    kinds = {report.endpoint.kind for report in reports}
    commands = {
        EndpointKind.OLLAMA: ("ollama", "ollama serve"),
        EndpointKind.LLAMA_CPP: (
            "llama-server",
            f"llama-server -hf {_SMALL_CODE_GGUF}{_port(reports)}",
        ),
        EndpointKind.LMSTUDIO: ("lms", "lms server start"),
    }
    for kind, (program, command) in commands.items():
        if kind in kinds and which(program):
            return f"Start one: `{command}`"
    return (
        "Start one: install Ollama (https://ollama.com/download), then "
        f"`ollama run {_SMALL_CODE_MODEL}`"
    )


def _port(reports: Sequence[EndpointReport]) -> str:
    """The option that makes llama-server listen where it is looked for; 8080 is its default."""
    urls = [each.endpoint.url for each in reports if each.endpoint.kind is EndpointKind.LLAMA_CPP]
    port = urls[0].rpartition(":")[2] if urls else ""
    return f" --port {port}" if port.isdigit() and port != "8080" else ""
