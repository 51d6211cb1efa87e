"""How models are, for `doctor`: servers, rules in force, remote models and money, breakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.inference.breaker import BreakerReport, BreakerState
from hybrid_coordinator.inference.endpoints import (
    REFUSED,
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
)
from hybrid_coordinator.inference.prices import load_prices
from hybrid_coordinator.inference.starting import unavailable
from hybrid_coordinator.routing.rules.book import RuleBook
from hybrid_coordinator.settings import RemoteSettings

_PROVIDERS = ("anthropic", "openai")


def rules_health(book: RuleBook, problem: str | None) -> PartHealth:
    """The rules in force, and what is wrong with the user's file."""
    return PartHealth(
        "routing rules",
        ok=problem is None,
        detail=problem or f"{len(book.rules)} of {book.source}",
        remedy="correct that file; it is read again when it changes",
        needed=False,
    )


def local_health(survey: Sequence[EndpointReport]) -> Iterator[PartHealth]:
    """What each local model server has, and one line for those that nobody has started."""
    local = [report for report in survey if not report.endpoint.remote]
    away: dict[EndpointKind, list[str]] = {}
    for report in local:
        if report.state is EndpointState.DOWN and report.reason == REFUSED:
            away.setdefault(report.endpoint.kind, []).append(report.endpoint.url)
            continue
        yield PartHealth(
            f"model {report.endpoint.kind}",
            ok=bool(report.models),
            detail=", ".join(model.name for model in report.models) or str(report),
            needed=False,
        )
    if away:
        named = ", ".join(f"{kind} ({', '.join(urls)})" for kind, urls in away.items())
        yield PartHealth("not running", ok=True, detail=named, needed=False)
    if not any(report.models for report in local):
        alone = len(local) == len(survey)
        yield PartHealth(
            "a local model",
            ok=False,
            detail="none answers, so "
            + ("ask_local_llm cannot" if alone else "only remote ones are left"),
            remedy=str(unavailable(local)).rpartition(". ")[2],
            needed=False,
        )


def remote_health(
    settings: RemoteSettings, endpoints: Iterable[Endpoint], budget_left: float | None
) -> PartHealth:
    """Whether remote models may be asked, and what for; off is no fault, but half on is."""
    if not settings.models:
        keys = [_key_setting(each) for each in _PROVIDERS if _has_key(settings, each)]
        given = f", though {' and '.join(keys)} is set" if keys else ""
        return _remote(f"off: remote.models names none{given}")
    if not any(each.remote for each in endpoints) and any(
        _has_key(settings, _provider(model)) for model in settings.models
    ):
        return _remote("off: inference.enabled is false")
    prices = load_prices(settings.prices)
    on, off = [], []
    for model in settings.models:
        if not _has_key(settings, provider := _provider(model)):
            off.append(f"{model} is off: {_key_setting(provider)} is not set")
        elif prices.price_of(model) is None:
            off.append(f"{model} is off: its price is not known, set it in remote.prices")
        else:
            on.append(model)
    if not on:
        return _remote("; ".join(off), remedy="set what is missing in hybrid.yaml")
    if budget_left is None:
        return _remote("off: nothing records what they cost here")
    left = f"{max(0.0, budget_left):.2f} of {settings.daily_budget_usd:.2f} USD left today (UTC)"
    detail = "; ".join((f"{', '.join(on)}, {left}", *off))
    if budget_left <= 0:
        return _remote(detail, remedy="raise remote.daily_budget_usd, or wait until midnight UTC")
    return _remote(detail, remedy="set what is missing in hybrid.yaml" if off else "")


def _provider(model: str) -> str:
    return model.partition("/")[0]


def _key_setting(provider: str) -> str:
    return f"remote.{provider}_api_key"


def _has_key(settings: RemoteSettings, provider: str) -> bool:
    key = {"anthropic": settings.anthropic_api_key, "openai": settings.openai_api_key}[provider]
    return key is not None and bool(key.get_secret_value())


def _remote(detail: str, *, remedy: str = "") -> PartHealth:
    """With a remedy, something is amiss."""
    return PartHealth("remote models", ok=not remedy, detail=detail, remedy=remedy, needed=False)


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
