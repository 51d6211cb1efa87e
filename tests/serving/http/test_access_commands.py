"""`tokens` and `audit` at the command line, and a listener whose rules change under it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.support.served import made_token, served
from tests.support.stdio import command


def test_tokens_are_made_listed_and_revoked(home: Path) -> None:
    assert "no token yet" in command(home, "tokens").stdout
    done = command(home, "tokens", "create", "laptop", "--user", "alice", "--project", "shop")
    assert done.returncode == 0, done.stderr
    secret = done.stdout.splitlines()[0]
    assert secret.startswith("hc_")
    assert "shown this once" in done.stdout
    made_token(home, "bob", "--scope", "read", "--days", "2")

    listed = json.loads(command(home, "tokens", "list", "--json").stdout)
    first, second = listed
    assert (first["name"], first["user"], first["scope"]) == ("laptop", "alice", "write")
    assert (first["projects"], first["expires_at"], first["used_at"]) == (["shop"], None, None)
    assert (second["user"], second["scope"], second["projects"]) == ("bob", "read", None)
    assert second["expires_at"] is not None
    assert secret not in json.dumps(listed)

    assert command(home, "tokens", "revoke", first["id"]).returncode == 0
    text = command(home, "tokens").stdout
    assert "revoked 20" in text
    assert "until 20" in text

    for arguments, words in (
        (("create", "x", "--user", "a b"), "user: 'a b' is no user"),
        (("create", "", "--user", "a"), "name: say in at most 200 characters"),
        (("create", "x", "--user", "a", "--project", " "), "project: is empty"),
        (("create", "x", "--user", "a", "--days", "9999"), "days: must be 1 to 3660"),
        (("revoke", "nothing"), "id: 'nothing' is no id"),
        (("revoke", "0198c5a2-7b1e-7c3d-8f00-0123456789ab"), "there is no token 0198c5a2"),
    ):
        refused = command(home, "tokens", *arguments)
        assert refused.returncode == 1
        assert words in refused.stderr

    deeds = json.loads(command(home, "audit", "--json").stdout)
    actions = [(each["action"], each["user"], each["place"]) for each in reversed(deeds)]
    assert actions[:3] == [
        ("tokens create", "local", "this machine"),
        ("tokens create", "local", "this machine"),
        ("tokens revoke", "local", "this machine"),
    ]
    assert len(json.loads(command(home, "audit", "--limit", "2", "--json").stdout)) == 2
    assert json.loads(command(home, "audit", "--refused", "--json").stdout) == []
    assert json.loads(command(home, "audit", "--user", "alice", "--json").stdout) == []
    assert "tokens revoke" in command(home, "audit", "--since", "1d").stdout


def test_a_token_is_asked_for_from_the_moment_that_the_settings_say_so(home: Path) -> None:
    home.mkdir(parents=True)
    file = home / "hybrid.yaml"
    # What the environment says would win over the file.
    with served(home, HYBRID_SERVING_REQUIRE_TOKEN="") as url, httpx.Client(base_url=url) as client:
        secret = made_token(home, "alice")
        assert client.get("/api/session").json()["user"] == "local"
        file.write_text("serving: {require_token: true}\n")
        assert client.get("/api/session").status_code == 401
        bearer = {"Authorization": f"Bearer {secret}"}
        assert client.get("/api/session", headers=bearer).json()["user"] == "alice"
        file.write_text("serving: {require_token: false, requests_per_minute: 1}\n")
        assert client.get("/api/session").json()["user"] == "local"
        log = (home / "logs" / "coordinator.log").read_text()
        assert secret not in log
        assert "/api/session" not in log
