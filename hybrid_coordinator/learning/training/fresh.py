"""A dataset that is kept fresh: a job writes one anew when enough has come since the latest."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from hybrid_coordinator.domain.interactions import Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.jobs import Job, JobChanges, JobOrder
from hybrid_coordinator.learning.jobs.kinds import JobKind
from hybrid_coordinator.learning.training.examples import DatasetFormat
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.settings import Settings

NEW_EXAMPLES = 50
"""Successes of high value since the latest dataset that are worth another one."""

_KIND = "write-dataset"


class FreshDatasets:
    """Writes datasets behind the callers, while ``auto_finetune`` is on."""

    def __init__(
        self, training_data: TrainingData, settings: Callable[[], Settings], directory: Path
    ) -> None:
        """``directory`` takes the latest dataset, and nothing else."""
        self._training_data = training_data
        self._settings = settings
        self._directory = directory

    def kind(self) -> JobKind:
        """The job, for the worker."""
        return JobKind(_KIND, "dataset", self._write)

    def rule(self, interaction: Interaction, outcome: Outcome, value: float) -> JobChanges:
        """A success of high value orders a look at whether enough has come. All of them order the
        same job, which is one while it waits."""
        learning = self._settings().learning
        high = value >= learning.high_value_threshold
        if not (learning.auto_finetune and high and outcome.kind is OutcomeKind.SUCCESS):
            return JobChanges()
        return JobChanges(ordered=(JobOrder(_KIND, DatasetFormat.OPENAI, interaction.project),))

    async def _write(self, _: Job) -> None:
        """Done twice it changes nothing: a dataset's name is made of its content."""
        learning = self._settings().learning
        threshold = learning.high_value_threshold
        if not learning.auto_finetune:
            return
        if await self._training_data.count_new(threshold) >= NEW_EXAMPLES:
            made = await self._training_data.generate(
                DatasetFormat.OPENAI, min_value=threshold, output_dir=self._directory
            )
            await asyncio.to_thread(_keep_only, made.paths["train"].parent)


def _keep_only(latest: Path) -> None:
    """Remove the datasets beside this one: it has all that is in them, but for what was deleted."""
    for other in latest.parent.glob(f"{DatasetFormat.OPENAI}-*"):
        if other != latest:
            shutil.rmtree(other, ignore_errors=True)
