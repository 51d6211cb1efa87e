"""What holds for every page: anybody can use it, on any screen, and nobody's words become code."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard, violations
from tests.support.stdio import command

HOSTILE = '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>${window.hurt=1}'
FILE = """"><img src=x onerror='window.hurt=1'><svg onload=window.hurt=1>${window.hurt=1}"""
"""What can be part of a file's name: it has no slash."""
PAGES = {
    "overview": "/",
    "routing": "/routing",
    "learning": "/learning",
    "skill": "/learning/{skill}",
    "knowledge": "/knowledge?query=pagination: it raises KeyError&as=shop-1a2b3c4d",
    "entry": "/knowledge/{entry}",
    "interactions": "/interactions",
    "interaction": "/interactions/{interaction}",
    "models": "/models",
    "datasets": "/datasets",
}


def address(large: Dashboard, name: str) -> str:
    """Of a page; those about one thing are about a hostile one."""
    return large.at(
        PAGES[name].format(
            skill=large.value("SELECT md5('proposal 1')::uuid::text"),
            entry=large.value("SELECT md5('lesson 7')::uuid::text"),
            interaction=large.value(
                "SELECT id::text FROM interactions WHERE project LIKE 'hostile%' "
                "ORDER BY created_at DESC LIMIT 1"
            ),
        )
    )


@pytest.mark.parametrize("name", PAGES)
def test_it_is_accessible_in_light_and_dark_and_fits_a_phone(
    large: Dashboard, visit: Visit, name: str
) -> None:
    seen = visit(address(large, name))
    page = seen.page
    assert violations(page) == [], "in light"
    page.emulate_media(color_scheme="dark")
    assert violations(page) == [], "in dark"
    page.set_viewport_size({"width": 360, "height": 740})
    assert violations(page) == [], "on a phone"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


DIALOGS = [
    ("entry", "Edit"),
    ("entry", "Retire"),
    ("entry", "Delete"),
    ("skill", "Edit"),
    ("interaction", "Say how it ended"),
    ("knowledge", "Build the whole index anew"),
]


@pytest.mark.parametrize(("name", "button"), DIALOGS)
def test_a_dialog_is_accessible_and_keeps_the_focus(
    large: Dashboard, visit: Visit, name: str, button: str
) -> None:
    page = visit(address(large, name), wide=360, tall=740).page
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == [], "in dark"
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body"
            " || document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name=button, exact=True)).to_be_focused()


@pytest.mark.parametrize("name", ["skill", "entry", "interaction"])
def test_hostile_words_are_shown_as_they_are(large: Dashboard, visit: Visit, name: str) -> None:
    seen = visit(address(large, name))
    expect(seen.page.locator("main")).to_contain_text(HOSTILE)
    expect(seen.page.locator("main img")).to_have_count(0)


def test_hostile_names_are_choices_like_any_other(large: Dashboard, visit: Visit) -> None:
    project = f"hostile {HOSTILE}"
    seen = visit(large.at("/interactions"))
    seen.page.get_by_role("combobox", name="Project").select_option(project)
    many = large.value("SELECT count(*) FROM interactions WHERE project = $1", project)
    expect(
        seen.page.get_by_role("status").filter(has_text=f"of {many} interactions")
    ).to_be_visible()
    expect(seen.page.get_by_role("table")).to_contain_text(HOSTILE)


def hostile_code(directory: Path) -> Path:
    """A directory whose name, files, definitions and headings are markup with a script."""
    root = directory / f"code {FILE}"
    root.mkdir()
    (root / f"{FILE}.py").write_text(
        f"def zephyr_total(lines):\n    '''{HOSTILE}'''\n    return sum(lines)  # {HOSTILE}\n"
    )
    (root / "names.js").write_text(f"class Zephyr {{\n    [`{HOSTILE}`]() {{ return 1; }}\n}}\n")
    (root / "names.md").write_text(f"# Zephyr {HOSTILE}\n\nThe zephyr is a {HOSTILE} wind.\n")
    (root / "names.html").write_text(f"<p>zephyr {HOSTILE}</p>\n")
    return root


def test_hostile_code_is_shown_as_it_is(large: Dashboard, visit: Visit, tmp_path: Path) -> None:
    root = hostile_code(tmp_path)
    indexed = command(large.home, "index", str(root))
    assert indexed.returncode == 0, indexed.stderr
    paths = large.sql("SELECT project, path FROM source_files WHERE root = $1", str(root))
    project = paths[0]["project"]
    assert f"{FILE}.py" in {each["path"] for each in paths}
    seen = visit(large.at("/knowledge"))
    page = seen.page
    search = seen.section("Search as an agent would")
    search.get_by_label("From the project").select_option(project)
    search.get_by_label("Question, name or error").fill(f"zephyr_total zephyr {HOSTILE}")
    search.get_by_role("button", name="Search").click()
    results = search.locator(".results li")
    for name in (f"{FILE}.py", "names.js", "names.md", "names.html"):
        expect(results.filter(has_text=name).first).to_be_attached()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for name in (f"{FILE}.py", "names.js", "names.md", "names.html"):
        expect(results.filter(has_text=name).locator("pre").first).to_contain_text(HOSTILE)
    expect(page.get_by_label("Context", exact=True)).to_contain_text(HOSTILE)
    row = seen.section("Index").locator("tbody tr").filter(has_text=FILE)
    expect(row).to_contain_text(str(root))
    row.get_by_role("button", name="Update").click()
    seen.says("Up to date: ")
    page.reload()  # with the question in its address
    expect(results.first).to_be_attached()
    seen.ready()
    expect(page.locator("main :is(img, script, svg[onload])")).to_have_count(0)
    assert violations(page) == []


def test_pages_are_reached_by_keyboard_alone(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/"))
    page = seen.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Learning")
    link.focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="Learning", level=1)
    expect(heading).to_be_focused()
    expect(link).to_have_attribute("aria-current", "page")
    seen.ready()

    sort = page.get_by_role("button", name="Went well")
    sort.focus()
    page.keyboard.press("Enter")
    header = page.get_by_role("columnheader", name="Went well")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(sort).to_be_focused()


def test_the_menu_of_a_phone_opens_by_keyboard(large: Dashboard, visit: Visit) -> None:
    page = visit(large.at("/datasets"), wide=360, tall=740).page
    menu = page.get_by_role("button", name="Menu")
    expect(menu).to_have_attribute("aria-expanded", "false")
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.get_by_role("link", name="Models").press("Enter")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "false")


def test_a_theme_that_is_chosen_stays(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/datasets"))
    page = seen.page
    light = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    page.get_by_role("combobox", name="Theme").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    assert dark != light
    page.reload()
    seen.ready()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") == dark


def test_charts_have_the_colours_of_the_theme(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/routing?days=365"))
    for theme, local in (("light", "29,95,191"), ("dark", "127,176,245")):
        seen.page.get_by_role("combobox", name="Theme").select_option(theme)
        seen.ready()
        drawn = """local => [...document.querySelectorAll("canvas")].some(canvas => {
            const { data } = canvas.getContext("2d")
                .getImageData(0, 0, canvas.width, canvas.height);
            for (let at = 0; at < data.length; at += 4)
                if (`${data[at]},${data[at + 1]},${data[at + 2]}` === local) return true;
            return false;
        })"""
        seen.page.wait_for_function(drawn, arg=local)


def test_nothing_but_this_coordinator_is_asked(large: Dashboard, visit: Visit) -> None:
    seen = visit(large.at("/"))
    for name in ("Routing", "Learning", "Knowledge", "Interactions", "Models", "Datasets"):
        seen.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        expect(seen.page.get_by_role("heading", name=name, level=1)).to_be_visible()
        seen.ready()
    assert {url for url in seen.requests if not url.startswith(large.url)} == set()
