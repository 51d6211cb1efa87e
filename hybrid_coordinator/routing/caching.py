"""The cache of answers: the same request is answered once a day; alike ones only if asked for.

Exact hits need everything equal that decides an answer: the request with its files, context and
schema, the mode, the rules and settings that choose and judge, and the models that may be asked. A
changed model, rule or threshold therefore never serves an old answer, and a request that is
``quality_critical`` never gets one that was given to another. The temperature is part of it too;
an answer at a temperature above 0 is kept like any other, since whoever repeats a request within a
day expects the answer that was checked, not a new draw.

Meaning is off by default. It looks among kept requests that are equal in all but the prompt's
wording, and asks for a near vector and equal particulars; see ``likeness``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import TypeAdapter, ValidationError

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.reply import Reply
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.routing.likeness import nearest, same_particulars
from hybrid_coordinator.settings import RoutingSettings
from hybrid_coordinator.storage.postgres.answers import Answers, NewAnswer, StoredAnswer

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Makes vectors of length 1, by the model that the threshold of ``likeness`` was measured with."""

_FORMAT = 1
"""Part of every key: raise it when the prompts around a request or the checks change."""
_KIN_LOOKED_AT = 500
_MEGABYTE = 1_000_000
_REPLY = TypeAdapter(Reply)


@dataclass(frozen=True, slots=True)
class Question:
    """A request without secrets, and everything else that decides its answer.

    ``models`` are those that may be asked, best first or not; ``tiers`` those that are allowed,
    cheapest first; ``threshold`` is the confidence from which an answer passes; ``rules`` is
    whatever identifies the rules that choose and the checks that judge, ``mode`` how several
    models work together. ``project`` matters only where its context is in the prompt.
    """

    request: AskRequest
    project: str
    models: tuple[str, ...]
    tiers: tuple[Tier, ...]
    threshold: float
    rules: str = ""
    mode: str = ""

    @property
    def family(self) -> bytes:
        """What requests share that may stand for each other but for their wording."""
        return self._digest(replace(self.request, prompt=""))

    @property
    def key(self) -> bytes:
        """What requests share that are the same, whoever asks: their context is in it. What is
        only alike may have been asked of something that one user alone knows."""
        return self._digest(replace(self.request, user=""))

    def _digest(self, request: AskRequest) -> bytes:
        deciding = {
            "format": _FORMAT,
            "request": asdict(request),
            "project": self.project if request.context else "",
            "models": sorted(set(self.models)),
            "tiers": self.tiers,
            "threshold": self.threshold,
            "rules": self.rules,
            "mode": self.mode,
        }
        # A lone surrogate has no UTF-8 form; as an escape it has.
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).digest()


class AnswerCache:
    """Looks answers up and keeps those that passed their check."""

    def __init__(
        self,
        answers: Answers,
        settings: RoutingSettings,
        embed: Embed | None = None,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC),
        scrubber: Scrubber | None = None,
    ) -> None:
        """``scrubber`` knows what must not be kept; without it, the forms of secrets alone are."""
        self._answers = answers
        self._life = dt.timedelta(hours=settings.cache_hours)
        self._max_bytes = int(settings.cache_megabytes * _MEGABYTE)
        self._embed = embed if settings.semantic_cache else None
        self._clock = clock
        self._scrubber = scrubber or Scrubber()

    @property
    def on(self) -> bool:
        """Whether anything is kept."""
        return bool(self._life) and self._max_bytes > 0

    async def find(self, question: Question) -> Reply | None:
        """A kept answer to the question, at no cost and with ``cached`` set, or None."""
        if not self.on:
            return None
        exact = await self._take(question.key)
        if exact is not None or self._embed is None:
            return exact
        return await self._find_alike(question, self._embed)

    async def keep(self, question: Question, reply: Reply) -> bool:
        """Keep an answer that passed its check. Returns whether it was kept.

        One that holds a secret is not: it would stand in the record, where none may.
        An answer to a ``quality_critical`` question is kept only where the top tier that it may
        use gave it: the next one may find that tier up again.
        """
        weak = question.request.quality_critical and reply.tier is not question.tiers[-1]
        if not self.on or reply.cached or weak or reply.confidence < question.threshold:
            return False
        if await asyncio.to_thread(self._scrubber.scrub, reply.response) != reply.response:
            return False
        vector = None
        prompt = _storable(question.request.prompt)
        if self._embed is not None:
            (vector,) = await self._embed([prompt])
        new = NewAnswer(
            key=question.key,
            family=question.family,
            prompt=prompt,
            vector=vector,
            answer=_REPLY.dump_python(replace(reply, attempts=()), mode="json"),
        )
        return await self._answers.put(new, max_bytes=self._max_bytes, newer_than=self._oldest())

    async def _find_alike(self, question: Question, embed: Embed) -> Reply | None:
        prompt = question.request.prompt
        kin = await self._answers.family(
            question.family, newer_than=self._oldest(), limit=_KIN_LOOKED_AT
        )
        if not kin:
            return None
        (vector,) = await embed([prompt])
        alike = [each for each in kin if len(each.vector) == len(vector)]
        for at in nearest(vector, [each.vector for each in alike]):
            if same_particulars(prompt, alike[at].prompt):
                reply = await self._take(alike[at].key)
                if reply is not None:
                    asked = f"it was asked as: {alike[at].prompt}"
                    return replace(reply, notices=(*reply.notices, asked))
        return None

    async def _take(self, key: bytes) -> Reply | None:
        stored = await self._answers.take(key, newer_than=self._oldest())
        if stored is None:
            return None
        reply = _read(stored)
        if reply is None:
            await self._answers.remove(key)
            return None
        minutes = max(0, round((self._clock() - stored.created_at).total_seconds() / 60))
        age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
        notice = f"a recorded answer, {age} old; routing.cache_hours: 0 asks anew"
        return replace(
            reply, cached=True, cost_usd=0.0, attempts=(), notices=(*reply.notices, notice)
        )

    def _oldest(self) -> dt.datetime:
        return self._clock() - self._life


def _storable(text: str) -> str:
    """The text without what Postgres has no place for: NUL, and half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _read(stored: StoredAnswer) -> Reply | None:
    """The reply, or None where the row is damaged or of an older version."""
    try:
        return _REPLY.validate_python(stored.answer)
    except ValidationError:
        return None
