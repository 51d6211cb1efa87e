"""jobs: what is to be learned and waits, runs or is parked; retry it, or drop it."""

from __future__ import annotations

import argparse

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    add_list_action,
    positive,
    print_json,
    print_table,
)
from hybrid_coordinator.serving.client import connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    jobs = commands.add_parser("jobs", help="what waits to be learned, and why; retry or drop it")
    jobs.add_argument("--project", help="one project only")
    add_json_flag(jobs)
    jobs.set_defaults(run=_list)
    actions = jobs.add_subparsers(dest="action", metavar="ACTION")
    add_list_action(actions, _list)
    retry = actions.add_parser("retry", help="try a parked or resting job now")
    retry.add_argument("id", nargs="?", type=positive, metavar="ID")
    retry.add_argument("--all", action="store_true", help="every one")
    retry.set_defaults(run=_retry)
    drop = actions.add_parser("drop", help="have a job not done")
    drop.add_argument("id", type=positive, metavar="ID")
    drop.set_defaults(run=_drop)


def _list(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        found = client.request("hybrid/jobs", {"project": options.project})
    if options.json:
        print_json(found["jobs"])
        return 0
    if found["jobs"]:
        rows = [
            (
                job["id"],
                job["kind"],
                job["state"],
                job["tries"],
                printable(job["project"]),
                job["subject"],
                " ".join(printable(job["reason"]).split()) or "-",
            )
            for job in found["jobs"]
        ]
        print_table(("id", "kind", "state", "tries", "project", "about", "reason"), rows)
        print()
    print(found["words"])
    return 0


def _retry(options: argparse.Namespace) -> int:
    if (options.id is None) is not options.all:
        raise InvalidArgumentError("ID", "give one job's id, or --all")
    with connected(Home.from_environment()) as client:
        done = client.request("hybrid/retry_jobs", {"id": options.id})
    print(f"{done['retried']} to be tried now")
    return 0


def _drop(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        client.request("hybrid/drop_job", {"id": options.id})
    print(f"job {options.id} is dropped")
    return 0
