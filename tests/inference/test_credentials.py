"""Remote endpoints and keys: off without both, and a key goes to its own origin only."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from hybrid_coordinator.errors import HybridError, SettingsError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.credentials import Credentials, configured_credentials
from hybrid_coordinator.inference.discovery import Discovery
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointState,
    LocalModel,
    configured_endpoints,
)
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.settings import InferenceSettings, RemoteSettings
from tests.support.model_server import Answer, ModelServer, Scripted, Stream
from tests.support.model_wire import (
    anthropic_answer,
    anthropic_refusal,
    event,
    openai_answer,
    openai_models,
    openai_refusal,
)

NOTHING = {"llama_cpp": (), "ollama": (), "lmstudio": (), "vllm": (), "docker_model_runner": ()}
LOCAL_KEY, ANTHROPIC_KEY, OPENAI_KEY = "lan-1f6e", "sk-ant-7c3a", "sk-proj-91bd"
BOTH = ("anthropic/claude-a", "openai/gpt-b", "anthropic/claude-c", "anthropic/claude-a")


def remote(*models: str, **more: object) -> RemoteSettings:
    return RemoteSettings.model_validate({"models": models, **more})


def test_a_provider_is_on_with_models_and_a_key_only():
    key = SecretStr("k")
    inference = InferenceSettings.model_validate(NOTHING)
    for settings in (
        remote(),
        remote(anthropic_api_key=key, openai_api_key=key),
        remote(*BOTH),
        remote(*BOTH, anthropic_api_key=SecretStr("")),
        remote("openai/gpt-b", anthropic_api_key=key),
    ):
        assert configured_endpoints(inference, settings) == ()
    assert configured_endpoints(inference, remote(*BOTH, openai_api_key=key)) == (
        Endpoint(EndpointKind.OPENAI, "https://api.openai.com", models=("gpt-b",)),
    )
    assert configured_endpoints(inference) == ()


def test_remote_endpoints_come_last_with_their_models_in_order():
    settings = remote(*BOTH, anthropic_api_key="a", openai_api_key="b")
    inference = InferenceSettings.model_validate(
        {**NOTHING, "openai_compatible": ("https://gpu.example/v1",)}
    )
    endpoints = configured_endpoints(inference, settings)
    assert [(each.kind, each.url, each.models, each.remote) for each in endpoints] == [
        (EndpointKind.COMPATIBLE, "https://gpu.example", (), False),
        (EndpointKind.ANTHROPIC, "https://api.anthropic.com", ("claude-a", "claude-c"), True),
        (EndpointKind.OPENAI, "https://api.openai.com", ("gpt-b",), True),
    ]
    off = inference.model_copy(update={"enabled": False})
    assert configured_endpoints(off, settings) == ()


def test_a_remote_url_may_hold_no_password():
    settings = remote("openai/m", openai_api_key="k", openai_base_url="https://u:geheim@host")
    with pytest.raises(SettingsError) as caught:
        configured_endpoints(InferenceSettings(), settings)
    assert "geheim" not in str(caught.value)


def test_a_key_belongs_to_one_origin():
    settings = remote(*BOTH, anthropic_api_key=ANTHROPIC_KEY, openai_api_key=OPENAI_KEY)
    inference = InferenceSettings.model_validate(
        {
            "openai_compatible": ("http://gpu.lan:9000/v1",),
            "openai_compatible_api_key": LOCAL_KEY,
        }
    )
    credentials = configured_credentials(inference, settings)
    assert credentials.headers("https://api.anthropic.com/v1/messages") == {
        "x-api-key": ANTHROPIC_KEY
    }
    assert credentials.headers("https://API.openai.com:443/v1/models") == {
        "authorization": f"Bearer {OPENAI_KEY}"
    }
    assert credentials.headers("http://gpu.lan:9000/v1/models") == {
        "authorization": f"Bearer {LOCAL_KEY}"
    }
    for url in (
        "http://127.0.0.1:8080/v1/models",
        "http://api.anthropic.com/v1/messages",
        "https://api.anthropic.com:8443/v1/messages",
        "https://api.anthropic.com.evil.example/v1/messages",
        "https://api.anthropic.com@evil.example/v1/messages",
    ):
        assert credentials.headers(url) == {}
    for key in (LOCAL_KEY, ANTHROPIC_KEY, OPENAI_KEY):
        assert key not in repr(credentials) + repr(vars(credentials)) + repr(settings)


class Machine:
    """Everything that is configured, on four origins of loopback, with a recording policy."""

    def __init__(self, servers: dict[str, ModelServer], *, models: tuple[str, ...] = BOTH) -> None:
        self.servers = servers
        self.inference = InferenceSettings.model_validate(
            {
                **NOTHING,
                "vllm": (servers["vllm"].url,),
                "openai_compatible": (servers["compatible"].url,),
                "openai_compatible_api_key": LOCAL_KEY,
            }
        )
        self.remote = remote(
            *models,
            anthropic_api_key=ANTHROPIC_KEY,
            openai_api_key=OPENAI_KEY,
            anthropic_base_url=servers["anthropic"].url,
            openai_base_url=servers["openai"].url,
        )
        self.endpoints = configured_endpoints(self.inference, self.remote)
        self.egress = EgressPolicy(endpoint.url for endpoint in self.endpoints)
        self.http = HttpClient(self.egress, configured_credentials(self.inference, self.remote))

    def keys_seen(self) -> dict[str, set[str]]:
        """The keys that each server was sent, anywhere in a request."""
        keys = (LOCAL_KEY, ANTHROPIC_KEY, OPENAI_KEY)
        return {
            name: {
                key
                for request in server.requests
                for key in keys
                if key in json.dumps([request.headers, request.body, request.path])
            }
            for name, server in self.servers.items()
        }

    async def ask(self, kind: EndpointKind) -> str:
        (endpoint,) = (each for each in self.endpoints if each.kind is kind)
        client = client_for(self.http, endpoint, LocalModel("m"))
        request = ChatRequest((ChatMessage("user", "hello"),), 10, 0.0)
        return (await generate(client, request, name=endpoint.url, reply_seconds=10.0)).text


MODELS = openai_models({"id": "m", "object": "model"})


def servers(**answers: Scripted) -> dict[str, ModelServer]:
    openai = {"GET /v1/models": MODELS, "POST /v1/chat/completions": openai_answer("yes")}
    return {
        "vllm": ModelServer(openai),
        "compatible": ModelServer(
            openai | {"POST /v1/chat/completions": answers.get("compatible", openai_answer("yes"))}
        ),
        "anthropic": ModelServer(
            {"POST /v1/messages": answers.get("anthropic", anthropic_answer("yes"))}
        ),
        "openai": ModelServer(
            {"POST /v1/chat/completions": answers.get("openai", openai_answer("yes"))}
        ),
    }


@pytest.fixture
async def started() -> AsyncIterator[dict[str, ModelServer]]:
    found = servers()
    async with found["vllm"], found["compatible"], found["anthropic"], found["openai"]:
        yield found


async def test_each_key_reaches_its_own_server_and_no_other(started: dict[str, ModelServer]):
    machine = Machine(started)
    discovery = Discovery(machine.http, machine.endpoints, timeout=5)
    survey = await discovery.survey()
    assert [report.state for report in survey] == [EndpointState.READY] * 4
    assert started["anthropic"].requests == []
    assert started["openai"].requests == []
    for kind in (
        EndpointKind.VLLM,
        EndpointKind.COMPATIBLE,
        EndpointKind.ANTHROPIC,
        EndpointKind.OPENAI,
    ):
        assert await machine.ask(kind) == "yes"
    await machine.http.close()
    assert machine.keys_seen() == {
        "vllm": set(),
        "compatible": {LOCAL_KEY},
        "anthropic": {ANTHROPIC_KEY},
        "openai": {OPENAI_KEY},
    }


async def test_with_remote_tiers_off_nothing_leaves_for_them(started: dict[str, ModelServer]):
    machine = Machine(started, models=())
    discovery = Discovery(machine.http, machine.endpoints, timeout=5)
    assert {report.endpoint.remote for report in await discovery.survey()} == {False}
    with pytest.raises(SettingsError, match="nothing is sent to"):
        await machine.http.get(f"{started['anthropic'].url}/v1/models", timeout=5)
    await machine.http.close()
    assert set(machine.egress.contacted) == {"127.0.0.1"}
    assert started["anthropic"].requests == started["openai"].requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int):
    async with ModelServer({}) as elsewhere:
        location = {"Location": f"{elsewhere.url}/v1/chat/completions"}
        found = servers(openai=Answer(b"", status, headers=location))
        async with found["vllm"], found["compatible"], found["anthropic"], found["openai"]:
            machine = Machine(found)
            with pytest.raises(HybridError, match=f"HTTP {status}"):
                await machine.ask(EndpointKind.OPENAI)
            await machine.http.close()
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (
            EndpointKind.COMPATIBLE,
            {"compatible": openai_refusal(400, "", f"no such header: Bearer {LOCAL_KEY}")},
        ),
        (EndpointKind.OPENAI, {"openai": openai_refusal(500, "", f"key {OPENAI_KEY} broke it")}),
        (
            EndpointKind.ANTHROPIC,
            {"anthropic": anthropic_refusal(400, "invalid_request_error", ANTHROPIC_KEY)},
        ),
        (
            EndpointKind.OPENAI,
            {"openai": Stream([event({"error": {"message": f"key {OPENAI_KEY} broke it"}})])},
        ),
        (EndpointKind.OPENAI, {"openai": Stream([f"no stream: {OPENAI_KEY}\n".encode()])}),
    ],
)
async def test_no_message_and_no_log_shows_a_key(
    kind: EndpointKind, answers: dict[str, Scripted], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    found = servers(**answers)
    async with found["vllm"], found["compatible"], found["anthropic"], found["openai"]:
        machine = Machine(found)
        with pytest.raises(HybridError, match=r"\[key\]") as caught:
            await machine.ask(kind)
        await machine.http.close()
    said = f"{caught.value} {caplog.text} {machine.endpoints!r} {machine.http!r}"
    for key in (LOCAL_KEY, ANTHROPIC_KEY, OPENAI_KEY):
        assert key not in said


@pytest.mark.parametrize("key", ["sk-geheim\n", "sk-geheim sk-2", "sk-geheim\u00fc", " sk-geheim"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str):
    settings = remote("openai/m", openai_api_key=key)
    with pytest.raises(SettingsError, match=r"^remote.openai_api_key holds") as caught:
        configured_credentials(InferenceSettings(), settings)
    assert "geheim" not in str(caught.value)


def test_without_a_key_nothing_is_added():
    assert Credentials().headers("http://127.0.0.1:1/") == {}
    assert Credentials().masked("http://127.0.0.1:1/", b"text") == b"text"
