"""What stands beside a dataset's files: its manifest, and its card as the Hugging Face Hub has them
(https://huggingface.co/docs/hub/datasets-cards)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import yaml

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.training import SPLITS
from hybrid_coordinator.learning.training.examples import DatasetFormat
from hybrid_coordinator.learning.training.files import Digests
from hybrid_coordinator.learning.training.filters import MAX_TOKENS, MIN_CONFIDENCE
from hybrid_coordinator.learning.training.licences import terms_of
from hybrid_coordinator.learning.training.minhash import NEAR, PERMUTATIONS, SHINGLE
from hybrid_coordinator.learning.training.splits import MOST_OF_A_TASK
from hybrid_coordinator.version import __version__

_SHAPES = {
    DatasetFormat.OPENAI: (
        "chat messages, as OpenAI's fine-tuning and TRL's conversational datasets have them",
        "text-generation",
    ),
    DatasetFormat.SHAREGPT: (
        "ShareGPT turns, as LLaMA-Factory and axolotl have them",
        "text-generation",
    ),
    DatasetFormat.DPO: (
        "preference pairs with an explicit prompt, as TRL's DPOTrainer has them",
        "reinforcement-learning",
    ),
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a dataset of one project holds, or of all (None): ``candidates`` is ``counts`` and
    ``dropped`` summed up, ``models`` and ``projects`` count the examples that each has a part in,
    ``made_at`` has a time zone."""

    layout: DatasetFormat
    made_at: datetime
    min_value: float
    max_examples: int | None
    project: str | None
    candidates: int
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    models: Mapping[str, int]
    projects: Mapping[str, int]


def manifest(contents: Contents, digests: Digests) -> dict[str, JsonValue]:
    """All about a dataset that a program may want to know."""
    return {
        "format": contents.layout.value,
        "created_at": contents.made_at.isoformat(),
        "generator": f"hybrid-coordinator {__version__}",
        "min_value": contents.min_value,
        "max_examples": contents.max_examples,
        "project": contents.project,
        "filters": {
            "min_confidence": MIN_CONFIDENCE,
            "max_tokens": MAX_TOKENS,
            "max_examples_of_a_task": MOST_OF_A_TASK,
            "near_duplicate": {
                "jaccard": NEAR,
                "shingle_words": SHINGLE,
                "permutations": PERMUTATIONS,
            },
        },
        "candidates": contents.candidates,
        "counts": dict(contents.counts),
        "dropped": dict(contents.dropped),
        "projects": dict(contents.projects),
        "models": [
            {"model": model, "examples": examples, "terms": terms_of(model)}
            for model, examples in contents.models.items()
        ],
        "sha256": digests.splits,
        "files": dict(digests.files),
    }


def card(contents: Contents) -> str:
    """The README.md."""
    shape, task = _SHAPES[contents.layout]
    files: list[JsonValue] = [
        {"split": split, "path": f"{split}.jsonl"} for split in SPLITS if contents.counts[split]
    ]
    about: dict[str, JsonValue] = {
        "pretty_name": f"Coding assistance from one's own record ({contents.layout.value})",
        "license": "other",
        "license_name": "see-models",
        "task_categories": [task],
        "tags": ["code", "hybrid-coordinator"],
        "size_categories": [_size(sum(contents.counts.values()))],
        # The Hub's reader fails at a split that is empty.
        **({"configs": [{"config_name": "default", "data_files": files}]} if files else {}),
    }
    front = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + _TEXT.format(
        day=contents.made_at.date().isoformat(),
        version=__version__,
        shape=shape,
        min_value=contents.min_value,
        min_confidence=MIN_CONFIDENCE,
        max_tokens=MAX_TOKENS,
        near=NEAR,
        shingle=SHINGLE,
        most=MOST_OF_A_TASK,
        candidates=contents.candidates,
        kept=sum(contents.counts.values()),
        scope="all projects" if contents.project is None else f"project {_cell(contents.project)}",
        splits=_table(("Split", "Examples"), contents.counts),
        dropped=_table(("Reason", "Interactions"), contents.dropped),
        projects=_table(("Project", "Examples"), contents.projects),
        models=_models(contents.models),
    )


def _models(models: Mapping[str, int]) -> str:
    rows = "".join(f"| {_cell(m)} | {n} | {terms_of(m)} |\n" for m, n in models.items())
    return f"| Model | Examples | Terms on what it answered |\n| --- | ---: | --- |\n{rows}"


def _table(header: tuple[str, str], rows: Mapping[str, int]) -> str:
    lines = "".join(f"| {_cell(name)} | {count} |\n" for name, count in rows.items())
    return f"| {header[0]} | {header[1]} |\n| --- | ---: |\n{lines}"


def _cell(name: str) -> str:
    return " ".join(name.replace("|", "\\|").split())


def _size(examples: int) -> str:
    """The Hub's class of a dataset's size."""
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    return next((name for bound, name in bounds if examples < bound), "100K<n<1M")


_TEXT = """\
# Coding assistance from one's own record

Made on {day} by hybrid-coordinator {version}: {kept} examples out of {candidates} candidates, in
the form of {shape}.

## Where it comes from

From tasks that coding agents and local models worked on on one person's machines, and how that
went. Candidates are interactions of {scope}, of a value of at least {min_value}, that succeeded,
and those whose outcome is not known, which are dropped. `provenance.jsonl` names the interaction,
the project, the model and the value of each example, and `manifest.json` has these figures for
programs.

{splits}
## Splits

Near-duplicate tasks and all that one session asked are in one split, which the hash of the group
chooses (about 80, 10 and 10 in a hundred; the first group is in training). Later exports of the
same record keep every example where it is. Repositories are not kept apart: validation and test
ask new tasks about known code.

## What was dropped

{dropped}
- `unverified`: the outcome is unknown, or was inferred with a confidence below {min_confidence}.
- `refusal`, `truncated`, `empty_query`, `empty_response`, `repetitive`, `not_text`: the answer
  refuses or asks back, is cut off, empty, runs in circles, or is not text.
- `tool_calls_out_of_order`: steps are missing, or calls of tools stand in the words.
- `too_long`: more than {max_tokens} tokens, estimated at 3.5 bytes a token.
- `injected_context`: context that the coordinator gave stands in it.
- `duplicate`, `near_duplicate`: the same but for spacing, or a Jaccard similarity of at least
  {near} of {shingle}-word shingles (MinHash).
- `bridges_splits`: it is like examples of two splits.
- `task_over_represented`: {most} near-duplicates of its task are in already.
- `no_pair`, `same_answer`: there is no failed answer to the task, or it is the same.
- `over_max_examples`: more than were asked for.

## Privacy

Secrets and personal data are replaced by typed placeholders (`<SECRET:kind>`, `<PERSONAL:kind>`):
keys, tokens and passwords; e-mail addresses, telephone, card and account numbers, public IP
addresses, and user names in paths. That is done by rules, which cannot know every secret and every
name: look through it before you give it away.

## Tool calls

What was done before an answer is written as calls of three functions, since the record keeps kinds
of steps and not the tools' own names: `run_command`, `edit_file`, `use_tool`. What they returned is
the part of the output that the record has. No system prompts are recorded, so there are none.

## Projects

{projects}
## Models and their terms

{models}
The terms are a note made by the names of the models, not legal advice: check them before you train
or publish.
"""
