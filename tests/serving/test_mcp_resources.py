"""Figures and entries as MCP resources, over the wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.stdio import Json, RpcError, StdioSession, session

PAGES = ("overview", "routing", "learning")


def read(client: StdioSession, uri: str) -> Json:
    (content,) = client.request("resources/read", {"uri": uri})["contents"]
    assert (content["uri"], content["mimeType"]) == (uri, "application/json")
    found: Json = json.loads(content["text"])
    return found


def test_resources_are_listed_and_read(shared_home: Path) -> None:
    with session(shared_home) as client:
        assert "resources" in client.initialize()["capabilities"]
        listed = client.request("resources/list", {})["resources"]
        assert [one["uri"] for one in listed] == [f"hybrid://stats/{page}" for page in PAGES]
        templates = client.request("resources/templates/list", {})["resourceTemplates"]
        assert [one["uriTemplate"] for one in templates] == [
            "hybrid://stats/{page}{?project,days}",
            "hybrid://knowledge/{id}",
        ]
        overview = read(client, "hybrid://stats/overview")
        assert (overview["days"], len(overview["by_day"])) == (30, 30)
        assert overview["project"]
        week = read(client, "hybrid://stats/routing?days=7&project=shop")
        assert (week["days"], len(week["by_day"])) == (7, 7)
        assert len(read(client, "hybrid://stats/learning")["values"]) == 10


def test_an_entry_is_read_with_what_it_rests_on(shared_home: Path) -> None:
    with session(shared_home) as client:
        client.initialize()
        stored = client.tool(
            "store_knowledge",
            collection="best-practices",
            title="Lock the row",
            content="SELECT FOR UPDATE before the sum.",
        )
        found = read(client, f"hybrid://knowledge/{stored['id']}")
        assert found["item"]["title"] == "Lock the row"
        assert (found["stats"]["uses"], found["evidence"]) == (0, [])


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("hybrid://stats/money", "there are hybrid://stats/overview"),
        ("https://stats/overview", "there is no https://stats/overview"),
        ("hybrid://stats/overview?days=0", "days: must be between 1 and 3660"),
        ("hybrid://stats/overview?days=ten", "days: must be a whole number"),
        ("hybrid://stats/overview?since=x", "since is unknown"),
        ("hybrid://knowledge/x", "id"),
        ("hybrid://knowledge/00000000-0000-7000-8000-000000000000", "00000000"),
    ],
)
def test_what_is_not_there_is_told(shared_home: Path, uri: str, named: str) -> None:
    with session(shared_home) as client:
        client.initialize()
        with pytest.raises(RpcError, match=named):
            read(client, uri)
