"""What model servers put on the wire, as their own documentation shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.support.model_server import Answer, Scripted, Stream, as_json

HTML = Answer(b"<!doctype html><title>Welcome</title>", content_type="text/html")


def openai_models(*entries: dict[str, Any]) -> Answer:
    return as_json({"object": "list", "data": list(entries)})


def vllm_model(name: str, max_model_len: int = 4096) -> dict[str, Any]:
    """https://docs.vllm.ai, GET /v1/models."""
    return {
        "id": name,
        "object": "model",
        "created": 1754000000,
        "owned_by": "vllm",
        "root": name,
        "parent": None,
        "max_model_len": max_model_len,
        "permission": [],
    }


def lmstudio_model(
    name: str, *, kind: str = "llm", state: str = "loaded", loaded_length: int | None = 4096
) -> dict[str, Any]:
    """https://lmstudio.ai/docs/api/rest-api, GET /api/v0/models."""
    entry = {
        "id": name,
        "object": "model",
        "type": kind,
        "publisher": "lmstudio-community",
        "arch": "llama",
        "compatibility_type": "gguf",
        "quantization": "Q4_K_M",
        "state": state,
        "max_context_length": 131072,
    }
    if state == "loaded" and loaded_length is not None:
        entry["loaded_context_length"] = loaded_length
    return entry


def lmstudio_v1_model(
    key: str,
    params: str,
    *,
    kind: str = "llm",
    loaded_length: int | None = None,
    parallel: int = 1,
    vision: bool = False,
    reasoning: bool = False,
) -> dict[str, Any]:
    """https://lmstudio.ai/docs/developer/rest/list, GET /api/v1/models."""
    capabilities: dict[str, Any] = {"vision": vision, "trained_for_tool_use": True}
    if reasoning:
        capabilities["reasoning"] = {"allowed_options": ["low", "high"], "default": "low"}
    config = {"context_length": loaded_length, "parallel": parallel, "flash_attention": True}
    return {
        "type": kind,
        "publisher": "lmstudio-community",
        "key": key,
        "display_name": key,
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": 4683073952,
        "params_string": params,
        "loaded_instances": [{"id": f"{key}:2", "config": config}] if loaded_length else [],
        "max_context_length": 131072,
        "format": "gguf",
        "capabilities": capabilities,
    }


LMSTUDIO_UNKNOWN_PATH = as_json({"error": "Unexpected endpoint or method. (GET /api/v0/models)"})
"""LM Studio before 0.3.6, with status 200."""


def ollama_model(
    name: str, size: str = "3.1B", family: str = "qwen2", **more: Any
) -> dict[str, Any]:
    """https://docs.ollama.com/api/tags."""
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-08-01T10:00:00.000000000+02:00",
        "size": 1929912432,
        "digest": "f72c60cabf6237b07f6e632b2c48d533cef25eda2efbd34bed21c5e9c01e6225",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": size,
            "quantization_level": "Q4_K_M",
        },
        **more,
    }


def ollama_answers(
    chat: Scripted | list[Scripted],
    *,
    models: Sequence[dict[str, Any]],
    loaded: Sequence[dict[str, Any]] = (),
    trained_length: int = 32768,
) -> dict[str, Scripted | list[Scripted]]:
    return {
        "GET /api/tags": as_json({"models": list(models)}),
        "GET /api/ps": as_json({"models": list(loaded)}),
        "POST /api/show": as_json(
            {
                "capabilities": ["completion", "tools"],
                "model_info": {
                    "general.architecture": "qwen2",
                    "qwen2.context_length": trained_length,
                },
            }
        ),
        "POST /api/chat": chat,
    }


def ollama_running(name: str, context_length: int) -> dict[str, Any]:
    """https://docs.ollama.com/api/ps."""
    return ollama_model(
        name,
        expires_at="2026-08-01T10:05:00.000000000+02:00",
        size_vram=2000000000,
        context_length=context_length,
    )


def ollama_line(content: str = "", *, thinking: str = "", **final: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    line: dict[str, Any] = {
        "model": "m",
        "created_at": "2026-08-01T10:00:00.000000Z",
        "message": message,
        "done": bool(final),
        **final,
    }
    return json.dumps(line).encode() + b"\n"


def ollama_done(reason: str = "stop", *, tokens_in: int = 26, tokens_out: int = 4) -> bytes:
    return ollama_line(
        done_reason=reason,
        total_duration=4883583458,
        load_duration=1334875,
        prompt_eval_count=tokens_in,
        prompt_eval_duration=342546000,
        eval_count=tokens_out,
        eval_duration=200000000,
    )


def ollama_stream(*chunks: bytes | str) -> Stream:
    return Stream(chunks, content_type="application/x-ndjson")


def event(value: object) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def openai_delta(finish: str | None = None, **delta: Any) -> bytes:
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1754000000,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )


def openai_usage(tokens_in: int = 12, tokens_out: int = 3) -> bytes:
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1754000000,
            "model": "m",
            "choices": [],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            },
        }
    )


def openai_answer(text: str, *, finish: str = "stop", tokens_in: int = 12) -> Stream:
    """A proper answer, a word a chunk."""
    words = text.split(" ")
    pieces = [words[0], *(f" {word}" for word in words[1:])]
    return Stream(
        [
            openai_delta(role="assistant", content=""),
            *(openai_delta(content=piece) for piece in pieces),
            openai_delta(finish),
            openai_usage(tokens_in, len(pieces)),
            DONE,
        ]
    )


def vllm_answers(
    chat: Scripted | list[Scripted], *, model: str = "m-7b", max_model_len: int = 4096
) -> dict[str, Scripted | list[Scripted]]:
    return {
        "GET /v1/models": openai_models(vllm_model(model, max_model_len)),
        "POST /v1/chat/completions": chat,
    }


def anthropic_event(kind: str, **members: Any) -> bytes:
    """https://platform.claude.com/docs/en/build-with-claude/streaming."""
    return f"event: {kind}\n".encode() + event({"type": kind, **members})


def anthropic_start(**usage: int) -> bytes:
    return anthropic_event(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 25, "output_tokens": 1, **usage},
        },
    )


def anthropic_delta(index: int = 0, **delta: Any) -> bytes:
    return anthropic_event("content_block_delta", index=index, delta=delta)


def anthropic_text(text: str, index: int = 0) -> bytes:
    return anthropic_delta(index, type="text_delta", text=text)


def anthropic_end(reason: str = "end_turn", tokens_out: int = 15, **more: Any) -> bytes:
    """The last two events."""
    return anthropic_event(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None, **more},
        usage={"output_tokens": tokens_out},
    ) + anthropic_event("message_stop")


def anthropic_error(kind: str, message: str) -> bytes:
    return anthropic_event("error", error={"type": kind, "message": message})


def anthropic_refusal(status: int, kind: str, message: str, **headers: str) -> Answer:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Answer(json.dumps(body).encode(), status, headers=headers)


def anthropic_answer(text: str) -> Stream:
    """A proper answer, a word a chunk, with a ping in it."""
    return Stream(
        [
            anthropic_start(),
            anthropic_event(
                "content_block_start", index=0, content_block={"type": "text", "text": ""}
            ),
            anthropic_event("ping"),
            *(anthropic_text(word + " ") for word in text.split(" ")[:-1]),
            anthropic_text(text.split(" ")[-1]),
            anthropic_event("content_block_stop", index=0),
            anthropic_end(),
        ]
    )


def openai_refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """https://developers.openai.com/api/docs/guides/error-codes."""
    kind = "insufficient_quota" if code in ("insufficient_quota",) else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Answer(json.dumps(body).encode(), status, headers=headers)
