"""compose.yaml as docker compose and podman-compose read it: pinned, bounded, closed to others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from hybrid_coordinator.routing.rules.book import load_book
from hybrid_coordinator.settings import Settings, load_settings
from tests.support.compose import (
    COMPOSE,
    EVERYTHING,
    Json,
    as_written,
    docker_compose,
    podman_compose,
    resolved,
    set_up,
    used_variables,
)
from tests.support.stdio import CHECKOUT

ENGINES = {"postgres", "qdrant", "llama-chat", "llama-code", "llama-analysis", "ollama"}
FACES = {"coordinator": "8770", "balancer": "8780", "grafana": "3000", "prometheus": "9090"}
SECOND = {"coordinator-2"}
ONCE = {"grafana-role"}
"""Does its work and ends."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return set_up(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def content(stack: Path) -> Json:
    return resolved(stack)


@pytest.fixture(scope="module")
def services(content: Json) -> Json:
    found: Json = content["services"]
    return found


def test_every_part_is_there(services: Json) -> None:
    gpu = {f"{name}-gpu" for name in ENGINES - {"postgres", "qdrant"}}
    assert services.keys() == ENGINES | gpu | FACES.keys() | SECOND | ONCE


def test_podman_compose_understands_the_same(stack: Path, services: Json) -> None:
    done = podman_compose(stack, *EVERYTHING, "config")
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert {name: each["image"] for name, each in read.items()} == {
        name: each["image"] for name, each in services.items()
    }


def test_podman_can_make_every_container(stack: Path, services: Json) -> None:
    done = podman_compose(*(stack, "--verbose", *EVERYTHING, "--dry-run", "up", "-d"))
    assert done.returncode == 0, done.stderr
    made = re.findall(r"podman create --name=hybrid-coordinator_(\S+)_1 ", done.stderr)
    assert sorted(made) == sorted(services)
    assert f"podman build -f {stack / 'Containerfile'}" in done.stderr
    secret = f"{stack}/secrets/database_url:/run/secrets/database_url:ro"
    assert secret in done.stderr


def test_nothing_starts_before_it_was_set_up(tmp_path: Path) -> None:
    stack = set_up(tmp_path)
    (stack / ".env").unlink()
    done = docker_compose(stack, "config", "--quiet")
    assert done.returncode != 0
    assert "SECRETS_DIR is missing a value: run ./setup.sh first" in done.stderr


def test_every_variable_is_explained_and_has_one_default() -> None:
    explained: dict[str, str] = {}
    above = ""
    for line in (COMPOSE / ".env.example").read_text().splitlines():
        assignment = re.fullmatch(r"([A-Z_]+)=(.*)", line)
        if assignment:
            explained[assignment[1]] = assignment[2]
            assert above.startswith("#"), f"{assignment[1]} stands without an explanation"
        # A comment explains all the lines that follow it up to the next blank one.
        above = above if assignment else line
    used = used_variables()
    assert explained.keys() == used.keys() | {"COMPOSE_PROFILES"}
    assert used.pop("SECRETS_DIR") == set()  # it must be given
    assert {name: {explained[name]} for name in used} == used


def test_images_are_pinned_to_one_version(services: Json) -> None:
    ours = services["coordinator"]["image"]
    versions = {each["image"].rpartition(":")[2] for each in services.values()} - {
        ours.rpartition(":")[2]
    }
    assert [version for version in versions if not re.search(r"\d\.\d|b\d{4}", version)] == []
    for each in services.values():
        registry = each["image"].partition("/")[0]
        assert "." in registry or registry == "localhost", "podman would ask which registry"


def test_only_faces_have_ports_and_these_on_this_machine_only(services: Json) -> None:
    published = {
        name: [(port["host_ip"], port["published"]) for port in each["ports"]]
        for name, each in services.items()
        if "ports" in each
    }
    assert published == {name: [("127.0.0.1", port)] for name, port in FACES.items()}


def test_engines_are_on_a_network_without_a_way_out(content: Json, services: Json) -> None:
    networks = content["networks"]
    assert networks["engines"]["internal"] is True
    assert not networks["front"].get("internal")
    on_front = {name for name, each in services.items() if "front" in each["networks"]}
    # Ollama fetches models by itself.
    assert on_front == FACES.keys() | SECOND | {"ollama", "ollama-gpu"}
    assert all("engines" in each["networks"] for each in services.values())


def test_every_container_is_bounded_watched_and_without_new_rights(services: Json) -> None:
    for name, each in services.items():
        assert each["security_opt"] == ["no-new-privileges:true"], name
        if name in ONCE:
            continue
        assert int(each["deploy"]["resources"]["limits"]["memory"]) > 0, name
        assert each["restart"] == "unless-stopped", name
        assert each["logging"]["options"] == {"max-file": "3", "max-size": "10m"}, name
        check = each["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert check.keys() >= {"interval", "timeout", "retries", "start_period"}, name
    # Postgres changes to its own user at its start, and Ollama's image knows root only.
    others = {name for name, each in services.items() if each.get("cap_drop") != ["ALL"]}
    assert others == {"postgres", "ollama", "ollama-gpu"}
    assert {name for name, each in services.items() if not each.get("read_only")} == others


def test_a_gpu_server_stands_in_for_the_other(services: Json) -> None:
    for name in ENGINES - {"postgres", "qdrant"}:
        plain, gpu = services[name], services[f"{name}-gpu"]
        assert (plain["profiles"], gpu["profiles"]) == (["cpu"], ["gpu"])
        assert gpu["networks"]["engines"]["aliases"] == [name]
        assert gpu["healthcheck"] == plain["healthcheck"]
        assert gpu["volumes"] == plain["volumes"]
        (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
        assert gpu["deploy"]["resources"]["limits"] == plain["deploy"]["resources"]["limits"]
        more = gpu["environment"].items() - plain["environment"].items()
        assert dict(more) == ({} if name == "ollama" else {"LLAMA_ARG_N_GPU_LAYERS": "999"})
        assert ("-cuda-" in gpu["image"]) == (name != "ollama")


def test_a_second_coordinator_is_like_the_first_but_for_its_home(services: Json) -> None:
    first, second = dict(services["coordinator"]), dict(services["coordinator-2"])
    homes = [each.pop("volumes")[0]["source"] for each in (first, second)]
    assert homes == ["coordinator", "coordinator-2"]
    del first["ports"]
    assert second.pop("profiles") == ["replicas"]
    assert second == first
    assert first["networks"]["engines"]["aliases"] == ["coordinators"]


def test_both_have_the_same_settings_and_rules_by_links_of_the_image(services: Json) -> None:
    mounted = [
        [each for each in services[name]["volumes"] if each["target"] == "/etc/hybrid-coordinator"]
        for name in ("coordinator", "coordinator-2")
    ]
    assert mounted[0] == mounted[1]
    ((only,), _) = mounted
    assert (only["type"], only["read_only"], Path(only["source"]).name) == ("bind", True, "config")
    image = (COMPOSE / "Containerfile").read_text()
    links = "/etc/hybrid-coordinator/hybrid.yaml /etc/hybrid-coordinator/rules.yaml /data/"
    assert f"&& ln --symbolic {links}\n" in image
    assert f"exec coordinator ln -sb {links}\n" in (COMPOSE / "README.md").read_text()


def test_the_settings_to_begin_with_are_the_defaults_each_explained(tmp_path: Path) -> None:
    file = set_up(tmp_path) / "config" / "hybrid.yaml"
    assert load_settings(file, {}) == Settings()
    lines = file.read_text().splitlines()
    offered = [number for number, line in enumerate(lines) if re.match(r"  # [a-z_]+: ", line)]
    assert len(offered) > 10
    assert not {number + 1 for number in offered} & set(offered)  # each has its own words
    for number in offered:
        above = lines[number - 1]
        assert above.startswith("  # "), lines[number]
        lines[number] = lines[number].replace("# ", "", 1)
    file.write_text("\n".join(lines))
    content = yaml.safe_load(file.read_text())
    assert sum(map(len, content.values())) == len(offered)
    assert load_settings(file, {}) == Settings()


def test_the_example_of_rules_is_in_force_only_once_it_is_copied(stack: Path) -> None:
    assert not (stack / "config" / "rules.yaml").exists()
    book = load_book(stack / "config.example" / "rules.yaml")
    assert len(book.rules) == 3
    assert all(rule.description for rule in book.rules)


def test_the_coordinator_finds_every_engine_by_name(stack: Path, services: Json) -> None:
    given = services["coordinator"]["environment"]
    names = re.findall(r"http://([a-z-]+):(\d+)", " ".join(map(str, given.values())))
    assert dict(names) == {
        "qdrant": "6333",
        "ollama": "11434",
        "llama-chat": "8080",
        "llama-code": "8001",
        "llama-analysis": "8003",
    }
    for name, port in names:
        if name.startswith("llama"):
            assert services[name]["environment"]["LLAMA_ARG_PORT"] == port
    url = urlsplit((stack / "secrets" / "database_url").read_text())
    assert (url.hostname, url.port, url.path) == ("postgres", 5432, "/hybrid")
    assert url.password == (stack / "secrets" / "postgres_password").read_text()
    assert url.username == services["postgres"]["environment"]["POSTGRES_USER"] == "hybrid"


def test_no_secret_is_anywhere_but_in_its_file(stack: Path, content: Json, services: Json) -> None:
    secrets = {file.name: file.read_text() for file in (stack / "secrets").iterdir()}
    assert secrets.keys() == {Path(each["file"]).name for each in content["secrets"].values()}
    random = {name for name, text in secrets.items() if re.fullmatch(r"[0-9a-f]{64}", text)}
    assert random == {
        *("postgres_password", "qdrant_api_key", "qdrant_read_key"),
        *("grafana_password", "grafana_reader_password"),
    }
    given = {"anthropic_api_key", "openai_api_key", "prometheus_token"}
    assert {name for name, text in secrets.items() if not text} == given
    assert len({secrets[name] for name in random}) == len(random)
    seen = docker_compose(stack, "--profile", "cpu", "config").stdout
    seen += "".join(
        file.read_text() for file in stack.glob("**/*.yaml") if "secrets" not in file.parts
    )
    assert [name for name in random if secrets[name] in seen] == []
    for name, each in services.items():
        for variable, value in each.get("environment", {}).items():
            if re.search("PASSWORD|KEY|TOKEN", variable):
                assert value.startswith("/run/secrets/"), (name, variable)
    variables = (COMPOSE / ".env.example").read_text()
    assert not re.search(r"^[A-Z_]*(PASSWORD|_KEY|TOKEN)", variables, re.MULTILINE)


def test_setting_up_again_changes_nothing(tmp_path: Path) -> None:
    stack = set_up(tmp_path)
    assert (stack / "secrets").stat().st_mode & 0o777 == 0o700
    assert (stack / ".env").stat().st_mode & 0o077 == 0
    (stack / "secrets" / "openai_api_key").write_text("mine")
    (stack / ".env").write_text("SECRETS_DIR=./secrets\n")
    before = {file: file.read_text() for file in stack.rglob("*") if file.is_file()}
    subprocess.run([str(stack / "setup.sh")], check=True, timeout=60, capture_output=True)
    assert {file: file.read_text() for file in stack.rglob("*") if file.is_file()} == before
    another = set_up(tmp_path / "other")
    one, two = (each / "secrets" / "postgres_password" for each in (stack, another))
    assert one.read_text() != two.read_text()


def test_every_volume_and_secret_is_used() -> None:
    content = as_written()
    used = [each for service in content["services"].values() for each in service.get("volumes", [])]
    named = {each.partition(":")[0] for each in used if not each.startswith((".", "$"))}
    assert named == content["volumes"].keys()
    secrets = [each for one in content["services"].values() for each in one.get("secrets", [])]
    sources = {each if isinstance(each, str) else each["source"] for each in secrets}
    assert sources == content["secrets"].keys()


def test_every_command_that_the_pages_name_is_one() -> None:
    written = [COMPOSE / "README.md", *COMPOSE.glob("prometheus/*.yaml")]
    written += [CHECKOUT / "docs" / "scaling.md", *COMPOSE.glob("grafana/dashboards/*.json")]
    named = {
        name
        for file in written
        for name in re.findall(r"hybrid-coordinator ([a-z]+)\b", file.read_text())
        if name != "in"  # an image's name in a sentence
    }
    known = re.findall(r"^    ([a-z]+)  ", (CHECKOUT / "docs" / "cli.md").read_text(), re.MULTILINE)
    assert named
    assert named <= set(known)
