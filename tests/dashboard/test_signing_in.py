"""Signing in with a browser: the form takes the token, and what is seen is what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Visit, opened
from tests.support.browser import Dashboard
from tests.support.stdio import command, processes_of

SHOP, SITE = "shop-1f3a9c2e", "site-5e6f7a8b"


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard that asks who is there."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "hybrid.yaml").write_text("serving: {require_token: true}\n")
    yield opened(home)
    stopped = command(home, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []


def test_a_token_opens_its_projects_until_one_signs_out(asking: Dashboard, visit: Visit) -> None:
    wanted = ["--user", "anna", "--project", SHOP, "--project", SITE, "--json"]
    made = command(asking.home, "tokens", "create", "laptop", *wanted)
    assert made.returncode == 0, made.stderr
    secret = json.loads(made.stdout)["secret"]

    seen = visit(asking.at("/"))
    seen.expected += ["401", "/favicon.ico"]
    page = seen.page
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

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto(asking.at("/interactions"))
    expect(page.get_by_label("Token")).to_be_visible()
