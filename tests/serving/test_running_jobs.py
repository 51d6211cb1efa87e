"""Jobs of a running coordinator: at the terminal, and through crashes, restarts and company."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import psutil

from tests.support.background import in_background
from tests.support.model_server import HANG, ModelServer, Stream
from tests.support.patterns import TASK, jobs, model, only, patterns, says, solved
from tests.support.stdio import Json, command, owner_of, session, wait_until

CHAT = "/v1/chat/completions"
WAITS = "no local model answers: 1 pattern waits"


def in_database(dsn: str, sql: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def shown(home: Path, *arguments: str) -> str:
    done = command(home, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(home: Path) -> list[Json]:
    return json.loads(shown(home, "jobs", "--json"))


def test_a_person_sees_retries_and_drops_jobs(home: Path, dsn: str) -> None:
    with session(home, DATABASE_URL=dsn, **only(None)) as opened:
        assert shown(home, "jobs") == shown(home, "jobs", "list") == "none waits\n"
        solved(opened)
        wait_until(lambda: jobs(opened)["words"] == WAITS, what="for the worker's look")
        (job,) = listed(home)
        assert (job["kind"], job["state"], job["tries"]) == ("extract_pattern", "waiting", 0)
        assert job["subject"] in shown(home, "jobs")

        reason = "a pattern that says nothing: \x1b[31mred\nit repeats the task"
        in_database(dsn, f"UPDATE jobs SET parked = true, tries = 5, reason = E'{reason}'")
        text = shown(home, "jobs")
        assert "parked" in text
        assert "it repeats the task" in text
        assert "\x1b" not in text
        parts = json.loads(shown(home, "doctor", "--json"))["parts"]
        (health,) = [part for part in parts if part["name"] == "jobs"]
        assert (health["ok"], health["detail"], health["needed"]) == (False, "1 parked", False)

        number = str(job["id"])
        assert shown(home, "jobs", "retry", number) == "1 to be tried now\n"
        assert listed(home)[0]["state"] == "waiting"
        assert shown(home, "jobs", "retry", "--all") == "0 to be tried now\n"
        assert shown(home, "jobs", "drop", number) == f"job {number} is dropped\n"
        assert listed(home) == []

        for arguments, status, words in (
            (("retry",), 1, "--all"),
            (("retry", "1", "--all"), 1, "--all"),
            (("retry", number), 1, "hybrid-coordinator jobs"),
            (("drop", number), 1, "hybrid-coordinator jobs"),
            (("drop", "9" * 30), 1, "id"),
            (("drop", "x"), 2, "ID"),
        ):
            failed = command(home, "jobs", *arguments)
            assert failed.returncode == status, failed.stdout
            assert words in failed.stderr


def test_another_outcome_withdraws_the_job_and_the_same_one_names_it_again(home: Path) -> None:
    with session(home, **only(None)) as opened:
        result = solved(opened)
        again = {"interaction_id": result["interaction_id"], "user_feedback": 1}
        assert opened.tool("update_outcome", **again, outcome="success") == result
        worse = opened.tool("update_outcome", **again, outcome="failure")
        assert not worse["high_value"]
        assert worse["queued"] == []
        assert [job["kind"] for job in jobs(opened)["jobs"]] in ([], ["weigh_patterns"])


def test_a_pattern_whose_only_evidence_fails_is_found_no_more(home: Path) -> None:
    with (
        in_background(ModelServer(model(says()))) as beside,
        session(home, **only(beside.server.url)) as opened,
    ):
        result = solved(opened)
        wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the pattern")
        failed = opened.tool(
            "update_outcome", interaction_id=result["interaction_id"], outcome="failure"
        )
        assert failed["queued"] == []
        wait_until(lambda: not patterns(opened), timeout=60, what="for it to be taken back")


def test_a_coordinator_killed_in_mid_job_leaves_it_to_be_done_once(home: Path) -> None:
    with in_background(ModelServer(model(Stream([HANG])))) as beside:
        server = beside.server
        with session(home, **only(server.url)) as opened:
            solved(opened)
            wait_until(lambda: len(server.bodies(CHAT)) == 1, what="for the model to be asked")
            assert jobs(opened)["words"] == "1 running"
            owner = psutil.Process(owner_of(home))
            owner.kill()
            owner.wait(timeout=30)
            server.answers = model(says())
            beside.do(ModelServer.release)
            # The bridge starts another coordinator for this call.
            wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the job to be done")
            wait_until(lambda: jobs(opened)["jobs"] == [], what="for the job's end")
            assert owner_of(home) != owner.pid
            rows = opened.request("hybrid/export", {"kind": "knowledge"})["rows"]
            (entry,) = [row for row in rows if row["origin"] == "pattern"]
            assert entry["fields"]["success_examples"] == [TASK]
        assert len(server.bodies(CHAT)) == 2


def test_a_coordinator_stopped_in_mid_job_gives_it_back(home: Path) -> None:
    with in_background(ModelServer(model(Stream([HANG])))) as beside:
        server = beside.server
        with session(home, **only(server.url)) as opened:
            solved(opened)
            wait_until(lambda: len(server.bodies(CHAT)) == 1, what="for the model to be asked")
        stopped = command(home, "stop")
        assert stopped.returncode == 0, stopped.stderr
        wait_until(lambda: server.dropped == 1, what="for the answer to be given up")
        server.answers = model(says())
        with session(home, **only(None)) as opened:  # no model, so nobody takes it up
            (job,) = jobs(opened)["jobs"]
            assert (job["tries"], job["reason"]) == (0, "the coordinator was stopped")
        assert command(home, "stop").returncode == 0
        with session(home, **only(server.url)) as opened:
            wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the job to be done")


def test_a_postgres_killed_in_mid_job_comes_back_and_the_job_is_done(home: Path) -> None:
    with in_background(ModelServer(model(Stream([HANG])))) as beside:
        server = beside.server
        with session(home, **only(server.url)) as opened:
            solved(opened)
            wait_until(lambda: len(server.bodies(CHAT)) == 1, what="for the model to be asked")
            server.answers = model(says())
            pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
            psutil.Process(pid).kill()
            wait_until(lambda: server.dropped == 1, timeout=60, what="for the job to be left")

            def given_back() -> bool:
                (job,) = jobs(opened)["jobs"]
                return job["state"] == "waiting" and job["tries"] == 0

            wait_until(given_back, timeout=60, what="for the job to be given back")
            shown(home, "jobs", "retry", "--all")
            wait_until(lambda: bool(patterns(opened)), timeout=60, what="for the job to be done")


def test_two_coordinators_on_one_database_do_each_job_once(
    home: Path, tmp_path: Path, dsn: str
) -> None:
    other = tmp_path / "elsewhere" / "home"
    other.parent.mkdir()
    with in_background(ModelServer(model(says()))) as beside:
        settings = {"DATABASE_URL": dsn, **only(beside.server.url)}
        work = {"cwd": tmp_path}
        with session(home, **work, **settings) as one, session(other, **work, **settings) as two:
            for number in range(4):
                solved(one, f"{TASK} in part {number}")
                solved(two, f"{TASK} in part {number} of the other half")
            wait_until(lambda: jobs(one)["jobs"] == [], timeout=60, what="for all jobs")
            assert len(beside.server.bodies(CHAT)) == 8
        stopped = command(other, "stop")
        assert stopped.returncode == 0, stopped.stderr
    rows = in_database(dsn, "SELECT item_id, count(*) FROM knowledge_evidence GROUP BY item_id")
    assert [row["count"] for row in rows] == [8]
