"""What is deleted is gone from every table and every point; all else stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.domain.forgetting import Selection
from hybrid_coordinator.domain.histories import InteractionHistory, KnowledgeHistory
from hybrid_coordinator.domain.items import GLOBAL_PROJECT
from hybrid_coordinator.domain.knowledge import Origin
from hybrid_coordinator.errors import (
    InvalidArgumentError,
    NotFoundError,
)
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories
from tests.support import traces
from tests.support.memory import PROJECT, projecting
from tests.support.owned import (
    CODE,
    ERRORS,
    HISTORY,
    MARK,
    SKILLS,
    STATIC,
    all_traces,
    beside,
    ignore,
    learned,
    owned,
    owning,
    untold,
    worked,
)

WITHOUT_WORDS = {
    *("showings", "exposures", "imported_knowledge"),  # ids, numbers, and where from
    *("forgotten", "training_groups"),  # digests
    "interaction_facts",  # labels and numbers, gone with the interaction
    *("access_tokens", "browser_sessions"),  # digests, and what people called their tokens
    "audit_log",  # who did what to which id, never what was said
    "captured_events",  # emptied when their turn is recorded, deleted with their project
    "imported_files",  # where session files are, so that deleted turns are not read again
    "datasets",  # where exports are, and counts
    *("source_files", "watched_directories", "skill_passes"),  # of projects, and go with them
    *("index_generations", "schema_migrations", "spend"),  # of no project
}
"""Tables that hold nothing of what an interaction or an entry says, and why."""


async def test_a_deleted_interaction_leaves_no_trace_in_any_table_or_point(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, MARK)
        await beside(database, done, MARK)
        lesson = await learned(parts, f"Lesson of {MARK}", MARK, done)
        other = await worked(parts, "something else", shown=(done, lesson))
        stated = await learned(parts, "Stated", "by hand", done, origin=Origin.STATED)
        before = await all_traces(database, parts, MARK)
        assert {place.partition(":")[0] for place in before} == {
            *("interactions", "outcomes", "route_attempts", "actions", "shown_items"),
            *("cached_answers", "jobs", "knowledge_items", "skill_proposals", HISTORY, SKILLS),
        }
        texts = await database.fetch(
            "SELECT DISTINCT table_name FROM information_schema.columns JOIN "
            "information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' "
            "AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')"
        )
        looked_at = {place.partition(":")[0] for place in before} | WITHOUT_WORDS
        assert {row["table_name"] for row in texts} <= looked_at, (
            "a new table: have `beside` put words into it, or say here why it has none"
        )

        deleted = await mine.delete([done])

        assert await all_traces(database, parts, MARK) == []
        assert deleted.counts == {HISTORY: 1, SKILLS: 1}
        assert (deleted.learned, deleted.kept, deleted.copies) == (1, (), ())
        assert await traces.in_record(database, done) == ["forgotten: 1"]
        assert await traces.in_record(database, lesson) == ["forgotten: 1"]
        (kept,) = await parts.knowledge.get_many([stated])
        assert kept.content == "by hand"
        assert await parts.knowledge.evidence(stated) == []
        assert (await parts.interactions.get(other)).context_provided == 0
        (point,) = await parts.index.get(HISTORY, [other])
        assert point.payload["context_provided"] == 0
        with pytest.raises(NotFoundError, match=done):
            await mine.delete([other, done])
        assert await parts.interactions.get(other), "nothing is deleted where an id is unknown"


async def test_a_deleted_entry_is_gone_with_every_version(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "some task")
        entry = await learned(parts, "How to", f"{MARK} at first", done, origin=Origin.STATED)
        await parts.knowledge.change(entry, content="another", fields={}, reason=f"{MARK} was bad")
        await parts.knowledge.deprecate(entry, "old")
        await beside(database, entry_shown := await worked(parts, "x", shown=(entry,)), "y")
        await database.execute(
            "UPDATE shown_items SET item_id = $1::text::uuid, title = $2", entry, MARK
        )
        await database.execute(
            "UPDATE skill_proposals SET item_id = $1::text::uuid, content = $2", entry, MARK
        )
        assert len(await all_traces(database, parts, MARK)) == 3

        deleted = await mine.delete([entry.upper()])

        assert deleted.counts == {SKILLS: 1}
        assert await all_traces(database, parts, MARK) == []
        assert await traces.in_record(database, entry) == ["forgotten: 1"]
        assert await parts.interactions.get(done)
        assert (await parts.interactions.get(entry_shown)).context_provided == 0


async def test_an_entry_that_rests_on_others_stays_without_that_evidence_and_its_words(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        first, second = await worked(parts, "one"), await worked(parts, "two")
        entry = await learned(parts, "Lesson", f"{MARK} in it", first)
        assert entry == await learned(parts, "Lesson", "in other words", second)
        doubtful = await learned(parts, "Doubtful", "text", second)
        await parts.knowledge.support(doubtful, [first], supports=False)

        deleted = await mine.delete([first])

        assert (deleted.counts, deleted.learned, deleted.kept) == ({HISTORY: 1}, 0, (entry,))
        assert await parts.knowledge.evidence(entry) == [(second, True)]
        assert await all_traces(database, parts, MARK) == []
        (item,) = await parts.knowledge.get_many([entry])
        assert item.content == "in other words"

        deleted = await mine.delete([second])

        assert deleted.counts == {HISTORY: 1, SKILLS: 2}, "neither has anything to rest on"


async def test_a_whole_project_goes_with_its_code_and_nothing_of_another_does(
    database: Database, tmp_path: Path
) -> None:
    trees = {name: tmp_path / name for name in ("doomed", "kept")}
    watched = WatchedDirectories(database, "home")
    async with owning(database, tmp_path / "index") as (parts, mine):
        for name, tree in trees.items():
            tree.mkdir()
            (tree / "invoice.py").write_text(f"def invoice_{name}(rows):\n    return sum(rows)\n")
            await parts.indexer.index(tree, name)
            await watched.add(name, str(tree))
            done = await worked(parts, f"task of {name}", name)
            await beside(database, done, f"task of {name}", name)
            await learned(parts, f"Lesson of {name}", "text", project=name)
        await learned(parts, "For all", "text", project=GLOBAL_PROJECT)
        listing = await mine.listing(Selection(project="doomed"), 10)
        assert listing.counts == {HISTORY: 1, SKILLS: 1, CODE: 1}

        deleted = await mine.delete_chosen(Selection(project="doomed"), untold)

        assert deleted.counts == {HISTORY: 1, SKILLS: 1}
        assert deleted.files == 1
        assert await all_traces(database, parts, "doomed") == []
        assert {row.project for row in (await mine.listing(Selection(), 10)).rows} == {
            "kept",
            GLOBAL_PROJECT,
        }
        assert await parts.files.roots() == [("kept", str(trees["kept"]))]
        assert await watched.all() == [("kept", str(trees["kept"]))]
        assert await parts.index.count(CODE, {"project": "kept"}) == 1
        await parts.rebuilder.rebuild(ignore)
        assert await all_traces(database, parts, "doomed") == []
        # Whoever indexes it again has it again.
        await parts.indexer.index(trees["doomed"], "doomed")
        assert await parts.index.count(CODE, {"project": "doomed"}) == 1


async def test_things_are_chosen_by_collection_project_age_and_words(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        old = await worked(parts, "Old Task")
        await database.execute("UPDATE interactions SET created_at = now() - interval '100 days'")
        new = await worked(parts, "new task", "other")
        entry = await learned(parts, "Lesson", "an Old saying")
        await parts.knowledge.change(entry, content="rephrased", reason="")
        retired = await learned(parts, "Bad", "advice", project="other")
        await parts.knowledge.deprecate(retired, "harmful")
        hundred = datetime.now(UTC) - timedelta(days=90)
        for chosen, ids in (
            (Selection(), {old, new, entry, retired}),
            (Selection(collection=HISTORY), {old, new}),
            (Selection(project="other"), {new, retired}),
            (Selection(before=hundred), {old}),
            (Selection(words="oLD"), {old, entry}),
            (Selection(words="EXIT 0", project="other"), {new}),
            (Selection(words="is long"), {old, new}),
            (Selection(words="100%"), set()),
            (Selection(collection=ERRORS), set()),
        ):
            listing = await mine.listing(chosen, 10)
            assert {row.id for row in listing.rows} == ids, chosen
            assert sum(listing.counts.values()) == len(ids)
        states = {
            row.id: (row.state, row.origin) for row in (await mine.listing(Selection(), 9)).rows
        }
        assert states == {
            old: ("success", "local"),
            new: ("success", "local"),
            entry: ("in use", "pattern"),
            retired: ("retired", "pattern"),
        }
        one = await mine.listing(Selection(), 1)
        assert (len(one.rows), sum(one.counts.values())) == (1, 4)

        told: list[int] = []

        async def tell(count: int) -> None:
            told.append(count)

        deleted = await mine.delete_chosen(Selection(before=hundred), tell)
        assert (deleted.counts, told) == ({HISTORY: 1}, [1])
        for nothing in (Selection(), Selection(collection=CODE)):
            with pytest.raises(InvalidArgumentError):
                await mine.delete_chosen(nothing, untold)


async def test_all_of_an_entry_and_of_an_interaction_is_shown(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "one")
        await beside(database, done, "files")
        entry = await learned(parts, "Lesson", "first", done)
        await learned(parts, "Lesson", "second")
        await worked(parts, "two", shown=(entry,))

        shown = await mine.show(entry)

        assert isinstance(shown, KnowledgeHistory)
        assert [each.content for each in (*shown.earlier, shown.item)] == ["first", "second"]
        assert [(each.other, each.supports) for each in shown.evidence] == [(done, True)]
        assert (shown.stats.uses, shown.stats.success_rate) == (1, 1.0)
        course = await mine.show(done)
        assert isinstance(course, InteractionHistory)
        assert [each["subject"] for each in course.actions] == ["grep files"]
        assert [each["outcome"] for each in course.outcomes] == ["success"]
        assert [each.other for each in course.taught] == [entry]
        with pytest.raises(NotFoundError, match="memory list"):
            await mine.show("0198c5a2-7b1e-7c3d-8f00-0123456789ab")
        with pytest.raises(InvalidArgumentError, match="id"):
            await mine.show("nonsense")


async def test_an_edited_entry_is_stated_and_nothing_learned_changes_it(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "one")
        entry = await learned(parts, "Lesson", "guessed", done)

        edited = await mine.edit(
            entry,
            "by hand, token ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
            {"value_score": 0.5, "prerequisites": None},
        )

        assert isinstance(edited, KnowledgeHistory)
        assert edited.item.content.startswith("by hand, token <SECRET:")
        assert edited.item.fields == {"value_score": 0.5}
        assert edited.item.origin is Origin.STATED
        await learned(parts, "Lesson", "guessed again", done)
        await mine.delete([done])
        (item,) = await parts.knowledge.get_many([entry])
        assert item.content == edited.item.content, "it rests on a person's word now"
        for content, fields, problem in (
            (None, {}, "nothing to change"),
            (" ", {}, "content"),
            (None, {"no_such": 1}, "fields.no_such"),
            (None, {"value_score": "high"}, "fields.value_score"),
        ):
            with pytest.raises(InvalidArgumentError, match=problem):
                await mine.edit(entry, content, fields)
        await mine.retire(entry, "no good")
        with pytest.raises(NotFoundError):
            await mine.edit(entry, "again", {})
        with pytest.raises(InvalidArgumentError, match="reason"):
            await mine.retire(entry, " ")


async def test_what_an_edited_interaction_said_is_gone(database: Database, tmp_path: Path) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "one")
        await database.execute(
            "UPDATE interactions SET query = query || $1, response = response || $1", MARK
        )
        await beside(database, done, "x")
        await database.execute("UPDATE shown_items SET title = $1", MARK)
        await database.execute("UPDATE cached_answers SET prompt = $1", MARK)

        edited = await mine.edit(done, "Done otherwise.", {"query": "Do it."})

        assert isinstance(edited, InteractionHistory)
        assert (edited.interaction.query, edited.interaction.response) == (
            "Do it.",
            "Done otherwise.",
        )
        assert await all_traces(database, parts, MARK) == []
        with pytest.raises(InvalidArgumentError, match=r"fields\.model_used"):
            await mine.edit(done, None, {"model_used": "x"})
        with pytest.raises(InvalidArgumentError, match="delete it"):
            await mine.retire(done, "why")


async def test_copies_beside_the_stores_are_named(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path / "index", embedding=STATIC) as parts:
        done, other = await worked(parts, "one"), await worked(parts, "two")
        made = {
            "ours": {"interaction_id": done},
            "pairs": {"interaction_id": other, "rejected_interaction_id": done},
            "theirs": {"interaction_id": other},
            "silent": {},
            "gone": {"interaction_id": done},
        }
        for name, origin in made.items():
            folder = tmp_path / name
            await Datasets(database).add("dpo", str(folder), 1, {"projects": {PROJECT: 1}})
            if name != "gone":
                folder.mkdir()
            if origin and name != "gone":
                (folder / "provenance.jsonl").write_text(f"{json.dumps(origin)}\n")
        mine = owned(database, parts, ("/home/qdrant/skills.damaged-1",))

        deleted = await mine.delete([done])

        named = [str(tmp_path / name) for name in ("ours", "pairs", "silent")]
        assert deleted.copies == (*named, "/home/qdrant/skills.damaged-1")
        await mine.delete_chosen(Selection(project=PROJECT), untold)
        assert await all_traces(database, parts, PROJECT) == []
