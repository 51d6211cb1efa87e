"""Finding model servers: the real llama-server, and the other kinds' wire formats on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid_coordinator.inference.discovery import Discovery
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
)
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.probes import probe
from tests.support.llama_server import CONTEXT, MODEL, SLOTS, LlamaServer, running, started
from tests.support.model_server import HANG, Answer, ModelServer, RawBytes, Stream, as_json
from tests.support.model_wire import (
    HTML,
    LMSTUDIO_UNKNOWN_PATH,
    lmstudio_model,
    lmstudio_v1_model,
    ollama_answers,
    ollama_model,
    ollama_running,
    ollama_stream,
    openai_models,
    vllm_model,
)

Http = Callable[..., HttpClient]

LOADING = as_json(
    {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, 503
)


async def look(http_to: Http, kind: EndpointKind, url: str, timeout: float = 5.0) -> EndpointReport:
    return await probe(http_to(url), Endpoint(kind, url), timeout)


async def test_a_running_llama_server_is_ready_with_its_model(
    http_to: Http, llama_server: LlamaServer
):
    report = await look(http_to, EndpointKind.LLAMA_CPP, llama_server.url)
    assert report.state is EndpointState.READY
    assert report.slots == SLOTS
    (model,) = report.models
    assert (model.name, model.context_length, model.loaded) == (MODEL, CONTEXT, True)
    assert model.parameters is not None
    assert model.parameters < 0.001


async def test_a_llama_server_that_has_just_been_started_is_loading_or_not_up_yet(
    http_to: Http, tiny_model: Path
):
    seen = []
    with started(tiny_model) as server:
        while not seen or seen[-1] is not EndpointState.READY:
            seen.append((await look(http_to, EndpointKind.LLAMA_CPP, server.url)).state)
            assert len(seen) < 10_000
    assert set(seen) <= {EndpointState.DOWN, EndpointState.LOADING, EndpointState.READY}


LOADING_WITHOUT_ERROR = as_json({"message": "Loading model", "code": 503}, 503)
UNAVAILABLE = Answer(b"<h1>503 Service Unavailable</h1>", 503, "text/html")


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (LOADING, EndpointState.LOADING, "Loading model"),
        (LOADING_WITHOUT_ERROR, EndpointState.LOADING, "Loading model"),
        (UNAVAILABLE, EndpointState.DOWN, "HTTP 503"),
    ],
)
@pytest.mark.parametrize(
    "kind", [EndpointKind.LLAMA_CPP, EndpointKind.COMPATIBLE, EndpointKind.VLLM]
)
async def test_loading_is_told_from_down(
    http_to: Http, kind: EndpointKind, answer: Answer, state: EndpointState, reason: str
):
    async with ModelServer({"GET /health": answer, "GET /v1/models": answer}) as server:
        report = await look(http_to, kind, server.url)
    assert (report.state, report.reason) == (state, reason)


async def test_a_frozen_llama_server_is_down_within_the_bound(http_to: Http, tiny_model: Path):
    with running(tiny_model) as server:
        server.freeze()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            patient = group.create_task(
                look(http_to, EndpointKind.LLAMA_CPP, server.url, timeout=30.0)
            )
            report = await look(http_to, EndpointKind.LLAMA_CPP, server.url, timeout=0.2)
            assert not patient.done()
            server.thaw()
    assert (report.state, report.reason) == (EndpointState.DOWN, "no answer within 0.2 s")
    # It would have answered whoever waited for it.
    assert patient.result().state is EndpointState.READY


async def test_a_llama_server_with_several_models_says_which_are_loaded(http_to: Http):
    models = openai_models(
        {"id": "qwen3-8b", "object": "model", "status": {"value": "loaded"}},
        {"id": "gemma-3-4b", "object": "model", "status": {"value": "unloaded"}},
        {"id": "broken-1b", "object": "model", "status": {"value": "failed", "exit_code": 1}},
    )
    answers = {"GET /health": as_json({"status": "ok"}), "GET /v1/models": models}
    async with ModelServer(answers) as server:
        report = await look(http_to, EndpointKind.LLAMA_CPP, server.url)
    assert report.models == (
        LocalModel("qwen3-8b", loaded=True, parameters=8.0, thinking=True),
        LocalModel("gemma-3-4b", loaded=False, parameters=4.0),
    )


async def test_ollama_lists_its_models_without_embedders_and_cloud_models(http_to: Http):
    answers = ollama_answers(
        ollama_stream(),
        models=[
            ollama_model("qwen2.5-coder:3b"),
            ollama_model("llama3.2:latest", "3.2B", "llama"),
            ollama_model("nomic-embed-text:latest", "137M", "nomic-bert"),
            ollama_model(
                "gpt-oss:120b-cloud", remote_model="gpt-oss:120b", remote_host="https://ollama.com"
            ),
        ],
        loaded=[ollama_running("qwen2.5-coder:3b", 8192)],
    )
    async with ModelServer(answers) as server:
        report = await look(http_to, EndpointKind.OLLAMA, server.url)
    assert report.state is EndpointState.READY
    assert report.models == (
        LocalModel("qwen2.5-coder:3b", context_length=8192, loaded=True, parameters=3.1),
        LocalModel("llama3.2:latest", loaded=False, parameters=3.2),
    )


async def test_ollama_without_models_is_ready_and_says_that_it_has_none(http_to: Http):
    async with ModelServer(ollama_answers(ollama_stream(), models=[])) as server:
        report = await look(http_to, EndpointKind.OLLAMA, server.url)
    assert (report.state, report.reason) == (EndpointState.READY, "it has no model")


@pytest.mark.parametrize(
    ("kind", "path", "listing"),
    [
        (EndpointKind.OLLAMA, "/api/tags", {"models": None}),
        (
            EndpointKind.DOCKER_MODEL_RUNNER,
            "/engines/llama.cpp/v1/models",
            {"object": "list", "data": None},
        ),
    ],
)
async def test_an_empty_list_that_is_written_as_null_is_a_list(
    http_to: Http, kind: EndpointKind, path: str, listing: object
):
    async with ModelServer({f"GET {path}": as_json(listing)}) as server:
        report = await look(http_to, kind, server.url)
    assert (report.state, report.models) == (EndpointState.READY, ())


async def test_lmstudio_tells_loaded_models_from_others(http_to: Http):
    models = openai_models(
        lmstudio_model("qwen2.5-7b-instruct", loaded_length=8192),
        lmstudio_model("gemma-3-12b", state="not-loaded", kind="vlm"),
        lmstudio_model("some-vectors", kind="embeddings"),
    )
    async with ModelServer({"GET /api/v0/models": models}) as server:
        report = await look(http_to, EndpointKind.LMSTUDIO, server.url)
    assert report.models == (
        LocalModel(
            "qwen2.5-7b-instruct", 8192, loaded=True, parameters=7.0, max_context_length=131072
        ),
        LocalModel("gemma-3-12b", loaded=False, parameters=12.0, max_context_length=131072),
    )


async def test_lmstudio_from_0_4_on_says_more_of_its_models(http_to: Http):
    models = as_json(
        {
            "models": [
                lmstudio_v1_model("qwen2.5-coder-7b", "7B", loaded_length=8192, parallel=4),
                lmstudio_v1_model("openai/gpt-oss-20b", "20B", reasoning=True),
                lmstudio_v1_model("google/gemma-3-12b", "12B", vision=True),
                lmstudio_v1_model("some-vectors", "137M", kind="embedding"),
            ]
        }
    )
    async with ModelServer({"GET /api/v1/models": models}) as server:
        report = await look(http_to, EndpointKind.LMSTUDIO, server.url)
    assert report.models == (
        LocalModel("qwen2.5-coder-7b:2", 8192, True, 7.0, None, 131072),
        LocalModel("openai/gpt-oss-20b", None, False, 20.0, True, 131072),
        LocalModel("google/gemma-3-12b", None, False, 12.0, None, 131072),
    )
    assert report.slots == 4
    assert [request.path for request in server.requests] == ["/api/v1/models"]


async def test_ollama_lists_what_its_models_can_do(http_to: Http):
    models = [
        ollama_model("mine:latest", capabilities=["completion", "tools", "thinking"]),
        ollama_model("qwen3-plain:latest", capabilities=["completion"]),
        ollama_model("vectors:latest", capabilities=["embedding"]),
    ]
    models[0]["details"]["context_length"] = 262144
    async with ModelServer(ollama_answers(ollama_stream(), models=models)) as server:
        report = await look(http_to, EndpointKind.OLLAMA, server.url)
    assert report.models == (
        LocalModel("mine:latest", None, False, 3.1, True, 262144),
        LocalModel("qwen3-plain:latest", None, False, 3.1, False),
    )


async def test_a_template_shows_that_a_llama_cpp_model_thinks(http_to: Http):
    answers = {
        "GET /health": as_json({"status": "ok"}),
        "GET /v1/models": openai_models({"id": "mine", "meta": {"n_ctx_train": 40960}}),
        "GET /props": as_json(
            {
                "default_generation_settings": {"n_ctx": 8192},
                "total_slots": 4,
                "chat_template": "{%- if enable_thinking is defined %}<think>{% endif %}",
            }
        ),
    }
    async with ModelServer(answers) as server:
        report = await look(http_to, EndpointKind.LLAMA_CPP, server.url)
    assert report.models == (LocalModel("mine", 8192, True, None, True, 40960),)


@pytest.mark.parametrize("field", ["max_model_len", "context_length"])
async def test_any_openai_compatible_server_is_listed(http_to: Http, field: str):
    models = openai_models({"id": "org/some-8b", field: 32768}, {"id": "org/text-embedding-3"})
    async with ModelServer({"GET /v1/models": models}) as server:
        report = await look(http_to, EndpointKind.COMPATIBLE, server.url)
    assert report.models == (LocalModel("org/some-8b", 32768, None, 8.0),)


async def test_a_server_that_asks_for_a_key_names_the_setting(http_to: Http):
    async with ModelServer({"GET /v1/models": as_json({"error": "no"}, 401)}) as server:
        report = await look(http_to, EndpointKind.COMPATIBLE, server.url)
    assert report.state is EndpointState.WRONG
    assert "set inference.openai_compatible_api_key" in report.reason


async def test_a_remote_endpoint_is_ready_by_configuration_and_not_asked(http_to: Http):
    async with ModelServer({}) as server:
        for kind, thinking in ((EndpointKind.ANTHROPIC, True), (EndpointKind.OPENAI, False)):
            endpoint = Endpoint(kind, server.url, models=("gpt-4.1", "other"))
            report = await probe(http_to(server.url), endpoint, 5.0)
            assert report.state is EndpointState.READY
            assert report.models == tuple(
                LocalModel(name, loaded=True, thinking=thinking) for name in ("gpt-4.1", "other")
            )
    assert server.requests == []


async def test_an_older_lmstudio_is_read_through_its_openai_interface(http_to: Http):
    answers = {
        "GET /api/v0/models": LMSTUDIO_UNKNOWN_PATH,
        "GET /v1/models": openai_models({"id": "phi-4", "object": "model"}),
    }
    async with ModelServer(answers) as server:
        report = await look(http_to, EndpointKind.LMSTUDIO, server.url)
    assert report.models == (LocalModel("phi-4"),)


async def test_vllm_says_its_context_length(http_to: Http):
    models = openai_models(vllm_model("Qwen/Qwen2.5-Coder-7B-Instruct", 32768))
    async with ModelServer({"GET /v1/models": models}) as server:
        report = await look(http_to, EndpointKind.VLLM, server.url)
    assert report.models == (
        LocalModel("Qwen/Qwen2.5-Coder-7B-Instruct", 32768, loaded=True, parameters=7.0),
    )
    assert report.slots > 1


@pytest.mark.parametrize(
    "answers",
    [
        {
            "GET /engines/llama.cpp/v1/models": openai_models(
                {"id": "ai/smollm2", "object": "model", "created": 1, "owned_by": "docker"}
            )
        },
        {"GET /models": as_json([{"id": "sha256:35", "tags": ["ai/smollm2"], "created": 1}])},
    ],
)
async def test_docker_model_runner_in_both_its_lists(http_to: Http, answers: dict[str, Answer]):
    async with ModelServer(answers) as server:
        report = await look(http_to, EndpointKind.DOCKER_MODEL_RUNNER, server.url)
    assert [model.name for model in report.models] == ["ai/smollm2"]


@pytest.mark.parametrize("kind", [kind for kind in EndpointKind if not Endpoint(kind, "").remote])
@pytest.mark.parametrize(
    "everything",
    [
        HTML,
        Answer(b""),
        Answer(b"[]"),
        Answer(b"\xff\xfe"),
        Answer(b"[" * 100_000),
        as_json({"models": "many", "data": 3}),
        as_json({"error": "unauthorized"}, 401),
        Answer(b"", status=302, headers={"Location": "http://192.0.2.1/"}),
        RawBytes(b"SSH-2.0-OpenSSH_9.6\r\n"),
        RawBytes(b""),
        RawBytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    ],
    ids=lambda answer: repr(getattr(answer, "body", answer))[:40],
)
async def test_what_is_no_model_server_is_wrong(
    http_to: Http, kind: EndpointKind, everything: Answer | RawBytes
):
    async with ModelServer(_Everywhere(everything)) as server:
        report = await look(http_to, kind, server.url)
    assert report.state is EndpointState.WRONG
    assert report.reason
    assert report.models == ()


class _Everywhere(dict):
    def __init__(self, answer):
        self._answer = answer

    def get(self, _):
        return self._answer


async def test_a_body_without_an_end_is_wrong_and_not_kept(http_to: Http):
    endless = Stream([b"x" * 1_000_000] * 20)
    async with ModelServer({"GET /v1/models": endless}) as server:
        report = await look(http_to, EndpointKind.VLLM, server.url)
    assert report.state is EndpointState.WRONG
    assert "sends more than" in report.reason


async def test_nothing_there_is_down(http_to: Http, unused_url: str):
    report = await look(http_to, EndpointKind.OLLAMA, unused_url)
    assert (report.state, report.reason) == (EndpointState.DOWN, "connection refused")
    assert str(report) == f"{unused_url} [Ollama]: down (connection refused)"


@pytest.fixture
def unused_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_survey_is_kept_for_seconds_and_then_taken_again(http_to: Http):
    clock = Clock()
    async with ModelServer({"GET /v1/models": openai_models(vllm_model("m"))}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=5, clock=clock)
        first = await discovery.survey()
        clock.now += 4
        assert await discovery.survey() == first
        assert len(server.requests) == 1
        clock.now += 2
        assert await discovery.survey() == first
        assert len(server.requests) == 2
        discovery.forget(endpoint)
        await discovery.survey()
        assert len(server.requests) == 3
        clock.now += 1
        await discovery.survey(begun_after=clock.now)
        assert len(server.requests) == 4


async def test_callers_that_come_together_share_a_probe(http_to: Http):
    async with ModelServer({"GET /v1/models": openai_models(vllm_model("m"))}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=5)
        surveys = await asyncio.gather(*(discovery.survey() for _ in range(5)))
        assert len(server.requests) == 1
    assert surveys == [surveys[0]] * 5


async def test_a_caller_that_goes_away_does_not_end_the_probe_of_another(http_to: Http):
    async with ModelServer({"GET /v1/models": Stream([HANG])}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=60)
        one, two = (asyncio.create_task(discovery.survey()) for _ in range(2))
        await server.until_hanging()
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        server.release()
        assert (await two)[0].state is EndpointState.WRONG  # an empty body
        assert len(server.requests) == 1


async def test_a_glance_does_not_wait_for_an_endpoint_that_hangs(http_to: Http):
    models = openai_models(vllm_model("m"))
    async with (
        ModelServer({"GET /v1/models": models}) as good,
        ModelServer({"GET /v1/models": Stream([HANG])}) as hanging,
    ):
        endpoints = [Endpoint(EndpointKind.VLLM, each.url) for each in (hanging, good)]
        discovery = Discovery(http_to(good.url, hanging.url), endpoints, timeout=60)
        began = time.monotonic()
        first = await discovery.glance()
        assert [report.state for report in first] == [EndpointState.DOWN, EndpointState.READY]
        assert first[0].reason == "it has not answered yet"
        assert time.monotonic() - began < 5
        assert await discovery.glance() == first
        await discovery.close()


async def test_where_nothing_is_ready_a_glance_waits_for_every_report(
    http_to: Http, unused_url: str
):
    endpoints = [
        Endpoint(EndpointKind.VLLM, unused_url),
        Endpoint(EndpointKind.OLLAMA, unused_url),
    ]
    discovery = Discovery(http_to(unused_url), endpoints, timeout=5)
    reasons = {report.reason for report in await discovery.glance()}
    assert reasons == {"connection refused"}
    await discovery.close()


async def until(discovery: Discovery, *states: EndpointState) -> None:
    """Return once a glance shows these states."""
    async with asyncio.timeout(10):
        while tuple(report.state for report in await discovery.glance()) != states:
            await asyncio.sleep(0)


async def test_a_change_is_noticed_behind_the_callers(http_to: Http):
    models = openai_models(vllm_model("m"))
    scripted: list[Answer | RawBytes | Stream] = [models, models, HTML, HTML, models]
    async with ModelServer({"GET /v1/models": scripted}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=5, every=0.01)
        for state in (EndpointState.READY, EndpointState.WRONG, EndpointState.READY):
            await until(discovery, state)
        watcher = discovery._watcher
        await discovery.close()
    assert watcher is not None
    assert watcher.cancelled()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.1.2.3", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://gpu.lan:8080", False),
        ("http://192.168.1.7", False),
        ("https://127.0.0.1.example", False),
    ],
)
def test_servers_of_this_machine_are_told_from_others(url: str, here: bool):
    assert Endpoint(EndpointKind.VLLM, url).on_this_machine is here


async def test_a_server_elsewhere_is_looked_at_less_often(http_to: Http):
    clock = Clock()
    async with ModelServer({"GET /v1/models": openai_models(vllm_model("m"))}) as server:
        # 0.0.0.0 reaches this machine, and is no loopback address by its form.
        url = server.url.replace("127.0.0.1", "0.0.0.0")
        discovery = Discovery(
            http_to(url), [Endpoint(EndpointKind.VLLM, url)], timeout=5, every=0.01, clock=clock
        )
        watched = next(iter(discovery._watched.values()))
        await discovery.glance()
        clock.now += 19
        await watched.keep_fresh()
        assert len(server.requests) == 1
        clock.now += 1
        await watched.keep_fresh()
        assert len(server.requests) == 2
        await discovery.close()


async def test_servers_are_left_alone_when_nobody_asks(http_to: Http):
    clock = Clock()
    async with ModelServer({"GET /v1/models": openai_models(vllm_model("m"))}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=5, every=0.01, clock=clock)
        await discovery.glance()
        clock.now += 121
        watcher = discovery._watcher
        assert watcher is not None
        async with asyncio.timeout(10):
            await watcher
        asked = len(server.requests)
        assert asked <= 2
        # What was known by then is too old to count on.
        assert (await discovery.glance())[0].state is EndpointState.READY
        assert len(server.requests) == asked + 1
        await discovery.close()


@pytest.mark.parametrize(
    ("then", "state", "asked"),
    [
        ([Stream([HANG]), openai_models(vllm_model("m"))], EndpointState.READY, 3),
        ([Stream([HANG])], EndpointState.DOWN, 3),
        ([HTML], EndpointState.WRONG, 2),
    ],
    ids=["late once", "late twice", "wrong"],
)
async def test_a_server_that_was_there_is_down_when_it_is_late_twice(
    http_to: Http, then: list[Answer | Stream], state: EndpointState, asked: int
):
    answers = [openai_models(vllm_model("m")), *then]
    async with ModelServer({"GET /v1/models": answers}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=0.2)
        await discovery.survey()
        reports = await discovery.survey(begun_after=discovery.now())
        assert reports[0].state is state
        assert len(server.requests) == asked


async def test_a_server_that_has_just_failed_gets_no_second_chance(http_to: Http):
    answers = [openai_models(vllm_model("m")), Stream([HANG])]
    async with ModelServer({"GET /v1/models": answers}) as server:
        endpoint = Endpoint(EndpointKind.VLLM, server.url)
        discovery = Discovery(http_to(server.url), [endpoint], timeout=0.2)
        await discovery.survey()
        discovery.forget(endpoint)
        assert (await discovery.survey())[0].state is EndpointState.DOWN
        assert len(server.requests) == 2


async def test_an_endpoint_that_has_failed_is_looked_at_again_before_it_counts(http_to: Http):
    models = openai_models(vllm_model("m"))
    async with (
        ModelServer({"GET /v1/models": models}) as good,
        ModelServer({"GET /v1/models": [models, Stream([HANG])]}) as failing,
    ):
        endpoints = [Endpoint(EndpointKind.VLLM, each.url) for each in (failing, good)]
        discovery = Discovery(http_to(good.url, failing.url), endpoints, timeout=60)
        await until(discovery, EndpointState.READY, EndpointState.READY)
        discovery.forget(endpoints[0])
        states = [report.state for report in await discovery.glance()]
        assert states == [EndpointState.DOWN, EndpointState.READY]
        await discovery.close()


async def test_endpoints_are_probed_at_the_same_time(http_to: Http):
    hanging = Stream([HANG])
    async with (
        ModelServer({"GET /v1/models": hanging}) as one,
        ModelServer({"GET /v1/models": hanging}) as two,
    ):
        endpoints = [Endpoint(EndpointKind.VLLM, each.url) for each in (one, two)]
        discovery = Discovery(http_to(one.url, two.url), endpoints, timeout=60)
        survey = asyncio.create_task(discovery.survey())
        await asyncio.gather(one.until_hanging(), two.until_hanging())
        assert not survey.done()
        survey.cancel()
        with pytest.raises(asyncio.CancelledError):
            await survey
        await discovery.close()


async def test_proxies_of_the_environment_are_not_used(
    http_to: Http, unused_url: str, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, unused_url)
    async with ModelServer({"GET /v1/models": openai_models(vllm_model("m"))}) as server:
        report = await look(http_to, EndpointKind.VLLM, server.url)
    assert report.state is EndpointState.READY
