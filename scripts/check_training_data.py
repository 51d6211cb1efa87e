"""Has the trainers themselves read datasets: `datasets` loads each by its card, and TRL trains a
model of random weights on it, SFT on messages and ShareGPT turns, DPO on pairs.

    pip install trl
    python scripts/check_training_data.py DIRECTORY...

DIRECTORY is one that `hybrid-coordinator export training` made. TRL brings torch, which is too
heavy for the tests; nothing is downloaded here. Exits 1 if a dataset is not read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HOME", tempfile.mkdtemp(prefix="check-training-data-"))

from datasets import DatasetDict, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trl.data_utils import is_conversational, maybe_convert_to_chatml

_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}"
    "</s>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_STEPS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directories", metavar="DIRECTORY", type=Path, nargs="+")
    for directory in parser.parse_args(arguments).directories:
        manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
        loss = _train(directory, manifest)
        print(f"{directory}: {manifest['format']}, {manifest['counts']}, loss {loss:.3f}")
    return 0


def _train(directory: Path, manifest: dict[str, Any]) -> float:
    """Load a dataset by its card and train on it; returns the loss of the last step."""
    loaded = load_dataset(str(directory))
    assert isinstance(loaded, DatasetDict)
    counts = {split: count for split, count in manifest["counts"].items() if count}
    assert {split: rows.num_rows for split, rows in loaded.items()} == counts, loaded
    rows = loaded["train"]
    if manifest["format"] == "sharegpt":
        rows = rows.map(maybe_convert_to_chatml, remove_columns=rows.column_names)
    assert is_conversational(rows[0]), rows[0]
    tokenizer, model = _tokenizer(), _model()
    with tempfile.TemporaryDirectory() as folder:
        shared = {
            "output_dir": folder,
            "max_steps": _STEPS,
            "per_device_train_batch_size": 2,
            "max_length": 512,
            "use_cpu": True,
            "report_to": [],
            "logging_steps": 1,
        }
        if manifest["format"] == "dpo":
            trainer = DPOTrainer(
                model=model,
                ref_model=_model(),
                args=DPOConfig(**shared),
                train_dataset=rows,
                processing_class=tokenizer,
            )
        else:
            trainer = SFTTrainer(
                model=model,
                args=SFTConfig(**shared),
                train_dataset=rows,
                processing_class=tokenizer,
            )
        return float(trainer.train().training_loss)


def _tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<pad>", "<s>", "</s>", *alphabet]
    tokenizer = Tokenizer(models.BPE({name: number for number, name in enumerate(names)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        chat_template=_TEMPLATE,
    )


def _model() -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=259,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
