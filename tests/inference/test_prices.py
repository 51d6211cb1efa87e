"""The price table: what is known, by which name, and what a request costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.inference.prices import load_prices

PRICES = load_prices()


@pytest.mark.parametrize(
    ("name", "price_in", "price_out"),
    [
        ("claude-sonnet-4-5", 3, 15),
        ("claude-sonnet-4-5-20250929", 3, 15),
        ("anthropic/claude-haiku-4-5-20251001", 1, 5),
        ("anthropic/claude-haiku-4-5-latest", 1, 5),
        ("openai/gpt-6-luna", 0.1, 0.5),
        ("gpt-6-astra-2026-09-03", 10, 50),
    ],
)
def test_a_model_is_found_by_its_names(name: str, price_in: float, price_out: float):
    price = PRICES.price_of(name)
    assert price is not None
    assert (price.input, price.output) == (price_in, price_out)


@pytest.mark.parametrize("name", ["claude-sonnet", "claude-sonnet-4-5x", "gpt-6", "llama", ""])
def test_an_unknown_price_is_none_and_no_likeness_of_names_makes_one(name: str):
    assert PRICES.price_of(name) is None


def test_own_prices_come_first():
    prices = load_prices({"openai/gpt-6-luna": (7.0, 8.0), "my-model": (1.0, 2.0)})
    mine = prices.price_of("openai/my-model-2026-01-01")
    assert mine is not None
    assert mine.cost_of(1_000_000, 1_000_000) == pytest.approx(3.0)
    luna = prices.price_of("openai/gpt-6-luna")
    assert luna is not None
    assert luna.input == 7.0


def test_cost_by_hand():
    price = PRICES.price_of("claude-haiku-5-5")
    assert price is not None
    assert price.cost_of(100_000, 1000) == pytest.approx(0.01 + 0.0005)
    assert price.cost_of(100_001, 1000) == pytest.approx(0.0500005 + 0.0025), "all of it is dear"
    assert price.cost_of(50_000, 0, cached_in=20_000, written_in=10_000) == pytest.approx(
        0.002 + 0.0002 + 0.00125
    )


@given(
    name=st.sampled_from(sorted(PRICES.shipped)),
    whole=st.integers(0, 500_000),
    out=st.integers(0, 50_000),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
)
def test_no_request_costs_more_than_its_most(
    name: str, whole: int, out: int, shares: tuple[float, float]
):
    price = PRICES.shipped[name]
    cached, written = (int(whole * share) for share in shares)
    cost = price.cost_of(whole, out, cached_in=cached, written_in=written)
    assert 0 <= cost <= price.most(whole, out) + 1e-9


def test_the_table_is_dated_and_names_its_sources():
    assert PRICES.as_of.year >= 2026
    assert all(source.startswith("https://") for source in PRICES.sources)
    assert all(0 < price.input < price.output for price in PRICES.shipped.values())


def test_openai_charges_for_what_it_holds_unasked():
    rates = [price for name, price in PRICES.shipped.items() if name.startswith("gpt-6")]
    for each in [*rates, *(price.long for price in rates if price.long is not None)]:
        assert each.cache_write == pytest.approx(1.25 * each.input)


def test_a_damaged_table_is_an_error_with_the_next_step(tmp_path: Path):
    file = tmp_path / "prices.yaml"
    file.write_text("models: {m: {input: cheap}}", encoding="utf-8")
    with pytest.raises(StorageError, match="reinstall"):
        load_prices(file=file)
