"""tokens, audit: who may reach the coordinator over HTTP, and what they did."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from hybrid_coordinator.domain.access import Scope
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.imports import since_when
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import add_json_flag, positive, print_json, print_table
from hybrid_coordinator.serving.client import Json, connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    tokens = commands.add_parser("tokens", help="who may reach this coordinator over HTTP")
    add_json_flag(tokens)
    tokens.set_defaults(run=_list)
    actions = tokens.add_subparsers(dest="action", metavar="ACTION")
    listed = actions.add_parser("list", help="all of them; the same without an action")
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    listed.set_defaults(run=_list)
    create = actions.add_parser("create", help="make one; its secret is shown this once")
    create.add_argument("name", metavar="NAME", help="what it is for")
    create.add_argument("--user", required=True, help="whose it is; one's history is one's own")
    create.add_argument(
        "--scope", choices=[each.value for each in Scope], default=Scope.WRITE.value,
        help="read: search and look; write (default): record, store and ask models too; "
        "admin: also what touches the server's files",
    )  # fmt: skip
    create.add_argument("--project", action="append", help="for this one only; may be repeated")
    create.add_argument("--days", type=positive, help="it holds for so many days")
    create.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    create.set_defaults(run=_create)
    revoke = actions.add_parser("revoke", help="have one hold no longer, at once and everywhere")
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(run=_revoke)
    audit = commands.add_parser("audit", help="what was done under tokens, and what was refused")
    audit.add_argument("--user", help="of one user only")
    audit.add_argument("--refused", action="store_true", help="only what was refused")
    audit.add_argument("--since", metavar="WHEN", help="from a day on (2026-11-21), or 12h, 7d, 4w")
    audit.add_argument("--limit", type=positive, default=100, help="the latest so many (100)")
    add_json_flag(audit)
    audit.set_defaults(run=_audit)


def _create(options: argparse.Namespace) -> int:
    params: Json = {
        "name": options.name,
        "user": options.user,
        "scope": options.scope,
        "projects": options.project,
        "days": options.days,
    }
    with connected(Home.from_environment()) as client:
        made = client.request("hybrid/create_token", params)
    if options.json:
        print_json(made)
        return 0
    print(made["secret"])
    print()
    print(f"Token {made['id']} of {made['user']}. Its secret is shown this once, and kept nowhere.")
    return 0


def _list(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        found = client.request("hybrid/tokens")["tokens"]
    if options.json:
        print_json(found)
        return 0
    if not found:
        print("no token yet: hybrid-coordinator tokens create NAME --user USER")
        return 0
    header = ("id", "for", "user", "scope", "projects", "state", "used")
    rows = [
        (
            each["id"],
            printable(each["name"]),
            each["user"],
            each["scope"],
            printable(", ".join(each["projects"])) if each["projects"] else "all",
            _state(each),
            _minute(each["used_at"]) if each["used_at"] else "never",
        )
        for each in found
    ]
    print_table(header, rows)
    return 0


def _state(token: Json) -> str:
    if token["revoked_at"]:
        return f"revoked {_minute(token['revoked_at'])}"
    if not token["expires_at"]:
        return "holds"
    over = datetime.fromisoformat(token["expires_at"]) <= datetime.now(UTC)
    return f"{'expired' if over else 'until'} {_minute(token['expires_at'])}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _revoke(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        token = client.request("hybrid/revoke_token", {"id": options.id})
    print(f"token {token['id']} of {token['user']} holds no longer")
    return 0


def _audit(options: argparse.Namespace) -> int:
    params: Json = {"user": options.user, "allowed": False if options.refused else None}
    if options.since is not None:
        params["since"] = since_when(options.since, datetime.now(UTC)).isoformat()
    found: list[Json] = []
    with connected(Home.from_environment()) as client:
        while len(found) < options.limit:
            params |= {"limit": min(options.limit - len(found), 1000)}
            page = client.request("hybrid/audit", params)["entries"]
            found += page
            if len(page) < params["limit"]:
                break
            params["before"] = page[-1]["id"]
    if options.json:
        print_json(found)
        return 0
    header = ("at", "user", "token", "from", "action", "target", "")
    rows = [
        (
            each["at"][:19].replace("T", " "),
            each["user"] or "-",
            (each["token_id"] or "-")[-12:],
            each["place"],
            printable(each["action"]),
            printable(each["target"]),
            "" if each["allowed"] else f"refused: {printable(each['reason'])}",
        )
        for each in found
    ]
    print_table(header, rows)
    return 0
