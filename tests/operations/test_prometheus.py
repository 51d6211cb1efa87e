"""Prometheus: its configuration and alerts, and the real one reading the real coordinator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.operations.test_container_commands import PATIENCE, free_port, until_healthy
from tests.support.compose import COMPOSE, Json, as_written, health_command
from tests.support.grafana import panels
from tests.support.llama_server import LlamaServer, llama_server, tiny_model
from tests.support.served import made_token, served
from tests.support.stdio import CHECKOUT, command

__all__ = ["llama_server", "tiny_model"]  # fixtures

OURS = "hybrid_"
RULES = COMPOSE / "prometheus" / "alerts.yaml"
CASES = Path(__file__).with_name("alert_cases.yaml")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def configured(directory: Path, coordinator: str = "coordinator:8770", token: str = "t") -> Path:
    """The configuration as it is in the container, with files and addresses of this machine."""
    files = shutil.copytree(COMPOSE / "prometheus", directory / "prometheus")
    file = files / "prometheus.yaml"
    text = file.read_text().replace("/etc/prometheus/", f"{files}/")
    content = yaml.safe_load(text)
    for job in content["scrape_configs"]:
        if "authorization" in job:
            secret = Path(job["authorization"]["credentials_file"])
            assert secret.parent == Path("/run/secrets")
            assert secret.name in as_written()["services"]["prometheus"]["secrets"]
            (directory / secret.name).write_text(f"{token}\n")
            job["authorization"]["credentials_file"] = str(directory / secret.name)
        if job["job_name"] == "coordinator":
            assert job.pop("dns_sd_configs")[0]["names"] == ["coordinators"]
            job["static_configs"] = [{"targets": [coordinator]}]
    content["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    file.write_text(yaml.safe_dump(content))
    return file


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_configuration_and_rules(tmp_path: Path) -> None:
    promtool("check", "config", str(configured(tmp_path)))
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


def test_alerts_fire_when_they_should_and_not_otherwise(tmp_path: Path) -> None:
    cases = yaml.safe_load(CASES.read_text())
    cases["rule_files"] = [str(RULES)]
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump(cases))
    promtool("test", "rules", str(file))
    tried = {case["alertname"] for test in cases["tests"] for case in test["alert_rule_test"]}
    assert tried == {rule["alert"] for rule in rules()}


def test_every_alert_says_what_to_do() -> None:
    page = (CHECKOUT / "docs" / "scaling.md").read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
        assert f"`{rule['alert']}`" in page, f"{rule['alert']} is not in docs/scaling.md"


def rules() -> list[Json]:
    groups: list[Json] = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Every PromQL expression, by where it stands; Grafana's variables replaced."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel.targets:
            if "expr" in target:
                expression = re.sub(r"\$__(rate_interval|interval|range)\b", "1m", target["expr"])
                found[f"{panel} {target['refId']}"] = expression
    page = (CHECKOUT / "docs" / "scaling.md").read_text()
    named = re.findall(rf"`({OURS}\w+(?:\{{[^`]*\}})?)`", page)
    assert named
    return found | {f"docs/scaling.md: {name}": name for name in named}


@dataclass(frozen=True)
class Serving:
    """A coordinator that listens for others, and a token to read it."""

    address: str
    token: str

    def metrics(self) -> str:
        request = urllib.request.Request(
            f"http://{self.address}/metrics", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return str(answer.read(), "utf-8")


@pytest.fixture
def coordinator(home: Path, dsn: str, llama_server: LlamaServer) -> Iterator[Serving]:
    """It has searched and asked a model once, so that there is something of everything."""
    settings = {"DATABASE_URL": dsn, "LLAMA_CPP_BASE_URL": llama_server.url}
    with served(home, "0.0.0.0:0", **settings) as url:
        for words in (["search", "row lock"], ["ask", "Say one."]):
            done = command(home, *words)
            assert done.returncode == 0, done.stderr
        token = made_token(home, "prometheus", "--scope", "read")
        yield Serving(f"127.0.0.1:{urllib.parse.urlsplit(url).port}", token)


@contextmanager
def prometheus(directory: Path, file: Path) -> Iterator[str]:
    """The real one, with the options of the container; its URL."""
    port = free_port()
    options = [
        re.sub(r"\$\{\w+:-(\w+)\}", r"\1", option)
        for option in as_written()["services"]["prometheus"]["command"]
    ]
    replaced = {
        "--config.file": str(file),
        "--storage.tsdb.path": str(directory / "tsdb"),
        "--web.listen-address": f"127.0.0.1:{port}",
    }
    given = {option.partition("=")[0]: option.partition("=")[2] for option in options}
    assert replaced.keys() <= given.keys()
    given |= replaced
    with subprocess.Popen(
        [program("prometheus"), *(f"{name}={value}" for name, value in given.items())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until_healthy(health_command("prometheus", {"9090": port}), process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def asked(url: str, expression: str) -> list[Json]:
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=PATIENCE) as answer:
            found: list[Json] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{expression}: {error.read().decode()}") from error
    return found


def test_the_real_prometheus_reads_the_real_coordinator(
    coordinator: Serving, tmp_path: Path
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):  # without its token
        urllib.request.urlopen(f"http://{coordinator.address}/metrics", timeout=PATIENCE)
    exposed = coordinator.metrics()
    lint = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr
    families = set(re.findall(r"^# TYPE (\w+) ", exposed, re.MULTILINE))
    file = configured(tmp_path, coordinator.address, coordinator.token)
    with prometheus(tmp_path, file) as url:
        deadline = time.monotonic() + PATIENCE
        while not asked(url, 'up{job="coordinator"} == 1'):
            assert time.monotonic() < deadline, asked(url, "up")
        for place, expression in expressions().items():
            asked(url, expression)
            for name in re.findall(rf"\b{OURS}\w+", expression):
                family = re.sub(r"_(bucket|sum|count)$", "", name)
                assert family in families, f"{place}: {name} is not in /metrics"
        assert asked(url, f'{{__name__=~"{OURS}.+"}}')
