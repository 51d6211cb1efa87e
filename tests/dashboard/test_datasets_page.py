"""Datasets: built from the page, counted as the files are, and had by name only."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard, Watched

SPLITS = ("train", "validation", "test")


def build(seen: Watched, form: str, value: str) -> None:
    part = seen.section("Build one")
    part.get_by_role("combobox", name="Form").select_option(form)
    part.get_by_label("Least value (0 to 1)").fill(value)
    part.get_by_role("button", name="Build").click()


def latest(large: Dashboard) -> dict[str, object]:
    (row,) = large.sql(
        "SELECT id, directory, examples, manifest FROM datasets ORDER BY id DESC LIMIT 1"
    )
    return row | {"manifest": json.loads(row["manifest"])}


def test_a_dataset_is_built_and_its_files_are_had_from_the_page(
    large: Dashboard, visit: Visit
) -> None:
    seen = visit(large.at("/datasets"))
    fresh = large.value(
        "SELECT count(DISTINCT interaction_id) FROM outcomes WHERE outcome = 'success' "
        "AND value_score >= 0.7 AND confidence >= 0.7"
    )
    expect(seen.section("What there is")).to_contain_text(f"{fresh:,} successes")
    build(seen, "sharegpt", "0.94")
    seen.says("Built: ")
    row = latest(large)
    directory = Path(str(row["directory"]))
    manifest = row["manifest"]
    card = seen.page.locator(".card").filter(has_text=directory.name)
    expect(card).to_contain_text(f"{row['examples']} examples out of {manifest['candidates']}")
    for split in SPLITS:
        lines = (directory / f"{split}.jsonl").read_text().splitlines()
        shown = card.locator("tbody tr").filter(has=seen.page.get_by_text(split, exact=True))
        expect(shown.locator("td").first).to_have_text(str(len(lines)))
    with seen.page.expect_download() as download:
        card.get_by_role("link", name=f"Download train of dataset {row['id']}").click()
    saved = Path(download.value.path())
    assert saved.read_bytes() == (directory / "train.jsonl").read_bytes()
    assert download.value.suggested_filename == f"{directory.name}-train.jsonl"

    card.get_by_text("Read the card").click()
    expect(card.get_by_label(f"Card of {directory.name}")).to_contain_text(
        "Coding assistance from one's own record"
    )
    dropped = sum(manifest["dropped"].values())
    shown = [int(each.replace(",", "")) for each in card.locator(".bar-value").all_inner_texts()]
    assert sum(shown) == dropped


def test_a_dataset_of_one_project_is_counted_for_it(large: Dashboard, visit: Visit) -> None:
    (biggest,) = large.sql(
        "SELECT project FROM interactions GROUP BY project ORDER BY count(*) DESC LIMIT 1"
    )
    project = biggest["project"]
    seen = visit(large.at("/datasets"))
    seen.section("Build one").get_by_role("combobox", name="Project").select_option(project)
    build(seen, "openai", "0.94")
    seen.says("Built: ")
    row = latest(large)
    manifest = row["manifest"]
    assert manifest["project"] == project
    assert manifest["candidates"] == large.value(
        "SELECT count(*) FROM current_interactions WHERE project = $1"
        " AND outcome IN ('success', 'unknown') AND value_score >= 0.94",
        project,
    )
    card = seen.page.locator(".card").filter(has_text=Path(str(row["directory"])).name)
    counted = f"{row['examples']} examples out of {manifest['candidates']} candidates"
    expect(card).to_contain_text(f"{counted} of project {project}")


def test_what_cannot_be_built_is_said(large: Dashboard, visit: Visit) -> None:
    before = large.value("SELECT count(*) FROM datasets")
    seen = visit(large.at("/datasets"))
    build(seen, "openai", "1.5")
    field = seen.page.get_by_label("Least value (0 to 1)")
    assert not field.evaluate("field => field.validity.valid")
    assert large.value("SELECT count(*) FROM datasets") == before


def status(large: Dashboard, path: str) -> int:
    """Of a path that is sent as it is."""
    url = urlsplit(large.url)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/api/datasets/1/../../../hybrid.yaml",
        "/api/datasets/1/..%2f..%2f..%2fetc%2fpasswd",
        "/api/datasets/1/%2e%2e%2f%2e%2e%2fcoordinator.lock",
        "/api/datasets/1/train.jsonl%00",
        "/api/datasets/1/README.md",
        "/api/datasets/..%2f1/train",
        "/api/datasets/-1/train",
        "/api/datasets/999999999999999999999999/train",
        "/assets/..%2f..%2f..%2fapp.py",
        "/assets/current/../../app.py",
    ],
)
def test_nothing_else_lies_at_an_address(large: Dashboard, path: str) -> None:
    assert status(large, path) == 404
