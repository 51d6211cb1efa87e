"""Material larger than any context: read in parts, summed up with sources, failures told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import InvalidArgumentError, ModelUnavailableError
from hybrid_coordinator.routing.modes.digest import digest
from hybrid_coordinator.routing.modes.notes import Note, read_notes
from hybrid_coordinator.routing.modes.passages import Source
from tests.support.asking import Server, ServerAsk, answering
from tests.support.llama_server import MODEL, running
from tests.support.model_server import Request, Scripted, as_json
from tests.support.model_wire import openai_answer
from tests.support.tiny_gguf import write_tiny_gguf

AskTo = Callable[..., ServerAsk]
FILLER = "    total += quantity * price  # plain arithmetic\n"


def body(*, facts: dict[int, str], lines: int) -> str:
    return "".join(f"FACT {facts[n]}\n" if n in facts else FILLER for n in range(1, lines + 1))


def reader(prompt: str, request: Request) -> str | Scripted:
    """Notes what stands in a line FACT, with a made-up number beside; sums up note by note."""
    if "numbered notes" in prompt:
        found = re.findall(r"^\[(\d+)\] (.*?) \[", prompt, re.MULTILINE)
        notes = [{"text": text, "from": [int(number)]} for number, text in found[:12]]
    else:
        notes, number = [], 0
        for line in prompt.split("\n"):
            if opening := re.match(r"File \[(\d+)\] ", line):
                number = int(opening.group(1))
            elif line.startswith("FACT "):
                notes.append({"text": line[5:], "from": [number]})
        if notes:
            notes.append({"text": "an invention", "from": [999]})
    return json.dumps({"notes": notes})


def small_context(tokens: int, *, characters_a_token: float) -> Callable[..., str | Scripted]:
    """As llama-server refuses a prompt (server-context.cpp), counting with its own tokenizer."""

    def reply(prompt: str, request: Request) -> str | Scripted:
        counted = int(sum(len(m["content"]) for m in request.body["messages"]) / characters_a_token)
        if counted < tokens:
            answer = reader(prompt, request)
            assert isinstance(answer, str)
            return openai_answer(answer, tokens_in=counted)
        error = {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": counted,
            "n_ctx": tokens,
        }
        return as_json({"error": error}, 400)

    return reply


FILES = (
    FileText("a.py", body(facts={10: "the tax is 19%", 700: "orders close at noon"}, lines=900)),
    FileText("b.py", body(facts={}, lines=120)),
    FileText("sub/c.py", body(facts={5: "refunds take 3 days"}, lines=60)),
)
WANTED = AskRequest("What are the rules?", files=FILES)


async def test_a_summary_says_where_each_statement_stands(ask_to: AskTo):
    async with answering(reader) as server:
        ask = ask_to(Server(server.url, context_length=4096, slots=2))
        answer = await digest(ask, WANTED)
    lines = answer.text.split("\n")
    assert [line.split(" [")[0] for line in lines] == [
        "- the tax is 19%",
        "- orders close at noon",
        "- refunds take 3 days",
    ]
    for line, fact in zip(lines, ("FACT the tax", "FACT orders", "FACT refunds"), strict=True):
        (path, start, end) = re.search(r"\[([^:]+):(\d+)-(\d+)\]$", line).groups()
        (file,) = [file for file in FILES if file.path == path]
        shown = file.text.split("\n")[int(start) - 1 : int(end)]
        assert any(each.startswith(fact) for each in shown)
        assert len(shown) < 60
    assert "invention" not in answer.text
    parts = sum(step.startswith("digest: part") for step in ask.steps)
    assert answer.notices[0] == f"files: 3, read in {parts} parts, 100% of the text"
    assert "looked at, and nothing taken from: b.py" in answer.notices
    assert any("notes left out: no source" in notice for notice in answer.notices)
    assert answer.confidence > 0.9
    assert len(answer.attempts) == len(ask.steps) == parts + 1
    assert answer.tokens_in > sum(estimate_tokens(file.text) for file in FILES) / 2
    assert ask.words[0].startswith("reading part 1 of ")
    assert ask.words[-1] == "answering from 3 notes"
    assert ask.most_at_once == 2


async def test_no_prompt_exceeds_the_context(ask_to: AskTo):
    async with answering(reader) as server:
        ask = ask_to(Server(server.url, context_length=2048))
        await digest(ask, WANTED)
        for request in server.requests:
            text = "".join(message["content"] for message in request.body["messages"])
            assert estimate_tokens(text) + request.body["max_tokens"] <= 2048


async def test_more_notes_than_a_context_holds_are_summed_up_in_rounds(ask_to: AskTo):
    facts = {n: f"rule {n} says {'so ' * 30}{n}" for n in range(1, 2000, 12)}
    files = (FileText("rules.txt", body(facts=facts, lines=2000)),)
    async with answering(reader) as server:
        ask = ask_to(Server(server.url, context_length=2048))
        answer = await digest(ask, AskRequest("Which rules?", files=files, max_tokens=300))
    rounds = ask.steps.count("digest: sum up")
    assert rounds > 2
    assert len(ask.steps) < 120
    assert estimate_tokens(answer.text) <= 300
    assert answer.text.count("rules.txt:") >= 3


async def test_a_tokenizer_that_counts_more_than_was_thought_leads_to_smaller_parts(ask_to: AskTo):
    reply = small_context(4096, characters_a_token=1.6)
    async with answering(reply) as server:
        ask = ask_to(Server(server.url, context_length=4096))
        answer = await digest(ask, WANTED)
        statuses = len(server.requests)
    assert answer.text.count("\n") == 2
    assert answer.notices[0].endswith("100% of the text")
    assert statuses < 40


async def test_real_counts_of_tokens_keep_room_for_the_reply(ask_to: AskTo):
    """Prompts that fit, but only just, would leave the reply no room."""
    async with answering(small_context(4096, characters_a_token=2.6)) as server:
        ask = ask_to(Server(server.url, context_length=4096, slots=1))
        answer = await digest(ask, WANTED)
        sizes = [
            sum(len(message["content"]) for message in request.body["messages"]) / 2.6
            for request in server.requests
        ]
    assert answer.notices[0].endswith("100% of the text")
    assert sizes[0] > 3072
    assert max(sizes[1:]) + 1024 <= 4096


async def test_a_long_question_leaves_the_parts_as_large_as_they_were_planned(ask_to: AskTo):
    question = "Which rules hold? " * 660
    assert estimate_tokens(question) > 3300
    files = (FileText("big.py", body(facts={6000: "the needle"}, lines=6500)),)
    async with answering(small_context(8192, characters_a_token=3.5)) as server:
        ask = ask_to(Server(server.url, context_length=8192))
        answer = await digest(ask, AskRequest(question, files=files), max_calls=110)
    planned = int(ask.words[0].removeprefix("reading part 1 of "))
    parts = sum(step.startswith("digest: part") for step in ask.steps)
    assert answer.notices[0] == f"files: 1, read in {parts} parts, 100% of the text"
    assert parts <= planned + 1
    assert "the needle [big.py:" in answer.text


async def test_a_long_question_of_more_tokens_than_was_thought_keeps_the_room(ask_to: AskTo):
    """A quarter of the context is the reply's, the question's own tokens counted as they are."""
    question = "Which rules hold? " * 560
    files = (FileText("big.py", body(facts={}, lines=900)),)
    async with answering(small_context(8192, characters_a_token=2.6)) as server:
        ask = ask_to(Server(server.url, context_length=8192, slots=1))
        answer = await digest(ask, AskRequest(question, files=files))
        sizes = [
            sum(len(message["content"]) for message in request.body["messages"]) / 2.6
            for request in server.requests
        ]
    assert answer.notices[0].endswith("100% of the text")
    assert sizes[0] > 8192 * 3 / 4
    assert max(sizes[1:]) <= 8192 * 3 / 4


async def test_notes_too_long_for_two_in_a_prompt_end_all_the_same(ask_to: AskTo):
    """A server that does not keep the model to the length of a note."""

    def wordy(prompt: str, request: Request) -> str | Scripted:
        wordier = f"{len(server.requests)} {'世' * 400}"
        return json.dumps({"notes": [{"text": wordier, "from": [1]}]})

    async with answering(wordy) as server:
        ask = ask_to(Server(server.url, context_length=1024))
        files = (FileText("a.py", body(facts={}, lines=200)),)
        answer = await digest(ask, AskRequest("Which?", files=files))
    assert re.fullmatch(r"- \d+ 世+… \[a\.py:\d+-\d+\]", answer.text)
    assert any(
        notice.endswith("notes left out: no source, or no room") for notice in answer.notices
    )


async def test_a_failed_summary_leaves_the_notes_and_little_confidence(ask_to: AskTo):
    def reply(prompt: str, request: Request) -> str | Scripted:
        if "numbered notes" in prompt:
            return as_json({"error": {"message": "slot crashed"}}, 500)
        return reader(prompt, request)

    async with answering(reply) as server:
        answer = await digest(ask_to(Server(server.url)), WANTED)
    assert answer.text.count("\n- ") == 2
    assert answer.notices[1].endswith("100% of the text")
    assert answer.confidence <= 0.5


def test_notes_before_a_cut_are_kept():
    shown = [(Source("a", 1, 9),), (Source("b", 3, 4),)]
    whole = json.dumps({"notes": [{"text": "x", "from": [1]}, {"text": "y", "from": [2, 7]}]})
    both = [Note("x", shown[0]), Note("y", shown[1])]
    assert read_notes(whole, shown) == (both, 0)
    assert read_notes(whole[:-4], shown) == (both[:1], 0)
    assert read_notes("Some prose.", shown) is None
    off = '{"notes": [{"text": "z", "from": [0, 3, true]}, {"text": " ", "from": [1]}, 7]}'
    assert read_notes(off, shown) == ([], 3)


async def test_a_megabyte_and_a_tiny_context_end_within_the_bound(ask_to: AskTo):
    lines = 1_000_000 // len(FILLER)
    files = (FileText("big.py", body(facts={lines // 2: "the needle"}, lines=lines)),)
    async with answering(reader) as server:
        ask = ask_to(Server(server.url, context_length=2048, slots=8))
        answer = await digest(ask, AskRequest("Where is the needle?", files=files))
        assert "the needle [big.py:" in answer.text
        assert len(ask.steps) <= 800
        calls = len(ask.steps)
        with pytest.raises(InvalidArgumentError) as refused:
            await digest(ask, AskRequest("Where?", files=files), max_calls=100)
        assert len(ask.steps) == calls
    said = str(refused.value)
    assert re.match(r"files: [\d,]+ characters are about [\d,]+ tokens, and would take m-7b", said)
    assert "100 calls are allowed: name fewer files" in said


async def test_a_server_that_dies_in_the_middle_hands_over(ask_to: AskTo):
    async with answering(reader) as other, answering(reader) as first:

        def dying(prompt: str, request: Request) -> str | Scripted:
            if len(first.requests) > 3:
                first._server.close()
            return reader(prompt, request)

        first.reply = dying
        ask = ask_to(Server(first.url, "first"), Server(other.url, "second"))
        answer = await digest(ask, WANTED)
    assert answer.text.count("\n") == 2
    assert answer.notices[0].endswith("100% of the text")
    assert {attempt.model for attempt in answer.attempts} == {"first", "second"}


async def test_a_local_model_reads_even_where_a_remote_one_is_best(ask_to: AskTo):
    async with answering(reader) as remote, answering(reader) as local:
        ask = ask_to(
            Server(remote.url, "large", 200_000, tier=Tier.API_FALLBACK),
            Server(local.url, "small", 4096),
        )
        answer = await digest(ask, WANTED)
        assert remote.requests == []
    assert answer.model == "small"
    assert answer.text.count("\n") == 2


async def test_what_was_read_before_the_only_server_died_is_not_lost(ask_to: AskTo):
    async with answering(reader) as server:

        def dying(prompt: str, request: Request) -> str | Scripted:
            if len(server.requests) >= 3:
                server._server.close()
            return reader(prompt, request)

        server.reply = dying
        ask = ask_to(Server(server.url, slots=1))
        answer = await digest(ask, WANTED)
    assert "the tax is 19% [a.py:" in answer.text
    assert "refunds" not in answer.text
    told = " | ".join(answer.notices)
    assert "summing them up failed" in told
    assert "not read, or not wholly: a.py, b.py, sub/c.py" in told
    assert "failed: " in told
    assert answer.confidence < 0.5
    assert len(ask.steps) == 3 + 3 + 1  # three parts in a row fail, then the summary


async def test_a_part_that_fails_is_told_and_costs_confidence(ask_to: AskTo):
    def failing(prompt: str, request: Request) -> str | Scripted:
        if "FACT orders" in prompt:
            return as_json({"error": {"message": "slot crashed"}}, 500)
        return reader(prompt, request)

    async with answering(failing) as server:
        answer = await digest(ask_to(Server(server.url)), WANTED)
    assert "orders" not in answer.text
    assert "the tax is 19%" in answer.text
    assert any("slot crashed" in notice for notice in answer.notices)
    assert any(notice.startswith("not read, or not wholly: a.py") for notice in answer.notices)
    assert answer.confidence < 0.95


async def test_nothing_relevant_is_an_answer_of_its_own(ask_to: AskTo):
    async with answering(reader) as server:
        files = (FileText("b.py", body(facts={}, lines=500)),)
        answer = await digest(ask_to(Server(server.url)), AskRequest("Who?", files=files))
    assert answer.text == "Nothing in the files that were read bears on this."
    assert "looked at, and nothing taken from: b.py" in answer.notices


async def test_a_schema_shapes_the_answer_and_its_sources_are_told(ask_to: AskTo):
    schema = {
        "type": "object",
        "properties": {"tax": {"type": "string"}},
        "required": ["tax"],
    }

    def reply(prompt: str, request: Request) -> str | Scripted:
        if "answer from these\nnotes alone" in prompt:
            assert "the tax is 19% [a.py:" in prompt
            return '{"tax": "19%"}'
        return reader(prompt, request)

    request = AskRequest("Which tax?", files=FILES, json_schema=schema, system="Be terse.")
    async with answering(reply) as server:
        ask = ask_to(Server(server.url))
        answer = await digest(ask, request)
    # What the answer is to be like is no business of the reading.
    assert [asked.system for asked in ask.requests[-2:]] == [None, "Be terse."]
    assert json.loads(answer.text) == {"tax": "19%"}
    assert any(notice.startswith("sources: a.py:") for notice in answer.notices)


async def test_prose_instead_of_notes_is_put_down_to_the_whole_part(ask_to: AskTo):
    def reply(prompt: str, request: Request) -> str | Scripted:
        if "numbered notes" in prompt:
            return reader(prompt, request)
        return "The tax is 19%."

    async with answering(reply) as server:
        files = (FileText("t.py", body(facts={}, lines=40)),)
        answer = await digest(ask_to(Server(server.url)), AskRequest("Tax?", files=files))
    assert answer.text == "- The tax is 19%. [t.py:1-40]"


async def test_without_a_server_or_text_the_error_says_so(ask_to: AskTo):
    with pytest.raises(ModelUnavailableError):
        await digest(ask_to(), WANTED)
    dead = Server("http://127.0.0.1:9")
    with pytest.raises(ModelUnavailableError):
        await digest(ask_to(dead), WANTED)
    with pytest.raises(InvalidArgumentError, match="files: hold no text"):
        await digest(ask_to(dead), AskRequest("What?", files=(FileText("e", " \n\n"),)))
    with pytest.raises(InvalidArgumentError, match="prompt: leaves no room"):
        await digest(ask_to(dead), AskRequest("What? " * 4000, files=FILES))


async def test_the_real_llama_server_reads_in_parts(tmp_path: Path, ask_to: AskTo):
    """Its model writes noise, but in the form of notes, and it counts a token a character."""
    model = tmp_path / "tiny.gguf"
    write_tiny_gguf(model, context_length=8192)
    with running(model, "--ctx-size", "16384") as server:
        ask = ask_to(Server(server.url, MODEL, context_length=8192, slots=2))
        files = (FileText("a.py", body(facts={3: "x"}, lines=300)),)
        answer = await digest(ask, AskRequest("Which?", files=files, max_tokens=400))
    # Summing up its noise may fail, which the first notice then says.
    assert any(notice.endswith("100% of the text") for notice in answer.notices)
    assert re.search(r"\[a\.py:\d+-\d+", answer.text)
    for start, end in re.findall(r"a\.py:(\d+)-(\d+)", answer.text):
        assert 1 <= int(start) <= int(end) <= 300
    assert answer.tokens_in > len(files[0].text)
