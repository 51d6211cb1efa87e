"""Knowledge: what an agent would find is shown and not counted, and what a person changes there is
changed in the record and in the index."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Visit, opened, shop
from tests.support.browser import Dashboard, Watched
from tests.support.stdio import command, wait_until

PROJECT = "shop-1a2b3c4d"


def entry_of(large: Dashboard, origin: str, place: int = 0) -> dict[str, str]:
    """An entry in use of the project, none that another test uses."""
    rows = large.sql(
        "SELECT id::text, title, content, version FROM current_knowledge WHERE delta = 'ADD' "
        "AND origin = $1 AND project = $2 ORDER BY id OFFSET $3 LIMIT 1",
        origin,
        PROJECT,
        place,
    )
    return rows[0]


def search(seen: Watched, question: str) -> None:
    part = seen.section("Search as an agent would")
    part.get_by_label("From the project").select_option(PROJECT)
    part.get_by_label("Question, name or error").fill(question)
    part.get_by_role("button", name="Search").click()
    expect(part.locator(".results li").first).to_be_attached()
    seen.ready()


def found(large: Dashboard, question: str, identifier: str) -> bool:
    """Whether an agent's search finds it."""
    listed = large.api(f"/api/knowledge?project={PROJECT}&query={quote(question)}")
    return any(each["item"]["id"] == identifier for each in listed["candidates"])


def dialog_text(page: Page, label: str, text: str, button: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(label, exact=True).fill(text)
    dialog.get_by_role("button", name=button, exact=True).click()


def test_a_search_shows_what_an_agent_would_get_and_counts_as_no_showing(
    large: Dashboard, visit: Visit
) -> None:
    showings = large.value("SELECT count(*) FROM showings")
    entry = entry_of(large, "failure", 3)
    seen = visit(large.at("/knowledge"))
    search(seen, entry["title"])
    shown = seen.section("Search as an agent would").locator("details.group").first
    expect(shown.locator("summary").first).to_contain_text("What an agent is shown")
    assert 1 <= shown.locator(".results li").count() <= 8
    # It may be passed over for another one that does better, and then lies folded.
    link = seen.page.locator(f"a[href='/knowledge/{entry['id']}']")
    expect(link).to_have_text(entry["title"])
    context = seen.page.locator("pre[aria-label=Context]")
    expect(context).to_contain_text("Then run the tests of lesson")
    assert large.value("SELECT count(*) FROM showings") == showings


def test_a_question_about_nothing_known_is_said_to_be_shown_nothing(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/knowledge"))
    search(seen, "recipe for lemon cheesecake with biscuits")
    part = seen.section("Search as an agent would")
    expect(part).to_contain_text("An agent would be shown nothing")
    expect(part.get_by_text("not about it").first).to_be_visible()


def test_code_is_found_with_its_place(large: Dashboard, visit: Visit) -> None:
    project = large.value("SELECT project FROM source_files WHERE path = 'total.py'")
    seen = visit(large.at(f"/knowledge?query=invoice_total&as={project}"))
    result = seen.page.locator(".results li").filter(has_text="Code").first
    expect(result).to_contain_text("total.py:1-3")


def test_an_entry_is_edited(large: Dashboard, visit: Visit) -> None:
    entry = entry_of(large, "failure")
    seen = visit(large.at(f"/knowledge/{entry['id']}"))
    seen.page.get_by_role("button", name="Edit").click()
    dialog_text(seen.page, "Text", "Ask the quokka about it.", "Save")
    seen.says("Saved.")
    expect(seen.page.get_by_label("Text of the entry")).to_have_text("Ask the quokka about it.")
    (now,) = large.sql(
        "SELECT content, version, origin FROM current_knowledge WHERE id = $1::text::uuid",
        entry["id"],
    )
    assert now == {
        "content": "Ask the quokka about it.",
        "version": entry["version"] + 1,
        "origin": "stated",
    }
    wait_until(lambda: found(large, "ask the quokka", entry["id"]), what="for the index")


def test_a_pattern_is_accepted_as_it_is(large: Dashboard, visit: Visit) -> None:
    entry = entry_of(large, "pattern")
    seen = visit(large.at(f"/knowledge/{entry['id']}"))
    evidence = large.value(
        "SELECT count(*) FROM knowledge_evidence WHERE item_id = $1::text::uuid", entry["id"]
    )
    expect(seen.section("What it rests on").locator("li")).to_have_count(evidence)
    seen.page.get_by_role("button", name="Accept as it is").click()
    seen.says("It counts as yours now")
    (now,) = large.sql(
        "SELECT content, origin FROM current_knowledge WHERE id = $1::text::uuid", entry["id"]
    )
    assert now == {"content": entry["content"], "origin": "stated"}


def test_an_entry_is_retired_and_found_no_more(large: Dashboard, visit: Visit) -> None:
    entry = entry_of(large, "failure", 1)
    wait_until(lambda: found(large, entry["title"], entry["id"]), what="for the index")
    seen = visit(large.at(f"/knowledge/{entry['id']}"))
    seen.page.get_by_role("button", name="Retire").click()
    dialog_text(seen.page, "Why", "wrong since the move", "Retire")
    seen.says("Retired")
    expect(seen.page.get_by_text("out of use")).to_be_visible()
    (now,) = large.sql(
        "SELECT delta, reason FROM current_knowledge WHERE id = $1::text::uuid", entry["id"]
    )
    assert now == {"delta": "DEPRECATE", "reason": "wrong since the move"}
    wait_until(lambda: not found(large, entry["title"], entry["id"]), what="for the index")


def test_an_entry_is_deleted_only_when_that_is_confirmed(large: Dashboard, visit: Visit) -> None:
    entry = entry_of(large, "failure", 2)
    count = "SELECT count(*) FROM knowledge_items WHERE id = $1::text::uuid"
    seen = visit(large.at(f"/knowledge/{entry['id']}"))
    delete = seen.page.get_by_role("button", name="Delete", exact=True)
    delete.click()
    expect(seen.page.get_by_role("button", name="Cancel")).to_be_focused()
    seen.page.keyboard.press("Escape")
    expect(seen.page.get_by_role("dialog")).to_have_count(0)
    expect(delete).to_be_focused()
    assert large.value(count, entry["id"]) == 1
    delete.click()
    seen.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    seen.says("Deleted: 1 thing")
    expect(seen.page.get_by_role("heading", name="Knowledge", exact=True)).to_be_visible()
    assert large.value(count, entry["id"]) == 0
    assert not found(large, entry["title"], entry["id"])


def test_past_work_is_deleted_with_what_was_learned_from_it_alone(
    large: Dashboard, visit: Visit
) -> None:
    task = large.value(
        "SELECT id::text FROM interactions WHERE project = $1 ORDER BY created_at DESC OFFSET 40 "
        "LIMIT 1",
        PROJECT,
    )
    seen = visit(large.at(f"/knowledge/{task}"))
    seen.page.get_by_role("button", name="Delete", exact=True).click()
    seen.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    seen.says("Deleted: 1 thing")
    for table in (
        "interactions WHERE id",
        "outcomes WHERE interaction_id",
        "route_attempts WHERE interaction_id",
    ):
        assert large.value(f"SELECT count(*) FROM {table} = $1::text::uuid", task) == 0


def test_the_state_of_the_index_is_shown(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/knowledge"))
    index = seen.section("Index")
    for root, row in roots_of(large).items():
        shown = index.locator("tbody tr").filter(has_text=root)
        expect(shown.locator("td").nth(0)).to_have_text(f"{row[0]:,}")
        expect(shown.locator("td").nth(1)).to_have_text(f"{row[1]:,}")
    learned = large.value(
        "SELECT count(*) FROM current_knowledge WHERE delta <> 'DEPRECATE' "
        "AND collection = 'best-practices'"
    )
    points = index.locator("tbody tr").filter(has_text="Best practices").locator("td")
    expect(points).to_have_text(str(learned))


def roots_of(large: Dashboard) -> dict[str, tuple[int, int]]:
    """Files and pieces of each indexed directory."""
    rows = large.sql(
        "SELECT root, count(*) AS files, sum(cardinality(chunk_ids)) AS pieces "
        "FROM source_files WHERE path <> './' GROUP BY root"
    )
    return {row["root"]: (row["files"], row["pieces"]) for row in rows}


def test_a_directory_is_brought_up_to_date_and_watched(large: Dashboard, visit: Visit) -> None:
    root = large.home.parent / "shop"
    (root / "stock.py").write_text("def stock_level(item):\n    return item.count\n")
    seen = visit(large.at("/knowledge"))
    seen.page.get_by_role("button", name=f"Update {root}").click()
    seen.says("Up to date: 1 file in")
    row = seen.section("Index").locator("tbody tr").filter(has_text=str(root))
    expect(row.locator("td").nth(0)).to_have_text("3")
    assert large.value("SELECT count(*) FROM source_files WHERE path = 'stock.py'") == 1

    seen.page.get_by_role("button", name=f"Watch {root}", exact=True).click()
    seen.says("Its changes are followed from now on.")
    watched = "SELECT count(*) FROM watched_directories WHERE directory = $1"
    assert large.value(watched, str(root)) == 1
    seen.page.get_by_role("button", name=f"Stop watching {root}").click()
    seen.says("Its changes are not followed any more.")
    expect(row).to_contain_text("not watched")
    assert large.value(watched, str(root)) == 0


def test_the_whole_index_is_built_anew(home: Path, tmp_path: Path, visit: Visit) -> None:
    small = opened(home)
    assert command(home, "index", str(shop(tmp_path))).returncode == 0
    seen = visit(small.at("/knowledge"))
    seen.page.get_by_role("button", name="Build the whole index anew").click()
    seen.page.get_by_role("dialog").get_by_role("button", name="Build").click()
    seen.says("The new index serves.")
    serving = small.value("SELECT number FROM index_generations WHERE state = 'serving'")
    assert serving == 2
    points = seen.section("Index").locator("tbody tr").filter(has_text="Code").first.locator("td")
    expect(points).to_have_text("2")
