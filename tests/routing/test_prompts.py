"""Secrets are taken out of every text of a request, however long it is."""

from __future__ import annotations

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.routing.prompts import scrubbed

SECRET = "correct-horse-battery"


@pytest.mark.parametrize("filling", [0, 20_000], ids=["short", "long"])
async def test_no_text_of_a_request_keeps_a_secret(filling: int):
    text = f"{'word ' * filling}{SECRET}"
    request = AskRequest(
        text,
        files=(FileText("a.py", text),),
        context=text,
        system=text,
        json_schema={"const": SECRET},
    )
    for asked in (request, AskRequest(text)):
        clean = await scrubbed(asked, Scrubber([SECRET]))
        assert SECRET not in repr(clean)
        assert clean.prompt.count("word") == filling
