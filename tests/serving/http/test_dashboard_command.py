"""`dashboard`: the coordinator opens a listener for this machine when it is asked to."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import psutil

from tests.support.stdio import command, owner_of, session

ANY_PORT = {"HYBRID_SERVING_DASHBOARD_PORT": "0"}


def opened(home: Path) -> str:
    done = command(home, "dashboard", "--json", **ANY_PORT)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["url"])


def test_the_dashboard_is_opened_once_and_answers(home: Path) -> None:
    url = opened(home)
    assert url.startswith("http://127.0.0.1:")
    assert opened(home) == url, "a second listener was opened"
    assert command(home, "dashboard", "--no-open").stdout.strip() == url
    with httpx.Client(base_url=url) as client:
        assert client.get("healthz").text == "alive\n"
        page = client.get("")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        missing = client.get("api/nothing")
        error = missing.json()["error"]
        assert (missing.status_code, error["field"]) == (404, None)
        assert "/api/nothing" in error["message"]
        assert client.post("healthz").status_code == 405


def test_it_is_opened_in_the_browser_of_a_screen_and_in_no_other(
    home: Path, tmp_path: Path
) -> None:
    opened_urls = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >> "{opened_urls}"\n')
    browser.chmod(0o755)
    # Python's webbrowser returns when one that is named like this has ended.
    chosen = {**ANY_PORT, "BROWSER": f"{browser} %s"}
    screen = {"DISPLAY": ":99", "WAYLAND_DISPLAY": ""}
    done = command(home, "dashboard", **chosen, **screen)
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    assert opened_urls.read_text() == f"{url}\n"
    assert httpx.get(url).status_code == 200
    for arguments, where in (
        ([], {"DISPLAY": "", "WAYLAND_DISPLAY": ""}),
        (["--no-open"], screen),
        (["--json"], screen),
    ):
        assert command(home, "dashboard", *arguments, **chosen, **where).returncode == 0
    assert opened_urls.read_text() == f"{url}\n", "it was opened where nobody wants it"


def test_another_port_is_taken_where_the_usual_one_is_not_free(home: Path) -> None:
    first = opened(home)
    other = home.with_name("other")
    taken = first.rstrip("/").rpartition(":")[2]
    try:
        second = command(other, "dashboard", "--json", HYBRID_SERVING_DASHBOARD_PORT=taken)
        assert second.returncode == 0, second.stderr
        assert json.loads(second.stdout)["url"] != first
    finally:
        assert command(other, "stop").returncode == 0


def test_an_address_that_cannot_be_taken_is_said(home: Path) -> None:
    wrong = command(home, "serve", "--http", "nowhere")
    assert wrong.returncode == 1
    assert "--http: 'nowhere' is no HOST:PORT" in wrong.stderr
    port = opened(home).rstrip("/").rpartition(":")[2]
    taken = command(home.with_name("other"), "serve", "--http", f"127.0.0.1:{port}")
    assert taken.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in taken.stderr


def test_open_pages_find_the_coordinator_that_comes_after_a_killed_one(home: Path) -> None:
    url = opened(home)
    killed = psutil.Process(owner_of(home))
    killed.kill()
    killed.wait(timeout=30)
    with session(home, **ANY_PORT) as agent:
        agent.tool("search_knowledge", query="anything")
        with httpx.Client(base_url=url, timeout=60) as page:
            # A page that looks is why the next one opens it again, too.
            assert page.get("healthz").text == "alive\n"
            assert owner_of(home) != killed.pid
            assert command(home, "stop").returncode == 0
    assert (home / "dashboard.port").read_text() == url.rstrip("/").rpartition(":")[2]


def test_a_dashboard_that_nobody_looks_at_is_not_opened_again(home: Path) -> None:
    port = opened(home).rstrip("/").rpartition(":")[2]
    assert (home / "dashboard.port").read_text() == port
    assert command(home, "stop").returncode == 0
    assert not (home / "dashboard.port").exists()
    for left in (port, "no port"):
        (home / "dashboard.port").write_text(left)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", int(port)))
            taken.listen()
            with session(home, **ANY_PORT) as agent:
                assert agent.request("hybrid/status")["http"] == []
                assert not (home / "dashboard.port").exists()
        assert command(home, "stop").returncode == 0
