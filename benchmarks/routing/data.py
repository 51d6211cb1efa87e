"""Reading the open data: one JSON object a line, gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


class DataMissingError(Exception):
    """A file is not there; the message says which, and where a stranger gets it."""


SOURCES = {
    "mmlu_dev": "lm-sys/RouteLLM, routellm/evals/mmlu (Apache-2.0)",
    "gsm8k_dev": "lm-sys/RouteLLM, routellm/evals/gsm8k (Apache-2.0)",
    "tier_labels_train": "CommonstackAI/UncommonRoute, bench (MIT)",
    "tier_labels_dev": "CommonstackAI/UncommonRoute, bench (MIT)",
    "agent_steps_dev": "CommonstackAI/UncommonRoute, earlier commits (MIT, Apache-2.0)",
}


def load(data: Path, name: str) -> list[Row]:
    """The rows of ``routing/NAME.jsonl.gz`` under ``data``. Raises DataMissingError."""
    path = data / "routing" / f"{name}.jsonl.gz"
    if not path.is_file():
        raise DataMissingError(f"No {path}; its rows are from {SOURCES.get(name, 'elsewhere')}.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
