"""A second look at an answer, by the quickest model that runs here."""

from __future__ import annotations

from hybrid_coordinator.errors import (
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointState, LocalModel
from hybrid_coordinator.routing.checking.critique import critique_request, read_critique
from hybrid_coordinator.routing.course import Course
from hybrid_coordinator.routing.gateway import Gateway

_UNKNOWN_BILLIONS = 10.0
"""A model of unknown size is taken for one of the larger ones."""


class QuickCritic:
    """Asks the smallest local model that is loaded, and costs no money."""

    def __init__(self, gateway: Gateway, session: str) -> None:
        self._gateway = gateway
        self._session = session

    async def critique(self, prompt: str, answer: str, course: Course) -> float | None:
        """How well the answer stands in 0-1; None where no model could say, which is noted."""
        found = await self._quickest()
        if found is None:
            course.note("self-critique: no local model is loaded for it")
            return None
        endpoint, model, slots = found
        course.waiting_for = f"{model.name} takes a second look"
        try:
            said = await (await self._gateway.caller()).call(
                endpoint, model, slots, critique_request(prompt, answer), caller=self._session
            )
        except (InvalidArgumentError, ModelReplyError, ModelUnavailableError) as error:
            course.note(f"self-critique failed: {error}")
            return None
        value = read_critique(said.text)
        if value is None:
            course.note(f"self-critique: {model.name} gave no verdict")
        return value

    async def _quickest(self) -> tuple[Endpoint, LocalModel, int] | None:
        ready = [
            (report.endpoint, model, report.slots)
            for report in await self._gateway.glance()
            if report.state is EndpointState.READY and not report.endpoint.remote
            if self._gateway.breakers.admits(report.endpoint.url)
            for model in report.models
            if model.loaded is not False
        ]
        return min(ready, key=lambda each: each[1].parameters or _UNKNOWN_BILLIONS, default=None)
