"""The shipped model: its files, its vectors, and what happens when it is damaged."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model2vec import StaticModel
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.static import MODEL_FOLDER, StaticEmbedder
from hybrid_coordinator.knowledge.embedding.texts import MAX_CHARACTERS

TEXTS = [
    "how does dependency injection work",
    "def read_config(path: Path) -> dict[str, str]: return json.loads(path.read_text())",
    "class HTTPConnectionPool:\n    def getConnection(self): ...",
    "[PAD] and [UNK] are words here, ☃ is not",
    "日本語 and русский and café",
]


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def cosine(a: object, b: object) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def similarity(embedder: StaticEmbedder, one: str, other: str) -> float:
    return cosine(*await embedder.embed([one, other]))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))


# The files


def test_the_model_takes_8_mb_at_most() -> None:
    assert sum(file.stat().st_size for file in MODEL_FOLDER.iterdir()) <= 8_000_000


async def test_the_recorded_revision_is_the_hash_of_the_files() -> None:
    files = [(MODEL_FOLDER / name).read_bytes() for name in ("model.safetensors", "tokenizer.json")]
    revision = hashlib.sha256(b"".join(files)).hexdigest()[:16]
    identity = await StaticEmbedder().identity()
    assert identity.revision == revision
    assert (identity.name, identity.dimension) == ("hybrid-code-static", 256)
    assert revision in (MODEL_FOLDER / "README.md").read_text(encoding="utf-8")


async def test_a_changed_byte_is_found(copy: Path) -> None:
    vectors = bytearray((copy / "model.safetensors").read_bytes())
    vectors[-1] ^= 1
    (copy / "model.safetensors").write_bytes(vectors)
    with pytest.raises(EmbedderUnavailableError, match=r"have revision [0-9a-f]{16}, not"):
        await StaticEmbedder(copy).embed(["text"])


async def test_missing_vectors_are_named(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    embedder = StaticEmbedder(copy)
    assert (await embedder.identity()).dimension == 256
    with pytest.raises(EmbedderUnavailableError, match=r"model\.safetensors"):
        await embedder.embed(["text"])


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_an_unusable_configuration_is_named(copy: Path, content: str | None) -> None:
    if content is None:
        (copy / "config.json").unlink()
    else:
        (copy / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(EmbedderUnavailableError, match=r"config\.json.*Install"):
        StaticEmbedder(copy)


def test_nothing_is_asked_of_a_network_and_no_heavy_library_is_loaded() -> None:
    program = """
import asyncio, json, sys
def refuse(event, arguments):
    # asyncio's own wake-up pair of sockets is made by socketpair(), without an address.
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise OSError(f"{event} {arguments}")
sys.addaudithook(refuse)
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
[vector] = asyncio.run(StaticEmbedder().embed(["text"]))
heavy = {"torch", "transformers", "huggingface_hub", "model2vec", "httpx", "mcp"}
print(json.dumps([len(vector), sorted(heavy & sys.modules.keys())]))
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(found.stdout) == [256, []]


# The vectors


async def test_vectors_are_those_of_model2vec(embedder: StaticEmbedder) -> None:
    reference = StaticModel.from_pretrained(MODEL_FOLDER, normalize=True, max_length=None)
    theirs = reference.encode(TEXTS, use_multiprocessing=False).tolist()
    for own, other in zip(await embedder.embed(TEXTS), theirs, strict=True):
        assert own == pytest.approx(other, abs=1e-6)


@given(st.lists(st.text(st.characters(), max_size=80), max_size=6))
@settings(deadline=None)
async def test_every_text_gets_a_vector_of_length_1(
    embedder: StaticEmbedder, texts: list[str]
) -> None:
    vectors = await embedder.embed(texts)
    assert [len(vector) for vector in vectors] == [256] * len(texts)
    for text, vector in zip(texts, vectors, strict=True):
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
        # A text's vector does not depend on what is embedded beside it.
        assert await embedder.embed([text]) == [vector]


async def test_a_batch_larger_than_a_slice_keeps_its_order(embedder: StaticEmbedder) -> None:
    texts = [f"function number {number}" for number in range(600)]
    together = await embedder.embed(texts)
    assert [together[0], together[256], together[599]] == [
        (await embedder.embed([texts[place]]))[0] for place in (0, 256, 599)
    ]


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("connection refused", "the server does not accept connections", "sort a list by key"),
        ("parse json", "def load(path): return json.loads(path.read_text())", "paint the window"),
        ("http connection pool", "class HTTPConnectionPool", "class TemporaryFile"),
    ],
)
async def test_related_texts_are_nearer(
    embedder: StaticEmbedder, query: str, near: str, far: str
) -> None:
    assert await similarity(embedder, query, near) > await similarity(embedder, query, far) + 0.2


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("python remove duplicates from list", "unique"),
        ("python check if valid json", "is_valid"),
        ("how to wait in python", "pause"),
        ("create folder if it does not exist", "make"),
    ],
)
async def test_a_question_is_nearest_to_its_function_by_far(
    embedder: StaticEmbedder, question: str, answer: str
) -> None:
    functions = {
        "unique": "def unique(items):\n    return list(dict.fromkeys(items))",
        "is_valid": "def is_valid(text):\n    json.loads(text)\n    return True",
        "slurp": "def slurp(path):\n    with open(path) as handle:\n        return list(handle)",
        "pause": "def pause(seconds):\n    time.sleep(seconds)",
        "make": "def make(path):\n    if not os.path.exists(path):\n        os.makedirs(path)",
        "to_json": "def to_json(self):\n    return {name: getattr(self, name) for name in self}",
    }
    (asked,) = await embedder.embed([question])
    vectors = await embedder.embed(list(functions.values()))
    near = {name: cosine(asked, each) for name, each in zip(functions, vectors, strict=True)}
    right = near.pop(answer)
    assert right > max(near.values()) + 0.1


def test_words_of_code_are_whole_tokens() -> None:
    tokenizer = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    words = ["str", "config", "async", "mutex", "json", "auth"]
    assert tokenizer.encode(" ".join(words), add_special_tokens=False).tokens == words


def test_tokens_without_meaning_weigh_nothing() -> None:
    vectors = load_file(MODEL_FOLDER / "model.safetensors")["embeddings"]
    tokenizer = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    assert len(vectors) == tokenizer.get_vocab_size()
    assert not vectors[[tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]")]].any()


async def test_camel_case_is_read_as_words(embedder: StaticEmbedder) -> None:
    assert await similarity(embedder, "getHTTPResponse", "get http response") > 0.99


async def test_texts_without_a_known_token_are_like_themselves_only(
    embedder: StaticEmbedder,
) -> None:
    snowman, blank, padded, known = await embedder.embed(["☃☃", "", " \n", "snow"])
    assert blank == padded
    assert (await embedder.embed(["☃☃"]))[0] == snowman
    for one, other in ((snowman, blank), (snowman, known), (blank, known)):
        assert abs(cosine(one, other)) < 0.3


async def test_a_text_is_cut_at_the_bound(embedder: StaticEmbedder) -> None:
    text = "word " * (MAX_CHARACTERS // 5)
    assert len(text) == MAX_CHARACTERS
    cut, whole = await embedder.embed([text + "something else entirely", text])
    assert cut == whole


async def test_half_a_surrogate_pair_is_no_error(embedder: StaticEmbedder) -> None:
    broken, clean = await embedder.embed(["read \ud800 file", "read ? file"])
    assert broken == clean


async def test_a_query_does_not_wait_for_a_large_batch(embedder: StaticEmbedder) -> None:
    await embedder.embed(["load the model"])
    batch = asyncio.create_task(embedder.embed(["def f(x): return x + 1\n" * 300] * 500))
    await asyncio.sleep(0)  # the batch starts
    await embedder.embed(["a query"])
    assert not batch.done()
    assert len(await batch) == 500


async def test_the_first_calls_may_come_together() -> None:
    embedder = StaticEmbedder()
    answers = await asyncio.gather(*(embedder.embed(["text"]) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)


async def test_it_can_be_used_again_after_closing(embedder: StaticEmbedder) -> None:
    before = await embedder.embed(["text"])
    await embedder.close()
    assert await embedder.embed(["text"]) == before
