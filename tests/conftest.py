"""What holds for every test: nothing is left running, and in CI a skipped test is a failed one."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.postgres import database, dsn, empty_dsn, postgres_server
from tests.support.stdio import command, processes_of

__all__ = ["database", "dsn", "empty_dsn", "postgres_server"]  # fixtures

_CI = bool(os.environ.get("CI"))


def pytest_configure(config: pytest.Config) -> None:
    """A temporary directory of the run's own. Every start of pytest closes the common one to
    other users, among them the one that Postgres runs as for root, in the midst of other runs.

    And interrupts that interrupt: what is run in the background of a script ignores them, and so
    would every command that a test starts and interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="hybrid-tests-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp))


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip in setup or in the test itself."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skip of a whole module."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A fresh HYBRID_HOME. Its coordinator is stopped at the end, and must leave no process."""
    path = tmp_path / "home"
    yield path
    stopped = command(path, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(path) == []
