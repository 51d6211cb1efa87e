"""install and uninstall: shown, asked, kept, restored byte for byte."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.hooks.installation import Installation
from hybrid_coordinator.serving.hooks.plugin import plugin_files
from tests.support.hooks import HOOK
from tests.support.stdio import environment

SETTINGS = '{\n    "model": "opus",\n    "enabledPlugins": { "a@b": true }\n}\n'
ENTRY = "hybrid-coordinator@hybrid-coordinator"


class User:
    """Somebody with a HOME of their own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "hybrid home"
        self.settings = folder / ".claude" / "settings.json"
        self._environment = environment(self.home, HOME=str(folder))
        self._environment.pop("CLAUDE_CONFIG_DIR", None)

    def has(self, content: str | bytes) -> None:
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        self.settings.write_bytes(raw)

    def run(self, *arguments: str, answer: str = "", status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
            input=answer,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, *more: str, **how: Any) -> str:
        return self.run("install", "claude-code", *more, **how)

    def uninstall(self, *more: str, **how: Any) -> str:
        return self.run("uninstall", "claude-code", *more, **how)

    def plugin(self, name: str) -> Any:
        folder = self.home / "claude-code" / "marketplace" / "plugin"
        return json.loads((folder / name).read_text())


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def test_it_shows_what_it_will_change_asks_and_does_it(user: User) -> None:
    user.has(SETTINGS)
    shown = user.install(answer="n\n", status=1)
    assert f'+    "enabledPlugins": {{ "a@b": true, "{ENTRY}": true }},' in shown
    assert '+            "command": ' in shown
    assert "nothing was changed" in shown
    assert user.settings.read_text() == SETTINGS
    assert not user.home.exists()
    user.install(answer="y\n")
    content = json.loads(user.settings.read_text())
    assert content["model"] == "opus"
    assert content["enabledPlugins"] == {"a@b": True, ENTRY: True}
    assert "loaded by" in user.run("doctor", "--json", status=0)
    hooks = user.home / "claude-code" / "marketplace" / "plugin" / "hooks" / "hooks.json"
    hooks.write_text(hooks.read_text().replace(str(HOOK), "/gone/hook.py"))
    assert "as another installation wrote it" in user.run("doctor", "--json", status=0)
    user.run("stop")


def test_nobody_who_can_answer_means_no(user: User) -> None:
    assert "--yes" in user.install(status=1)
    assert not user.settings.exists()


def test_a_second_time_changes_nothing(user: User) -> None:
    user.install("--yes")
    before = user.settings.read_bytes()
    assert user.install("--yes") == "installed already; nothing to change\n"
    assert user.settings.read_bytes() == before


def test_without_settings_before_there_are_none_after(user: User) -> None:
    user.install("--yes")
    user.uninstall("--yes")
    assert not user.settings.exists()
    assert not (user.home / "claude-code").exists()
    assert user.uninstall("--yes") == "not installed; nothing to change\n"


def test_uninstall_asks_too(user: User) -> None:
    user.has(SETTINGS)
    user.install("--yes")
    user.uninstall(status=1)
    assert ENTRY in user.settings.read_text()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.sampled_from(["model", "hooks", "enabledPlugins", "extraKnownMarketplaces", "é"]),
        st.dictionaries(st.sampled_from(["a@b", "x", "ü"]), st.sampled_from([True, [], {}, "y"])),
    ),
    st.sampled_from([2, 4, "\t", None]),
    st.sampled_from([b"", b"\n", b"\r\n \n"]),
    st.booleans(),
)
def test_every_settings_file_is_restored_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], indent: Any, tail: bytes,
    marked: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("user")
    claude = folder / ".claude"
    claude.mkdir()
    before = b"\xef\xbb\xbf" * marked + json.dumps(content, indent=indent).encode() + tail
    (claude / "settings.json").write_bytes(before)
    ours = Installation(Home(folder / "home"), claude)
    ours.apply(ours.plan("/python", ["/server.py"]))
    assert ours.installed()
    after = json.loads((claude / "settings.json").read_bytes().decode("utf-8-sig"))
    for name, value in content.items():
        assert value.items() <= after[name].items()
    ours.remove(ours.removal())
    assert (claude / "settings.json").read_bytes() == before
    assert not ours.installed()


def test_where_the_user_changed_the_file_meanwhile_only_our_entries_go(user: User) -> None:
    user.has(SETTINGS)
    user.install("--yes")
    user.has(user.settings.read_text().replace("opus", "haiku"))
    assert "has changed since" in user.uninstall("--yes")
    assert user.settings.read_text() == SETTINGS.replace("opus", "haiku")


def test_without_what_was_kept_only_our_entries_go(user: User) -> None:
    user.has(SETTINGS)
    user.install("--yes")
    for receipt in (user.home / "claude-code").glob("*.json"):
        receipt.unlink()
    user.uninstall("--yes")
    left = json.loads(user.settings.read_text())
    assert left["enabledPlugins"] == {"a@b": True}
    assert left["model"] == "opus"


def test_after_a_second_install_over_a_plugin_that_was_switched_off_nothing_is_left(
    user: User,
) -> None:
    user.has(SETTINGS)
    user.install("--yes")
    user.has(user.settings.read_text().replace(f'"{ENTRY}": true', f'"{ENTRY}": false'))
    user.install("--yes")
    assert json.loads(user.settings.read_text())["enabledPlugins"][ENTRY] is True
    user.uninstall("--yes")
    assert user.settings.read_text() == SETTINGS


def test_a_settings_file_that_is_a_link_stays_one_and_keeps_its_permissions(
    user: User, tmp_path: Path
) -> None:
    kept = tmp_path / "dotfiles.json"
    kept.write_text(SETTINGS)
    kept.chmod(0o640)
    user.settings.parent.mkdir()
    user.settings.symlink_to(kept)
    user.install("--yes")
    assert user.settings.is_symlink()
    assert ENTRY in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    user.uninstall("--yes")
    assert user.settings.is_symlink()
    assert kept.read_text() == SETTINGS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{ // mine\n}", "is no JSON object"),
        ("[]", "is no JSON object"),
        (b"\xff\xfe{}", "is no JSON object"),
        ('{"enabledPlugins": ["a"]}', "enabledPlugins: "),
    ],
)
def test_settings_that_cannot_be_edited_are_named_and_left_alone(
    user: User, content: str | bytes, words: str
) -> None:
    user.has(content)
    before = user.settings.read_bytes()
    said = user.install("--yes", status=1)
    assert words in said
    assert str(user.settings) in said
    assert user.settings.read_bytes() == before
    assert not user.home.exists()


def test_settings_that_are_a_link_to_themselves_are_named(user: User) -> None:
    user.settings.parent.mkdir()
    user.settings.symlink_to(user.settings.name)
    assert f"{user.settings} cannot be read" in user.install("--yes", status=1)


def test_claude_codes_own_lists_of_plugins_forget_ours(user: User) -> None:
    user.install("--yes")
    plugins = user.settings.parent / "plugins"
    lists: dict[str, Any] = {
        "known_marketplaces.json": {"hybrid-coordinator": {"x": 1}, "other": {}},
        "installed_plugins.json": {"version": 2, "plugins": {ENTRY: [], "a@b": []}},
    }
    (plugins / "cache" / "hybrid-coordinator" / "0.1").mkdir(parents=True)
    (plugins / "cache" / "other").mkdir()
    for name, content in lists.items():
        (plugins / name).write_text(json.dumps(content, indent=2))
    user.uninstall("--yes")
    del lists["known_marketplaces.json"]["hybrid-coordinator"]
    del lists["installed_plugins.json"]["plugins"][ENTRY]
    for name, content in lists.items():
        assert (plugins / name).read_text() == json.dumps(content, indent=2)
    assert [each.name for each in (plugins / "cache").iterdir()] == ["other"]


@pytest.mark.parametrize("content", ["", "[]", '{"hybrid-coordinator"', '{"plugins": 1}'])
def test_a_list_of_claude_codes_that_is_not_as_expected_is_left_alone(
    user: User, content: str
) -> None:
    user.install("--yes")
    plugins = user.settings.parent / "plugins"
    plugins.mkdir()
    for name in ("known_marketplaces.json", "installed_plugins.json"):
        (plugins / name).write_text(content)
    user.uninstall("--yes")
    assert {file.read_text() for file in plugins.iterdir()} == {content}


def test_the_plugin_names_this_installation_and_this_home(user: User) -> None:
    user.install("--yes")
    hooks = user.plugin("hooks/hooks.json")["hooks"]
    assert set(hooks) == {
        *("SessionStart", "UserPromptSubmit", "PostToolUse", "PostToolUseFailure"),
        *("Stop", "StopFailure", "SubagentStop", "SessionEnd"),
    }
    words = shlex.split(hooks["UserPromptSubmit"][0]["hooks"][0]["command"])
    assert words[1:7] == ["-I", "-S", str(HOOK), str(user.home), "ask", "0.028"]
    assert Path(words[0]).exists()
    server = user.plugin(".mcp.json")["mcpServers"]["hybrid"]
    assert os.access(server["command"], os.X_OK)
    assert server["args"] == []
    assert server["env"] == {"HYBRID_HOME": str(user.home)}


@pytest.mark.parametrize("python", [sys.executable, "/gone/python"])
def test_hooks_of_a_package_that_is_gone_hold_up_nothing(tmp_path: Path, python: str) -> None:
    """Python ends with status 2 without its program, which tells Claude Code to block."""
    files = plugin_files(Home(tmp_path / "home"), python, ["/server"])
    hooks = json.loads(files["plugin/hooks/hooks.json"])["hooks"]
    for (kind,) in hooks.values():
        command = kind["hooks"][0]["command"].replace(str(HOOK), "/gone/hook.py")
        assert "/gone/" in command
        done = subprocess.run(
            ["sh", "-c", command], input=b"{}", capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
