"""What a page offers is what the visitor's token allows: nothing is shown to be refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit, shop, token
from tests.support.browser import Dashboard
from tests.support.stdio import session, wait_until

SKILL = "00000000-0000-4000-8000-000000000001"

PROPOSE = """
INSERT INTO skill_proposals (id, project, kind, title, content, fields, members, sessions,
    successes, failures, state)
VALUES ($1::text::uuid, $2, 'new', 'Mend it', 'By hand.', '{}', 3, 2, 2, 0,
    'proposed')
"""
ORDER = """
INSERT INTO jobs (kind, subject, project, payload) VALUES ('extract_pattern', $1, $2, '{}')
"""


@dataclass(frozen=True)
class Filled:
    """What there is to act on: its project, its directory, and ids."""

    project: str
    root: Path
    entry: str
    shared: str
    done: str


def filled(dashboard: Dashboard, directory: Path) -> Filled:
    """Something for every action."""
    root = shop(directory)
    with session(dashboard.home, cwd=root) as agent:
        agent.tool("index_codebase", path=str(root))
        entry = {"collection": "best-practices", "title": "Lock the row", "content": "First."}
        known = agent.tool("store_knowledge", **entry)["id"]
        entry = {**entry, "title": "Sum in cents", "project": "global"}
        shared = agent.tool("store_knowledge", **entry)["id"]
        work = {"query": "Lock it", "response": "Locked.", "agent_type": "remote"}
        done = agent.tool("track_interaction", **work, model_used="m")["interaction_id"]
    project = str(dashboard.value("SELECT project FROM interactions"))
    dashboard.sql(PROPOSE, SKILL, project)
    dashboard.sql(ORDER, done, project)
    return Filled(project, root, known, shared, done)


def check(
    dashboard: Dashboard, visit: Visit, offered: Mapping[str, set[str]], *wanted: str
) -> None:
    """Wait until each page has these buttons in sight, and no others, for a new token of the
    owner's."""
    secret = token(dashboard, "--user", "local", *wanted)["secret"]
    seen = visit(dashboard.at("/"))
    page = seen.page
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    buttons = page.locator("main button:visible:not(.sort)")

    def there() -> set[str]:
        return {" ".join(words.split()) for words in buttons.all_inner_texts()}

    expect(page.locator("#session")).to_contain_text("local")
    for path, names in offered.items():
        seen.go(dashboard.at(path))
        expect(page.locator("#session")).to_contain_text("local")  # what they may do is known
        wait_until(lambda names=names: there() == names, timeout=60, what=f"for {names} on {path}")


def test_each_scope_is_offered_what_it_may_do(
    asking: Dashboard, visit: Visit, tmp_path: Path
) -> None:
    have = filled(asking, tmp_path)
    decides = {"Accept Mend it", "Reject Mend it", "Retry job 1", "Drop job 1"}
    indexes = {f"Update {have.root}", f"Watch {have.root}"}
    changes = {"Edit", "Retire", "Delete"}
    # To whom the buttons of each page are offered: who may write, and who administers besides.
    pages: dict[str, tuple[set[str], set[str]]] = {
        "/learning": ({*decides, "Retry all"}, set()),
        f"/learning/{SKILL}": ({"Accept", "Edit", "Reject"}, set()),
        f"/knowledge/{have.entry}": (changes, set()),
        f"/knowledge/{have.shared}": (changes, set()),
        f"/knowledge/{have.done}": ({"Edit", "Delete"}, set()),
        f"/interactions/{have.done}": ({"Say how it ended"}, set()),
        "/models": ({"Ask"}, set()),
        "/knowledge": (set(), {*indexes, "Build the whole index anew"}),
        "/datasets": (set(), {"Build"}),
    }
    looks = {path: {"Search"} if path == "/knowledge" else set() for path in pages}
    writes = {path: looks[path] | buttons for path, (buttons, _) in pages.items()}
    everything = {path: writes[path] | buttons for path, (_, buttons) in pages.items()}
    check(asking, visit, looks, "--scope", "read")
    check(asking, visit, writes, "--scope", "write")
    check(asking, visit, everything, "--scope", "admin")
    # Who sees one project changes nothing that is everybody's.
    some = {
        "/learning": decides,
        f"/knowledge/{have.shared}": set(),
        "/knowledge": {*indexes, "Search"},
    }
    check(asking, visit, some, "--scope", "admin", "--project", have.project)
