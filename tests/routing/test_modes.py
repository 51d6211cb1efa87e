"""The modes through the whole cascade, with the real llama-server behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from hybrid_coordinator.domain.ask import AskRequest, FileText, Mode
from hybrid_coordinator.routing.delegate import Delegate
from tests.support.llama_server import LlamaServer, running
from tests.support.tiny_gguf import write_tiny_gguf

ModelsAt = Callable[..., Delegate]
CALLER = {"project": "p", "session": "s"}
SCHEMA = {
    "type": "object",
    "properties": {"done": {"type": "boolean"}},
    "required": ["done"],
    "additionalProperties": False,
}


async def test_an_ensemble_of_voices(models_at: ModelsAt, llama_server: LlamaServer):
    models = models_at(llama_cpp=(llama_server.url,))
    request = AskRequest("Is it done?", json_schema=SCHEMA, mode=Mode.ENSEMBLE, max_tokens=64)
    answer, log = await models.ask(request, **CALLER)
    assert set(json.loads(answer.response)) == {"done"}
    assert {attempt.rule for attempt in log.attempts} == {
        "ensemble: literal",
        "ensemble: methodical",
        "ensemble: sceptic",
    }
    assert any("agreement" in notice for notice in answer.notices)


async def test_reasoning_in_steps(models_at: ModelsAt, llama_server: LlamaServer):
    models = models_at(llama_cpp=(llama_server.url,))
    request = AskRequest("Is it done?", json_schema=SCHEMA, mode=Mode.REASON, max_tokens=100)
    answer, log = await models.ask(request, **CALLER)
    assert set(json.loads(answer.response)) == {"done"}
    assert {"reason: plan", "reason: solve"} <= {attempt.rule for attempt in log.attempts}
    assert any(notice.startswith("step 2, solve: ") for notice in answer.notices)


async def test_files_that_fit_no_context_are_digested(models_at: ModelsAt, tmp_path: Path):
    model = tmp_path / "tiny.gguf"
    write_tiny_gguf(model, context_length=8192)
    lines = "".join(f"    entry {number} of the table\n" for number in range(1200))
    with running(model, "--ctx-size", "16384") as server:
        models = models_at(llama_cpp=(server.url,), reply_timeout_seconds=60.0)
        request = AskRequest("Which entries?", files=(FileText("t.txt", lines),), max_tokens=300)
        answer, log = await models.ask(request, **CALLER)
    assert len(log.attempts) > 5
    assert any("files: 1, read in " in notice for notice in answer.notices)
    sources = re.findall(r"t\.txt:(\d+)-(\d+)", answer.response)
    assert all(1 <= int(start) <= int(end) <= 1200 for start, end in sources)
    assert sources or answer.response.startswith("Nothing in")
