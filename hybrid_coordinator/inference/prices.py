"""What remote models cost: the shipped, dated table, and the user's own prices over it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hybrid_coordinator.errors import StorageError

PRICES_FILE = Path(__file__).with_name("prices.yaml")
_MILLION = 1e6
_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
"""How providers name a dated version of a model: claude-haiku-4-5-20251001."""


class _Rates(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def cost(self, fresh: float, tokens_out: float, cached: int, written: int) -> float:
        read = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        usd = fresh * self.input + tokens_out * self.output + cached * read + written * write
        return usd / _MILLION


class _LongRates(_Rates):
    above: int


class Price(_Rates):
    """USD for a million tokens. ``long`` holds for a request whose prompt is longer than its
    ``above`` tokens; ``cached`` and ``cache_write`` None mean as ``input``."""

    long: _LongRates | None = None

    def cost_of(
        self, tokens_in: float, tokens_out: float, *, cached_in: int = 0, written_in: int = 0
    ) -> float:
        """USD for one request, or for the mean of many. ``tokens_in`` counts the whole prompt,
        with what of it the provider held already (``cached_in``) and was asked to hold
        (``written_in``)."""
        rates: _Rates = self
        if self.long is not None and tokens_in > self.long.above:
            rates = self.long
        fresh = max(0, tokens_in - cached_in - written_in)
        return rates.cost(fresh, tokens_out, cached_in, written_in)

    def most(self, tokens_in: int, max_tokens: int) -> float:
        """The most USD that a request of about ``tokens_in`` tokens can cost: each prompt token
        at the dearest of its rates."""
        return max(
            self.cost_of(tokens_in, max_tokens),
            self.cost_of(tokens_in, max_tokens, written_in=tokens_in),
        )


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: dt.date
    sources: tuple[str, ...]
    models: Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by model. ``as_of`` is the day of the shipped table."""

    as_of: dt.date
    sources: tuple[str, ...]
    shipped: Mapping[str, Price]
    own: Mapping[str, Price]

    def price_of(self, model: str) -> Price | None:
        """The price of a model, named with or without its provider ("openai/gpt-6-luna"), or None
        where it is unknown. A dated version has the price of its model."""
        bare = model.rpartition("/")[2]
        undated = _SNAPSHOT.sub("", bare)
        for name in (model, bare, undated):
            if name in self.own:
                return self.own[name]
        return self.shipped.get(bare) or self.shipped.get(undated)


def load_prices(
    own: Mapping[str, tuple[float, float]] | None = None, file: Path = PRICES_FILE
) -> Prices:
    """The shipped table, with ``own`` prices (input and output, as in ``remote.prices``) over it.
    A ``file`` is read once in the life of the process.

    Raises:
        StorageError: the table cannot be read.
    """
    table = _shipped(file)
    return Prices(
        as_of=table.as_of,
        sources=table.sources,
        shipped=table.models,
        own={
            name: Price(input=price_in, output=price_out)
            for name, (price_in, price_out) in (own or {}).items()
        },
    )


@cache
def _shipped(file: Path) -> _Table:
    try:
        return _Table.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise StorageError(f"{file} cannot be read ({error}); reinstall the package") from error
