"""The eight tools: each parses its arguments, calls one coordinator method, and renders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from hybrid_coordinator.coordinator import AskOptions, Coordinator, Progress
from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.domain.reply import AnswerPiece
from hybrid_coordinator.serving.mcp import arguments as args
from hybrid_coordinator.serving.mcp import results
from hybrid_coordinator.session import Session

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""

Tool = Callable[[Coordinator, Session, object, Progress], Awaitable[Json]]


async def augment_query(
    coordinator: Coordinator, session: Session, values: object, _: Progress
) -> Json:
    given = args.validated(args.AugmentQuery, values)
    chosen = given.collections
    found = await coordinator.augment(
        given.query,
        agent_type=AgentType(given.agent_type),
        project=session.project_or(given.project),
        collections=None if chosen is None else [CollectionName(name) for name in chosen],
        max_tokens=given.max_tokens,
        session_id=session.id,
        user=session.identity.user,
    )
    shown = results.augmentation(found)
    return shown | {"notices": [*shown["notices"], *session.notices]}


async def ask_local_llm(
    coordinator: Coordinator,
    session: Session,
    values: object,
    progress: Progress,
    pieces: Callable[[AnswerPiece], None] | None = None,
) -> Json:
    given = args.validated(args.AskLocalLlm, values)
    options = AskOptions(
        prompt=given.prompt,
        task_type=given.task_type,
        mode=given.mode,
        files=tuple(given.files),
        system=given.system,
        json_schema=given.json_schema,
        max_tokens=given.max_tokens,
        temperature=given.temperature,
        use_context=given.use_context,
        quality_critical=given.quality_critical,
        prefer_local=given.prefer_local,
    )
    answer, interaction_id = await coordinator.ask(
        options,
        session=session,
        project=session.project_or(given.project),
        progress=progress,
        pieces=pieces,
    )
    return results.reply(answer, interaction_id)


async def track_interaction(
    coordinator: Coordinator, session: Session, values: object, _: Progress
) -> Json:
    given = args.validated(args.TrackInteraction, values)
    interaction_id = await coordinator.track(
        NewInteraction(
            project=session.project_or(given.project),
            query=given.query,
            response=given.response,
            agent_type=AgentType(given.agent_type),
            model_used=given.model_used,
            context_ids=tuple(given.context_ids),
            tokens_used=given.tokens_used,
            latency_ms=given.latency_ms,
            session_id=given.session_id or session.id,
            user=session.identity.user,
        ),
        connection=session.id,
        identity=session.identity,
    )
    return {"interaction_id": interaction_id}


async def update_outcome(
    coordinator: Coordinator, session: Session, values: object, _: Progress
) -> Json:
    given = args.validated(args.UpdateOutcome, values)
    outcome = Outcome(OutcomeKind(given.outcome), given.user_feedback, given.evidence)
    result = await coordinator.update_outcome(given.interaction_id, outcome, session.identity)
    return {
        "interaction_id": result.interaction_id,
        "value_score": result.value_score,
        "components": asdict(result.components),
        "high_value": result.high_value,
        "queued": list(result.queued),
    }


async def generate_training_data(
    coordinator: Coordinator,
    session: Session,
    values: object,
    progress: Progress,
    *,
    project: str | None = None,
) -> Json:
    """``project`` is for the command line: the tool has every project's work."""
    given = args.validated(args.GenerateTrainingData, values)
    report = await coordinator.generate_training_data(
        given.format,
        min_value=given.min_value,
        output_dir=None
        if given.output_dir is None
        else session.resolve(given.output_dir, "output_dir"),
        max_examples=given.max_examples,
        project=project,
        progress=progress,
    )
    return {
        "paths": {split: str(path) for split, path in report.paths.items()},
        "counts": dict(report.counts),
        "dropped": dict(report.dropped),
        "sha256": report.sha256,
    }


async def search_knowledge(
    coordinator: Coordinator, session: Session, values: object, _: Progress
) -> Json:
    given = args.validated(args.SearchKnowledge, values)
    found = await coordinator.search(
        given.query,
        collection=None if given.collection is None else CollectionName(given.collection),
        project=session.project_or(given.project),
        limit=given.limit,
        user=session.identity.user,
    )
    return {"items": results.items(found.items), "notices": [*found.notices, *session.notices]}


async def store_knowledge(
    coordinator: Coordinator, session: Session, values: object, _: Progress
) -> Json:
    given = args.validated(args.StoreKnowledge, values)
    identifier, action = await coordinator.store(
        NewKnowledge(
            collection=CollectionName(given.collection),
            project=session.project_or(given.project),
            title=given.title,
            content=given.content,
            fields=given.fields,
        )
    )
    return {"id": identifier, "action": action.value}


async def index_codebase(
    coordinator: Coordinator, session: Session, values: object, progress: Progress
) -> Json:
    given = args.validated(args.IndexCodebase, values)
    report = await coordinator.index(
        session.resolve(given.path),
        project=session.project_or(given.project),
        watch=given.watch,
        progress=progress,
    )
    return results.index_report(report)


HANDLERS: Mapping[str, Tool] = {
    tool.__name__: tool
    for tool in (
        augment_query,
        ask_local_llm,
        track_interaction,
        update_outcome,
        generate_training_data,
        search_knowledge,
        store_knowledge,
        index_codebase,
    )
}
