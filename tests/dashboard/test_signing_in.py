"""Signing in with a browser: the form takes the token, and what is seen is what it is for."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.dashboard.conftest import Visit, token
from tests.support.browser import Dashboard, violations

SHOP, SITE = "shop-1f3a9c2e", "site-5e6f7a8b"


def test_a_token_opens_its_projects_until_one_signs_out(asking: Dashboard, visit: Visit) -> None:
    secret = token(asking, "--user", "anna", "--project", SHOP, "--project", SITE)["secret"]

    seen = visit(asking.at("/"))
    page = seen.page
    icon = page.request.get(asking.at("/favicon.ico"))
    assert (icon.status, icon.headers["content-type"]) == (200, "image/svg+xml")
    seen.expected += ["401"]  # what a token that does not hold is answered with
    page.get_by_label("Token").fill("hc_not-this-one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not hold")
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.get_by_text("anna")).to_be_visible()
    project = page.locator("select[name=project]")
    expect(project).to_have_value(SHOP)
    expect(project.get_by_role("option")).to_have_text([SHOP, SITE])
    seen.ready()
    assert secret not in page.url
    expect(page.get_by_text("Nothing is recorded")).to_be_visible()

    page.get_by_role("link", name="Knowledge").click()
    searched = page.get_by_label("From the project")
    expect(searched).to_have_value(SHOP)
    expect(searched.get_by_role("option")).to_have_text([SHOP, SITE])
    expect(page.get_by_role("heading", name="Index")).to_be_visible()
    seen.ready()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto(asking.at("/interactions"))
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_page_whose_sign_in_has_ended_asks_for_another(asking: Dashboard, visit: Visit) -> None:
    made = token(asking, "--user", "anna")
    seen = visit(asking.at("/"))
    page = seen.page
    for way in ("a request", "the stream"):
        page.get_by_label("Token").fill(made["secret"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#live")).to_contain_text("Live")
        seen.ready()
        asking.sql("DELETE FROM browser_sessions")
        seen.expected += ["401"]
        if way == "a request":
            page.get_by_role("link", name="Routing").click()
        else:  # it is opened anew, as after a lost connection, and nothing else is asked for
            page.get_by_role("button", name="Pause").click()
            page.get_by_role("button", name="Go on").click()
        expect(page.get_by_label("Token")).to_be_visible()


def test_signing_in_is_accessible_in_light_and_dark(asking: Dashboard, visit: Visit) -> None:
    secret = token(asking, "--user", "anna")["secret"]
    seen = visit(asking.at("/login"), wide=360, tall=740)
    page = seen.page

    def check(what: str) -> None:
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            assert violations(page) == [], f"{what}, {colours}"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, what

    check("the form")
    expect(page.get_by_label("Token")).to_be_focused()
    seen.expected += ["401"]
    page.keyboard.type("hc_not-this-one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    check("the form after a wrong token")
    page.get_by_label("Token").fill(secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.locator("#session")).to_contain_text("anna")
    seen.ready()
    check("a page that says who is signed in")
    page.get_by_role("button", name="Menu").click()
    check("its menu")
