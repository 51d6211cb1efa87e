"""Figures in the words of the dashboard's pages, and where on a page they stand."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from playwright.sync_api import Locator

from tests.support.browser import Watched


def rounded(value: float, digits: int = 0) -> str:
    """As browsers round: of the exact value, a half away from zero."""
    step = Decimal(1).scaleb(-digits)
    return f"{Decimal(value).quantize(step, ROUND_HALF_UP):,}"


def short(value: float) -> str:
    """12.3, or 12 where nothing comes after the point."""
    return rounded(value, 1).removesuffix(".0")


def number(value: float) -> str:
    """1,234"""
    return rounded(value)


def percent(share: float) -> str:
    """Small shares keep a digit."""
    value = share * 100
    return f"{short(value) if 0 < value < 10 else rounded(value)}%"


def money(value: float) -> str:
    """US dollars; less than a cent keeps two digits."""
    if not 0 < value < 0.01:
        return f"${rounded(value, 2)}"
    exact = Decimal(value)
    step = Decimal(1).scaleb(exact.adjusted() - 1)
    return f"${exact.quantize(step, ROUND_HALF_UP).normalize():f}"


def duration(milliseconds: float) -> str:
    """Up to a minute."""
    if milliseconds < 1000:
        return f"{rounded(milliseconds)} ms"
    return f"{short(milliseconds / 1000)} s"


def compact(value: float) -> str:
    """From ten thousand on in thousands or millions."""
    if value < 10_000:
        return rounded(value)
    return f"{short(value / 1e6)}M" if value >= 1e6 else f"{short(value / 1e3)}K"


def detail(seen: Watched, label: str) -> Locator:
    """What stands in small below the figure of a tile."""
    return seen.figure(label).locator("xpath=../dd[@class='detail']")


def fact(part: Locator, term: str) -> Locator:
    """What a list of facts says of a term."""
    named = part.locator("dl.facts dt").get_by_text(term, exact=True)
    return named.locator("xpath=following-sibling::dd[1]")


def cells(part: Locator) -> list[list[str]]:
    """The texts of the only table there, row by row; those of a chart need not be unfolded."""
    rows = part.locator("tbody tr").all()
    return [
        [" ".join(cell.split()) for cell in row.locator("th, td").all_text_contents()]
        for row in rows
    ]
