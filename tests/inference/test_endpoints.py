"""Reading endpoints from the settings, and the egress policy made of them."""

from __future__ import annotations

import pytest

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    Role,
    configured_endpoints,
)
from hybrid_coordinator.settings import InferenceSettings

EMPTY = InferenceSettings(llama_cpp=(), ollama=(), lmstudio=(), vllm=(), docker_model_runner=())


def test_the_defaults_are_the_five_kinds_on_loopback():
    endpoints = configured_endpoints(InferenceSettings())
    assert [(each.kind, each.url, each.role) for each in endpoints] == [
        (EndpointKind.LLAMA_CPP, "http://127.0.0.1:8080", Role.GENERAL),
        (EndpointKind.LLAMA_CPP, "http://127.0.0.1:8001", Role.CODE_GENERATION),
        (EndpointKind.LLAMA_CPP, "http://127.0.0.1:8003", Role.CODE_ANALYSIS),
        (EndpointKind.OLLAMA, "http://127.0.0.1:11434", Role.GENERAL),
        (EndpointKind.LMSTUDIO, "http://127.0.0.1:1234", Role.GENERAL),
        (EndpointKind.VLLM, "http://127.0.0.1:8000", Role.GENERAL),
        (EndpointKind.DOCKER_MODEL_RUNNER, "http://127.0.0.1:12434", Role.GENERAL),
    ]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" http://gpu.lan:8080 ", "http://gpu.lan:8080"),
        ("https://gpu.lan/llama/v1", "https://gpu.lan/llama"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_urls_are_taken_as_people_write_them(given: str, url: str):
    settings = EMPTY.model_copy(update={"llama_cpp": (given,)})
    assert [each.url for each in configured_endpoints(settings)] == [url]


def test_docker_model_runner_takes_any_of_its_bases():
    settings = EMPTY.model_copy(
        update={"docker_model_runner": ("http://127.0.0.1:12434/engines/llama.cpp/v1",)}
    )
    (endpoint,) = configured_endpoints(settings)
    assert endpoint.url == "http://127.0.0.1:12434"
    assert endpoint.openai_base == "http://127.0.0.1:12434/engines/llama.cpp/v1"


def test_the_same_endpoint_twice_counts_once():
    twice = ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1")
    settings = EMPTY.model_copy(update={"llama_cpp": twice})
    assert len(configured_endpoints(settings)) == 1


@pytest.mark.parametrize(
    "given", ["ftp://host:1", "http://", "http://host:99999", "http://user:secret@host:1", ""]
)
def test_what_is_no_url_of_a_server_is_refused_without_showing_a_password(given: str):
    settings = EMPTY.model_copy(update={"vllm": (given,)})
    with pytest.raises(SettingsError, match=r"^inference: ") as caught:
        configured_endpoints(settings)
    assert "secret" not in str(caught.value)


def test_only_configured_origins_are_admitted_and_counted():
    policy = EgressPolicy(["http://127.0.0.1:8080", "https://GPU.lan/llama"])
    policy.admit("http://127.0.0.1:8080/v1/models")
    policy.admit("https://gpu.lan:443/llama/v1/models")
    for url in (
        "http://127.0.0.1:8081/v1/models",
        "https://127.0.0.1:8080/v1/models",
        "http://127.0.0.1.evil.example:8080/",
        "http://127.0.0.1:8080@evil.example/",
        "http://evil.example/127.0.0.1:8080",
    ):
        with pytest.raises(SettingsError, match="nothing is sent to"):
            policy.admit(url)
    assert policy.contacted == {"127.0.0.1": 1, "gpu.lan": 1}


def test_a_role_belongs_to_llama_cpp_ports_only():
    settings = EMPTY.model_copy(update={"vllm": ("http://127.0.0.1:8001",)})
    (endpoint,) = configured_endpoints(settings)
    assert endpoint == Endpoint(EndpointKind.VLLM, "http://127.0.0.1:8001", Role.GENERAL)
