"""Say in one line why an item is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hybrid_coordinator.domain.interactions import ItemStats, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.knowledge.ranking.asked import Asked
from hybrid_coordinator.knowledge.ranking.code import defined_names
from hybrid_coordinator.knowledge.ranking.roles import Role, roles_of

_SAID_ROLES = (Role.TEST, Role.EXAMPLE, Role.VENDORED, Role.GENERATED, Role.LEGACY)
"""Parts of a project that a reader should know a piece of code to be from."""


def explain(
    collection: CollectionName,
    payload: Mapping[str, JsonValue],
    asked: Asked,
    matches: Sequence[str],
    stats: ItemStats,
    *,
    same_error: bool = False,
) -> str:
    """``a past success (value 0.78); matches parse_date, timezone; used 5 times, 80% success where
    known``.

    ``matches`` are words of the question that the item holds; ``same_error`` says that it is about
    the very error that the question quotes.
    """
    return "; ".join(
        [
            *(["the same error, met before"] if same_error else []),
            *_what_it_is(collection, payload, asked),
            "matches " + ", ".join(matches) if matches else "close in meaning",
            *_how_it_did(stats),
        ]
    )


def _what_it_is(
    collection: CollectionName, payload: Mapping[str, JsonValue], asked: Asked
) -> Iterator[str]:
    if collection is CollectionName.CODEBASE_CONTEXT:
        defined = sorted(asked.names.intersection(defined_names(payload)))
        if defined:
            yield f"defines {', '.join(defined)}"
        path, language = payload.get("file_path"), payload.get("language")
        if isinstance(path, str) and isinstance(language, str):
            roles = roles_of(path, language)
            yield from (f"{role} code" for role in _SAID_ROLES if role in roles)
    if collection is CollectionName.ERROR_SOLUTIONS and payload.get("solution_verified") is True:
        yield f"a solution that was seen to work{_times(payload)}"
    if collection is CollectionName.INTERACTION_HISTORY:
        value = payload.get("value_score")
        worth = f" (value {value:.2f})" if isinstance(value, int | float) else ""
        match payload.get("outcome"):
            case OutcomeKind.SUCCESS.value:
                yield f"a past success{worth}"
            case OutcomeKind.PARTIAL.value:
                yield f"a past partial success{worth}"
            case OutcomeKind.FAILURE.value:
                yield "a past attempt that ended in failure"
            case _:
                yield "a past task whose outcome is not known"


def _times(payload: Mapping[str, JsonValue]) -> str:
    """How often a solution worked, where it was tried more than once."""
    worked, failed = payload.get("success_count"), payload.get("failure_count")
    if not (isinstance(worked, int) and isinstance(failed, int)) or worked + failed < 2:
        return ""
    return f" ({worked} of {worked + failed} times)"


def _how_it_did(stats: ItemStats) -> Iterator[str]:
    if stats.success_rate is not None:
        times = "once" if stats.uses == 1 else f"{stats.uses} times"
        yield f"used {times}, {stats.success_rate:.0%} success where known"
