"""What becomes of what was found: shown, held back, passed over, or not about the question."""

from __future__ import annotations

from hybrid_coordinator.domain.context import Fate, PackedContext, previewed
from hybrid_coordinator.domain.items import CollectionName, ContextItem


def item(name: str, *merged: str) -> ContextItem:
    return ContextItem(
        name, CollectionName.SKILLS_PATTERNS, name, "text", "here", 1.0, "why", merged_ids=merged
    )


def test_everything_that_was_found_has_one_fate() -> None:
    best, twin, held, spare, other = (item(name) for name in ("best", "twin", "held", "spare", "x"))
    packed = PackedContext((item("best", "twin"),), "the text", 12)
    seen = previewed([other, spare, best], [best, twin, held, spare], packed, held, ("a notice",))
    assert {each.item.id: each.fate for each in seen.candidates} == {
        "best": Fate.SHOWN,
        "twin": Fate.SHOWN,  # as a part of the best one
        "held": Fate.HELD_BACK,
        "spare": Fate.PASSED_OVER,
        "x": Fate.IRRELEVANT,
    }
    assert seen.candidates[0].item.id == "best", "what is shown comes first"
    assert (seen.text, seen.tokens, seen.abstained) == ("the text", 12, False)
    assert seen.notices == ("a notice",)


def test_nothing_relevant_is_an_abstention() -> None:
    seen = previewed([item("x")], [], PackedContext((), "", 0), None)
    assert seen.abstained
    assert [each.fate for each in seen.candidates] == [Fate.IRRELEVANT]
