"""The dashboard's files: sent small, kept by browsers, and nothing from anywhere else."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from hybrid_coordinator.serving.http import dashboard
from hybrid_coordinator.serving.http.dashboard.assets import Assets

FOLDER = Path(dashboard.__file__).parent / "assets"
MOST_BYTES = 300_000
OURS = [file for file in FOLDER.rglob("*.js") if "vendor" not in file.parts]
REFERENCE = re.compile(r'(?:href|src)="(/assets/[^"]+)"')


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=dashboard.routes())) as made:
        yield made


def test_every_page_is_the_same_document_and_all_it_names_is_there(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    for name in dashboard.PAGES:
        assert client.get(f"/{name}").text == page.text
    assert client.get("/interactions/01890000-0000-7000-8000-000000000000").text == page.text
    named = REFERENCE.findall(page.text)
    assert {name.rpartition("/")[2] for name in named} > {"app.js", "base.css", "lit-html.js"}
    for name in named:
        found = client.get(name)
        assert found.status_code == 200, name
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert page.headers["cache-control"] == "no-cache"


def test_a_page_that_is_none_says_so_to_people_and_programs(client: TestClient) -> None:
    for_people = client.get("/elsewhere", headers={"accept": "text/html,*/*"})
    assert (for_people.status_code, for_people.text) == (404, client.get("/").text)
    assert client.get("/elsewhere").status_code == 404
    assert client.get("/elsewhere").text != for_people.text
    missing = client.get("/api/elsewhere", headers={"accept": "text/html,*/*"})
    assert (missing.status_code, missing.text) == (404, "Not Found")


def test_the_whole_is_small_on_the_wire() -> None:
    assets = Assets.read(FOLDER)
    everything = [assets.page, *assets.files.values()]
    assert sum(len(each.packed) for each in everything) < MOST_BYTES / 2, "leave room for data"
    assert all(gzip.decompress(each.packed) == each.body for each in everything)


def test_only_what_has_changed_is_sent_again(client: TestClient) -> None:
    first = client.get("/", headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    again = client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == first.text


def test_another_version_has_other_addresses(tmp_path: Path, client: TestClient) -> None:
    for file in FOLDER.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    assert Assets.read(tmp_path).version == Assets.read(FOLDER).version
    (tmp_path / "app.js").write_bytes(b"\n")
    assert Assets.read(tmp_path).version != Assets.read(FOLDER).version
    assert client.get("/assets/0123456789abcdef/app.js").status_code == 404


@pytest.mark.parametrize("path", ["../__init__.py", "%2e%2e/__init__.py", "..%2f..%2fapp.py", ""])
def test_nothing_outside_is_served(client: TestClient, path: str) -> None:
    version = Assets.read(FOLDER).version
    assert client.get(f"/assets/{version}/{path}").status_code == 404


def test_nothing_in_the_page_itself_runs_or_comes_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|<style|\bstyle=", page.text)
    assert "//" not in "".join(REFERENCE.findall(page.text))


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_text_is_never_taken_for_markup(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "unsafeHTML"):
        assert way not in source
    assert not re.search(r"\beval\(|new Function\(|https?://", source)
    assert source.startswith("//"), "the first line says what the file is for"
