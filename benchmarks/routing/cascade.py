"""The whole cascade over HTTP: both models answer with their recorded texts, and ours decides.

The weak model is a local endpoint, the strong one a remote provider on loopback with a key, a
price and a budget in a real Postgres. Each threshold of the answer check is one pass over all
questions; between thresholds the curve is a straight line.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from benchmarks.routing.apgr import Floats
from benchmarks.routing.data import Row, load
from benchmarks.routing.replay import Replay
from benchmarks.routing.tables import Table
from hybrid_coordinator import Router
from hybrid_coordinator.settings import (
    InferenceSettings,
    RemoteSettings,
    RoutingSettings,
    Settings,
    StorageSettings,
)
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres

_THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)
_STRONG = "gpt-4"
_GPT_4 = (30.0, 60.0)
"""USD for a million tokens in and out, as OpenAI lists gpt-4."""
_ENOUGH = 0.95
_WITHIN = 0.02
_NOTHING: Mapping[str, tuple[str, ...]] = {
    "llama_cpp": (),
    "ollama": (),
    "lmstudio": (),
    "docker_model_runner": (),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy and money as the share of questions that the strong model is asked grows."""

    strong_calls: Floats
    accuracy: Floats
    money: Floats

    def calls_at(self, accuracy: float) -> float | None:
        """The smallest share of strong calls at which the accuracy is reached."""
        return _first(self.accuracy, self.strong_calls, accuracy)

    def saved_at(self, accuracy: float) -> float | None:
        """The share of the all-strong money that is saved where the accuracy is reached."""
        spent = _first(self.accuracy, self.money, accuracy)
        return None if spent is None else 1 - spent


def measure(data: Path) -> Table:
    """GSM8K's recorded answers, replayed."""
    rows = load(data, "gsm8k_dev")
    return asyncio.run(_measure(rows))


async def _measure(rows: Sequence[Row]) -> Table:
    weak = np.array([float(row["weak_correct"]) for row in rows])
    strong = np.array([float(row["strong_correct"]) for row in rows])
    cost = np.array([_cost(row) for row in rows])
    lengths = np.array([float(len(row["prompt"])) for row in rows])
    curves = {
        "ours, over HTTP": await _replayed(rows, weak, strong, float(cost.sum())),
        "prompt length": _by(lengths, weak, strong, cost),
        "random": _by(np.random.default_rng(0).random(len(rows)), weak, strong, cost),
        "oracle": _by(strong - weak, weak, strong, cost),
    }
    enough, equal = _ENOUGH * strong.mean(), strong.mean() - _WITHIN
    lines = [
        [
            name,
            _percent(curve.calls_at(enough)),
            _percent(curve.saved_at(equal)),
            f"{curve.accuracy.max():.3f}",
        ]
        for name, curve in curves.items()
    ]
    lines.append(["always the strong model", "100%", "0%", f"{strong.mean():.3f}"])
    lines.append(["always the weak model", "-", "-", f"{weak.mean():.3f}"])
    return Table(
        "The cascade replayed over HTTP, GSM8K",
        (
            "router",
            "strong calls at 95% of the strong model's accuracy",
            "money saved at equal accuracy within 2 points",
            "best accuracy",
        ),
        lines,
        "The weak model costs nothing; money is the strong model's tokens. The weights of the "
        "answer check were fitted on these answers: held out, its AUC is lower by .01.",
    )


async def _replayed(
    rows: Sequence[Row], weak: Floats, strong: Floats, all_strong_money: float
) -> Curve:
    points = []
    texts = {
        name: {row["prompt"]: row[f"{name}_response"] for row in rows}
        for name in ("weak", "strong")
    }
    with tempfile.TemporaryDirectory() as directory:
        postgres = await EmbeddedPostgres.start(Path(directory) / "postgres")
        try:
            async with (
                Replay("mixtral-8x7b-instruct", texts["weak"]) as local,
                Replay(_STRONG, texts["strong"]) as remote,
            ):
                for threshold in _THRESHOLDS:
                    settings = _settings(local.url, remote.url, postgres.dsn, threshold)
                    points.append(await _pass(rows, settings, weak, strong))
        finally:
            await postgres.stop()
    shares, accuracies, money = (np.array(column) for column in zip(*sorted(points), strict=True))
    return Curve(shares, accuracies, money / all_strong_money)


async def _pass(
    rows: Sequence[Row], settings: Settings, weak: Floats, strong: Floats
) -> tuple[float, float, float]:
    """Strong calls as a share, accuracy, money in USD."""
    called, right, money = 0, 0.0, 0.0
    async with Router(settings) as router:
        for row, weak_right, strong_right in zip(rows, weak, strong, strict=True):
            reply = await router.ask(row["prompt"])
            called += any(attempt.remote for attempt in reply.attempts)
            right += strong_right if reply.model == _STRONG else weak_right
            money += reply.cost_usd or 0.0
    return called / len(rows), right / len(rows), money


def _settings(local: str, remote: str, dsn: str, threshold: float) -> Settings:
    return Settings(
        storage=StorageSettings(database_url=SecretStr(dsn)),
        inference=InferenceSettings(vllm=(local,), confidence_threshold=threshold, **_NOTHING),
        remote=RemoteSettings(
            models=(f"openai/{_STRONG}",),
            openai_api_key=SecretStr("a-key-for-loopback"),
            openai_base_url=remote,
            daily_budget_usd=1e6,
            prices={f"openai/{_STRONG}": _GPT_4},
        ),
        routing=RoutingSettings(cache_hours=0, learn=False, preset="strong"),
    )


def _by(scores: Floats, weak: Floats, strong: Floats, cost: Floats) -> Curve:
    """Sending the questions with the highest scores to the strong model, and no other."""
    order = np.argsort(-scores, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((strong - weak)[order])])
    spent = np.concatenate([[0.0], np.cumsum(cost[order])])
    shares = np.arange(len(scores) + 1) / len(scores)
    return Curve(shares, weak.mean() + gained / len(scores), spent / cost.sum())


def _cost(row: Row) -> float:
    tokens_in, tokens_out = len(row["prompt"]) // 4 + 1, len(row["strong_response"]) // 4 + 1
    return (tokens_in * _GPT_4[0] + tokens_out * _GPT_4[1]) / 1e6


def _first(accuracy: Floats, wanted: Floats, enough: float) -> float | None:
    """``wanted`` where ``accuracy`` first reaches ``enough``, on straight lines between points."""
    for place, reached in enumerate(accuracy):
        if reached >= enough:
            if place == 0:
                return float(wanted[0])
            part = (enough - accuracy[place - 1]) / (reached - accuracy[place - 1])
            return float(wanted[place - 1] + part * (wanted[place] - wanted[place - 1]))
    return None


def _percent(share: float | None) -> str:
    return "never" if share is None else f"{share:.0%}"
