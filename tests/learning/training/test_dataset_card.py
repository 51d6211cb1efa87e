"""The card and the manifest beside a dataset, and the terms of the models that answered."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from hybrid_coordinator import __version__
from hybrid_coordinator.learning.training.filters import REASONS
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.learning.training.licences import UNKNOWN, terms_of
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill

ROWS = [
    *(Row(f"task {n}", f"answer {n}", model="qwen2.5-coder-7b", project="shop") for n in range(8)),
    Row("question", "Yes.", model="claude-sonnet-4-5", project="a|b"),
    Row("odd one", "Sure.", model="my-own-thing"),
    Row("cut", "Like this:\n```\n"),
]


async def test_the_manifest_counts_and_checks_every_file(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    await fill(database, ROWS)
    report = await training_data.generate(
        "openai", min_value=0.8, output_dir=tmp_path, max_examples=50
    )
    folder = report.paths["train"].parent
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["counts"] == dict(report.counts)
    assert manifest["dropped"] == {"truncated": 1}
    assert manifest["candidates"] == len(ROWS)
    assert (manifest["format"], manifest["min_value"], manifest["max_examples"]) == (
        *("openai", 0.8, 50),
    )
    assert manifest["filters"]["near_duplicate"]["jaccard"] == 0.7
    assert manifest["generator"] == f"hybrid-coordinator {__version__}"
    assert datetime.fromisoformat(manifest["created_at"]).tzinfo is not None
    assert manifest["projects"] == {"a|b": 1, "app": 1, "shop": 8}
    assert [(each["model"], each["examples"]) for each in manifest["models"]] == [
        ("claude-sonnet-4-5", 1),
        ("my-own-thing", 1),
        ("qwen2.5-coder-7b", 8),
    ]
    assert manifest["sha256"] == report.sha256
    assert set(manifest["files"]) == {
        *("train.jsonl", "validation.jsonl", "test.jsonl", "provenance.jsonl")
    }
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("layout", ["openai", "sharegpt", "dpo"])
async def test_the_card_is_one_that_the_hub_reads(
    training_data: TrainingData, database: Database, tmp_path: Path, layout: str
) -> None:
    rows = [*ROWS, *(Row(row.query, "no, wrong", "failure") for row in ROWS)]
    await fill(database, rows)
    report = await training_data.generate(layout, min_value=0.8, output_dir=tmp_path)
    folder = report.paths["train"].parent
    _, front, text = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    about = yaml.safe_load(front)
    assert (about["license"], about["size_categories"]) == ("other", ["n<1K"])
    (config,) = about["configs"]
    assert {file["split"]: file["path"] for file in config["data_files"]} == {
        split: f"{split}.jsonl" for split, count in report.counts.items() if count
    }
    for expected in (
        f"{sum(report.counts.values())} examples out of {len(ROWS)} candidates",
        "| truncated | 1 |",
        "| claude-sonnet-4-5 | 1 | Anthropic's terms: output may not be used",
        "| my-own-thing | 1 | unknown |",
        "| a\\|b | 1 |",
    ):
        assert expected in text
    assert all(f"`{reason}`" in text for reason in REASONS)
    assert "{" not in text


async def test_a_card_of_nothing_names_no_files(
    training_data: TrainingData, tmp_path: Path
) -> None:
    report = await training_data.generate("openai", min_value=0.8, output_dir=tmp_path)
    card = (report.paths["train"].parent / "README.md").read_text("utf-8")
    assert "configs" not in yaml.safe_load(card.split("---\n", 2)[1])


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        ("claude-opus-4-5-20251101", "Anthropic's terms"),
        ("anthropic/claude-3.5-haiku", "Anthropic's terms"),
        ("gpt-5-mini", "OpenAI's terms"),
        ("o3-mini", "OpenAI's terms"),
        ("gpt-oss:20b", "Apache-2.0"),
        ("Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "Apache-2.0"),
        ("llama3.2:3b", "Llama community licence"),
        ("Meta-Llama-3.1-8B", "Llama community licence"),
        ("codellama:7b", "Llama community licence"),
        ("gemma-3-4b-it", "Gemma terms"),
        ("gemini-2.5-pro", "Google's terms"),
        ("mistral-small", "Apache-2.0"),
        ("phi-4", "MIT"),
        ("deepseek-r1-distill-llama-8b", "DeepSeek licence or MIT: no terms on output; Llama"),
        ("ollama/unheard-of", UNKNOWN),
        ("philosopher", UNKNOWN),
        ("o", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_terms_go_by_the_family_of_the_name(model: str, begins: str) -> None:
    assert terms_of(model).startswith(begins)
