"""skills: what was found in the work done, its evidence, and what a person decides on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    add_list_action,
    print_json,
    print_table,
)
from hybrid_coordinator.serving.client import Json, connected

_TITLE = 60
_QUERY = 100


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    skills = commands.add_parser(
        "skills", help="skills found in repeated work: list, show, accept, edit, reject, retire"
    )
    skills.add_argument("--project", help="one project only")
    add_json_flag(skills)
    skills.set_defaults(run=_list)
    actions = skills.add_subparsers(dest="action", metavar="ACTION")
    add_list_action(actions, _list)

    show = _action(actions, "show", "a proposal or a skill with its evidence")
    show.set_defaults(run=_show)
    accept = _action(actions, "accept", "make a proposal knowledge, so that it can be found")
    accept.set_defaults(run=_accept)
    edit = _action(actions, "edit", "give a proposal or a skill another text")
    text = edit.add_mutually_exclusive_group(required=True)
    text.add_argument("--content", metavar="TEXT")
    text.add_argument("--file", type=Path, metavar="FILE", help="the text stands in FILE")
    edit.set_defaults(run=_edit)
    reject = _action(actions, "reject", "turn a proposal down; its tasks are not proposed again")
    reject.set_defaults(run=_reject)
    retire = _action(actions, "retire", "take a skill out of use; it is not learned anew")
    retire.add_argument("--reason", required=True, metavar="TEXT", help="kept with the skill")
    retire.set_defaults(run=_retire)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help_text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_text)
    parser.add_argument("id", metavar="ID")
    # Given before the action, --json counts too: no default of this one may take it back.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    return parser


def _request(method: str, params: Json) -> Json:
    with connected(Home.from_environment()) as client:
        return client.request(f"hybrid/{method}", params)


def _list(options: argparse.Namespace) -> int:
    found = _request("skills", {"project": options.project})
    if options.json:
        print_json(found)
        return 0
    rows = [_item_row(item) for item in found["items"]]
    rows += [_proposal_row(one) for one in found["proposals"] if one["state"] != "accepted"]
    if not rows:
        print("no skills yet: one is proposed when a kind of task came up three times, in two")
        print("sessions, and went well twice")
        return 0
    print_table(("id", "state", "evidence", "project", "skill"), rows)
    return 0


def _item_row(item: Json) -> tuple[str, ...]:
    state = "retired" if item["delta"] == "DEPRECATE" else "accepted"
    return item["id"], state, f"version {item['version']}", item["project"], _short(item["title"])


def _proposal_row(one: Json) -> tuple[str, ...]:
    state = f"{one['state']} revision" if one["kind"] == "revision" else one["state"]
    return one["id"], state, _counts(one), one["project"], _short(one["title"])


def _counts(one: Json) -> str:
    return (
        f"{one['members']} tasks, {one['sessions']} sessions, "
        f"{one['successes']} successes, {one['failures']} failures"
    )


def _short(text: str, width: int = _TITLE) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _show(options: argparse.Namespace) -> int:
    found = _request("skill", {"id": options.id})
    if options.json:
        print_json(found)
        return 0
    proposal, item = found["proposal"], found["item"]
    shown = proposal or item
    print(printable(shown["title"]))
    if proposal:
        _print_proposal(proposal, item)
    else:
        print(f"  {_item_row(item)[1]}, version {item['version']}, project {item['project']}")
        if item["reason"]:
            print(f"  {printable(item['reason'])}")
    print(f"\n{printable(shown['content'])}\n")
    if found["diff"]:
        print(f"against the version in use:\n{printable(found['diff'])}\n")
    print("evidence:")
    for one in found["evidence"]:
        _print_evidence(one)
    for earlier in found["history"]:
        print(f"from proposal {earlier['id']}: {earlier['state']} {earlier['kind']}")
    return 0


def _print_proposal(proposal: Json, item: Json | None) -> None:
    print(f"  {_proposal_row(proposal)[1]}, project {proposal['project']}: {_counts(proposal)}")
    if proposal["reason"]:
        print(f"  {printable(proposal['reason'])}")
    if item:
        print(f"  its entry is {item['id']}, version {item['version']}")
    replay = proposal["replay"]
    if replay:
        print(
            f"  replay on {replay['successes']} successes and {replay['failures']} failures held "
            f"out: {replay['new']} (mean reciprocal rank), in use {replay['old']}"
        )


def _print_evidence(one: Json) -> None:
    row = one["interaction"]
    outcome = (row["outcome"] or {"kind": "unknown"})["kind"]
    aside = ", held out" if one["held_out"] else ""
    print(f"  {row['id']}  {outcome}{aside}, session {printable(row['session_id'] or '-')}")
    print(f"    {_short(row['query'], _QUERY)}")


def _accept(options: argparse.Namespace) -> int:
    return _decided(options, "accept_skill", {}, "accepted: it can be found from now on as")


def _edit(options: argparse.Namespace) -> int:
    content = options.content if options.file is None else _read(options.file)
    return _decided(options, "edit_skill", {"content": content}, "edited:")


def _reject(options: argparse.Namespace) -> int:
    return _decided(options, "reject_skill", {}, "rejected:")


def _retire(options: argparse.Namespace) -> int:
    return _decided(options, "retire_skill", {"reason": options.reason}, "retired:")


def _decided(options: argparse.Namespace, method: str, more: Json, words: str) -> int:
    answer = _request(method, {"id": options.id, **more})
    if options.json:
        print_json(answer)
        return 0
    (row,) = answer.values()
    print(f"{words} {row['id']}  {_short(row['title'])}")
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError("--file", f"{file} cannot be read: {error}") from error
