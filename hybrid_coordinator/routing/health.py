"""How routing is, for `doctor`: the rules in force, remote models and their budget, breakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.inference.breaker import BreakerReport, BreakerState
from hybrid_coordinator.inference.endpoints import Endpoint
from hybrid_coordinator.routing.rules.book import RuleBook
from hybrid_coordinator.settings import RemoteSettings


def rules_health(book: RuleBook, problem: str | None) -> PartHealth:
    """The rules in force, and what is wrong with the user's file."""
    return PartHealth(
        "routing rules",
        ok=problem is None,
        detail=problem or f"{len(book.rules)} of {book.source}",
        remedy="correct that file; it is read again when it changes",
        needed=False,
    )


def remote_health(
    settings: RemoteSettings, endpoints: Iterable[Endpoint], budget_left: float | None
) -> PartHealth:
    """Whether remote models may be asked, and what for; off is no fault."""
    if not settings.models:
        return _remote("off: remote.models names none")
    if not any(each.remote for each in endpoints):
        return _remote("off: no key of a provider of remote.models is set")
    if budget_left is None:
        return _remote("off: nothing records what they cost here")
    names, daily = ", ".join(settings.models), settings.daily_budget_usd
    left = f"{max(0.0, budget_left):.2f} of {daily:.2f} USD left today (UTC)"
    return _remote(f"{names}; {left}", ok=budget_left > 0)


def _remote(detail: str, *, ok: bool = True) -> PartHealth:
    return PartHealth(
        "remote models",
        ok=ok,
        detail=detail,
        remedy="raise remote.daily_budget_usd, or wait until midnight UTC",
        needed=False,
    )


def breakers_health(reports: Iterable[BreakerReport]) -> Iterator[PartHealth]:
    """The endpoints that are left alone for a while; none where all is well."""
    for report in reports:
        if report.state is not BreakerState.CLOSED:
            again = f"in {report.retry_in:.0f} s" if report.retry_in else "with the next call"
            yield PartHealth(
                "breaker",
                ok=False,
                detail=f"{report.endpoint} is left alone after {report.failures} failures, "
                f"tried again {again}: {report.reason}",
                remedy="look at that server; it is taken up again by itself",
                needed=False,
            )
