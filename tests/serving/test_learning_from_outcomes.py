"""Through the tools: outcomes change what is shown, and what is shown is on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stdio import Json, StdioSession, command, session

QUESTION = "How should the nightly import of invoices be retried?"
WAYS = (
    "put what failed on a queue that another worker empties",
    "start from the last checkpoint instead of the first row",
    "double the delay each time, with jitter, until the morning",
    "run it against the replica to spare customers the load",
    "keep a ledger of hashes, which makes repetition harmless",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


def configure(home: Path, learning: str) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    text = f"learning: {learning}\ninference: {{enabled: false}}\n"
    (home / "hybrid.yaml").write_text(text)


def store(opened: StdioSession, ways: tuple[str, ...]) -> None:
    """Entries that bear on the question alike, and can be found."""
    for way in ways:
        opened.tool(
            "store_knowledge",
            collection="skills-patterns",
            title=f"Retry the nightly import of invoices: {way}",
            content=f"How the nightly import of invoices should be retried: {way}.",
        )
    # Each question waits two seconds for what was stored; a machine under load may take longer.
    for _ in range(30):
        if len(opened.tool("search_knowledge", query=QUESTION, limit=20)["items"]) == len(ways):
            return
    pytest.fail("what was stored cannot be found")


def shown(opened: StdioSession) -> list[str]:
    found = opened.tool("augment_query", query=QUESTION, collections=["skills-patterns"])
    return [str(one) for one in found["context_ids"]]


def use(opened: StdioSession, ids: list[str], outcome: str, response: str = "Done.") -> None:
    tracked = opened.tool(
        "track_interaction",
        query=QUESTION,
        response=response,
        agent_type="remote",
        model_used="m",
        context_ids=ids,
    )
    opened.tool("update_outcome", interaction_id=tracked["interaction_id"], outcome=outcome)


def of_item(opened: StdioSession, item: str) -> Json:
    found = opened.tool("search_knowledge", query=QUESTION, limit=20)["items"]
    (one,) = [each for each in found if each["id"] == item]
    return one


def test_what_helps_comes_first_and_what_does_not_is_shown_no_more(
    home: Path, project: Path
) -> None:
    configure(home, "{seed: 2, withhold_share: 0}")
    with session(home, cwd=project) as opened:
        store(opened, WAYS)
        first, _, third = before = shown(opened)
        assert shown(opened) == before, "without outcomes the order is that of relevance"
        # Of what was shown, what is named counts, and fully if the answer cites it.
        for _ in range(8):
            use(opened, [first], "failure", f"As {first[:13]} says.")
            use(opened, [third], "success", f"As {third[:13]} says.")
        assert [of_item(opened, each)["uses"] for each in before] == [8, 0, 8]
        found = [shown(opened) for _ in range(5)]
        assert all(each[0] == third for each in found)
        assert all(first not in each for each in found)
        assert of_item(opened, third)["success_rate"] == 1

        configure(home, "{rank_by_outcomes: false}")
        assert shown(opened) == before, "off by one setting"


def test_what_is_held_back_is_told_from_what_is_shown(home: Path, project: Path) -> None:
    configure(home, "{seed: 1, withhold_share: 0.5}")
    with session(home, cwd=project) as opened:
        store(opened, WAYS[:1])
        (item,) = shown(opened)
        for _ in range(10):
            use(opened, [item], "success")
        for _ in range(40):
            there = shown(opened)
            use(opened, there, "success" if there else "failure")
        learning = opened.request("hybrid/stats")["learning"]
        uplift = learning["uplift"]
        assert uplift["shown"] + uplift["withheld"] == 40
        assert (uplift["shown_rate"], uplift["withheld_rate"]) == (1, 0)
        assert uplift["identifiable"]
        assert of_item(opened, item)["uses"] == 10 + uplift["shown"]
        assert learning["doubts"] == []
    assert "by showing it" in command(home, "stats").stdout
