"""Questions are answered from what the project knows, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName, ContextItem
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.collections import load_seeds
from hybrid_coordinator.knowledge.embedding.protocol import Vector
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.packing import pack
from hybrid_coordinator.knowledge.retrieval import Retrieved
from hybrid_coordinator.storage.postgres.database import Database
from tests.support.memory import EVERYTHING, PROJECT, Memory, projecting

CODE = CollectionName.CODEBASE_CONTEXT
ERRORS = CollectionName.ERROR_SOLUTIONS
OTHER = "blog-77aa01bc"
NO_INDEX = "This project has no index yet: call index_codebase."

FILES = {
    "cookies.py": '''
        def set_session_cookie(response, user):
            """Sign the user's session and store it in a cookie."""
            response.set_cookie("session", sign(user.id), httponly=True)


        def read_session_cookie(request):
            """The user whose signed session cookie the request carries, or None."""
            return unsign(request.cookies.get("session"))
    ''',
    "dates.py": '''
        def parse_date(text, timezone):
            """Parse an ISO 8601 date and move it to a timezone."""
            return datetime.fromisoformat(text).astimezone(timezone)
    ''',
    "basket.py": '''
        class Basket:
            """Articles that a customer is about to buy."""

            def add_article(self, article, quantity):
                self.lines.append((article, quantity))

            def total_price(self, discount):
                return sum(article.price * count for article, count in self.lines) - discount
    ''',
    "mail.py": '''
        def send_invoice(customer, invoice):
            """Mail a PDF invoice to the customer through SMTP."""
            smtp.send(customer.address, subject=invoice.number, attachment=render(invoice))
    ''',
}
GOOD = {
    "where is the session cookie signed": "set_session_cookie",
    "parse_date": "parse_date",
    "which code mails invoices to customers": "send_invoice",
    "compute the total price of a basket": "Basket",
    "why is the session cookie lost at the checkout": (
        "Why does the checkout lose its session cookie?"
    ),
}
JUNK = (
    "what is for dinner",
    "weather in Paris",
    "tell me a joke",
    "who won the football match yesterday",
    "lyrics of a love song",
    "hello",
    "🤷",
    "",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project's files."""
    root = tmp_path / "tree"
    root.mkdir()
    for name, text in FILES.items():
        lines = (line.removeprefix(" " * 8) for line in text.strip("\n").split("\n"))
        (root / name).write_text("\n".join(lines).rstrip() + "\n")
    return root


async def fill(parts: Memory, tree: Path) -> None:
    """The project's code, its history, and the seeds that every project has."""
    for collection in EVERYTHING:
        for seed in load_seeds(collection):
            await parts.knowledge.store(seed)
    await parts.track("Why does the checkout lose its session cookie?", "SameSite was Strict.")
    await parts.track("Add a discount to the basket's total price", "Done in basket.py.")
    parts.projector.wake()
    await parts.find("wait for all of it")
    await parts.indexer.index(tree, PROJECT)


async def test_code_is_found_with_where_and_why(
    database: Database, tmp_path: Path, tree: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(tree, PROJECT)

        best = (await parts.find("how is a date parsed in a timezone")).items[0]

        assert best.collection is CODE
        assert best.title == "parse_date"
        assert best.text.startswith("def parse_date(text, timezone):")
        assert best.source == "dates.py:1-3"
        assert best.why == "matches timezone, date, parsed"
        assert best.uses == 0
        assert best.success_rate is None


async def test_good_questions_are_answered_and_junk_is_not(
    database: Database, tmp_path: Path, tree: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await fill(parts, tree)
        for question, title in GOOD.items():
            found = await parts.find(question)
            assert title in {item.title.split(".")[0] for item in found.items}, question
            assert found.notices == ()
        for question in JUNK:
            assert (await parts.find(question)).items == (), question


async def test_a_search_lists_the_best_whatever_it_is_worth(
    database: Database, tmp_path: Path, tree: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await fill(parts, tree)

        found = await parts.retriever.find(
            "what is for dinner", PROJECT, [CODE, ERRORS], 3, only_relevant=False
        )

        assert [item.collection for item in found.items] == [CODE, ERRORS] * 3 or {
            item.collection for item in found.items[:2]
        } == {CODE, ERRORS}
        assert len(found.items) == 6


async def test_projects_do_not_see_each_other_and_all_see_what_is_global(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        ours = await parts.track("Deploy the tarball to staging", "scp it")
        theirs = await parts.track("Deploy the tarball to staging", "rsync it", project=OTHER)
        own = await parts.learn("Deploy a tarball", "Check its hash.", project=OTHER)
        shared = await parts.learn("Deploy to staging", "Tag first.", project=GLOBAL_PROJECT)

        assert set(await parts.found("deploy the tarball to staging")) == {ours, shared}
        seen_there = await parts.found("deploy the tarball to staging", OTHER)
        assert set(seen_there) == {theirs, own, shared}
        elsewhere = await parts.found("deploy the tarball to staging", "third")
        assert elsewhere == [shared]


async def test_the_code_of_another_project_is_not_seen(
    database: Database, tmp_path: Path, tree: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await fill(parts, tree)

        found = await parts.find("where is the session cookie signed", OTHER)

        assert CODE not in {item.collection for item in found.items}
        assert found.notices == (NO_INDEX,)


async def test_a_failure_is_shown_as_one(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        for kind, value, why in (
            (OutcomeKind.SUCCESS, 0.78, "a past success (value 0.78)"),
            (OutcomeKind.PARTIAL, 0.4, "a past partial success (value 0.40)"),
            (OutcomeKind.FAILURE, 0.1, "a past attempt that ended in failure"),
            (OutcomeKind.UNKNOWN, 0.3, "a past task whose outcome is not known"),
        ):
            project = f"project-{kind}"
            tracked = await parts.track("Migrate the invoices table", project=project)
            await parts.interactions.set_outcome(tracked, Outcome(kind), value, {})
            parts.projector.wake()

            (item,) = (await parts.find("migrate the table of invoices", project)).items

            assert item.why.startswith(f"{why}; matches ")


async def test_uses_and_success_come_from_the_record(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        item = await parts.learn("Bisect a flaky test", "Run halves of the suite.")
        for kind in (OutcomeKind.SUCCESS, OutcomeKind.FAILURE, None):
            interaction = await parts.interactions.add(
                NewInteraction(OTHER, "q", "r", AgentType.LOCAL, "qwen", context_ids=(item,))
            )
            if kind:
                await parts.interactions.set_outcome(interaction, Outcome(kind), 0.5, {})

        (found,) = (await parts.find("how to bisect a flaky test")).items

        assert (found.uses, found.success_rate) == (3, 0.5)
        assert found.why.endswith("; used 3 times, 50% success where known")


async def test_a_pasted_log_finds_the_error_at_its_end(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        solution = await parts.learn(
            "ModuleNotFoundError: No module named 'yaml'",
            "pip install pyyaml",
            collection=ERRORS,
            error_type="ModuleNotFoundError",
        )
        log = "".join(f"[{number}] downloading wheel {number}\n" for number in range(8000))
        assert len(log) > 200_000

        asked = f"The nightly build broke:\n{log}ModuleNotFoundError: No module named 'yaml'"

        assert await parts.found(asked) == [solution]


async def test_all_that_was_learned_of_it_comes_into_question(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        for number in range(12):
            await parts.track(f"Rename the invoice column, attempt {number}")
            await parts.learn(f"Rename a column, way {number}", "Rename the invoice column.")

        found = await parts.find("rename the invoice column")

        for name in (CollectionName.INTERACTION_HISTORY, CollectionName.SKILLS_PATTERNS):
            given = [item for item in found.items if item.collection is name]
            assert len(given) == 12
            assert all(item.relevance == 1 for item in given)


async def test_what_is_found_fits_the_budget(
    database: Database, tmp_path: Path, tree: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await fill(parts, tree)
        found = await parts.find("where is the session cookie signed")

        for budget in (0, 50, 150, 400, 1500):
            packed = pack(found.items, budget)
            assert packed.tokens <= budget

        assert {item.title for item in packed.items} >= {"set_session_cookie"}
        assert "cookies.py:1-3 | matches" in packed.text


async def test_a_collection_that_is_gone_is_made_anew_for_the_question(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track("Migrate the invoices table")
        await parts.find("the collections exist")
        await parts.index.drop(ERRORS)

        found = await parts.find("migrate the invoices table")

        assert [item.id for item in found.items] == [tracked]
        assert not [notice for notice in found.notices if "error-solutions" in notice]
        assert await parts.index.count(ERRORS, {}) == 0

        for name in EVERYTHING:
            await parts.index.drop(name)
        await parts.find("the collections are made anew")
        parts.projector.wake()  # which looks for itself from time to time
        found = await parts.find("migrate the invoices table")
        assert [item.id for item in found.items] == [tracked]
        assert not [notice for notice in found.notices if "could not" in notice]


async def test_without_the_record_items_come_without_their_figures(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track("Migrate the invoices table")
        await parts.find("projected")
        await database.close()

        found = await parts.find("migrate the invoices table")

        assert [item.id for item in found.items] == [tracked]
        assert "How often items helped is not known now" in found.notices[-1]


TOPICS = (
    *("orders", "customers", "invoices", "payments", "refunds", "shipments", "returns"),
    *("vouchers", "reviews", "warehouses", "suppliers", "taxes", "currencies", "baskets"),
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with more pieces than a question is judged by."""
    root = tmp_path / "shop"
    root.mkdir()
    for topic in TOPICS:
        lines = (
            f"class {topic.title()}Ledger:",
            f'    """Keeps the ledger of {topic} and its yearly closing."""',
            "",
            f"    def close_{topic}_ledger(self, year):",
            f'        """Close the ledger of {topic} for a year."""',
            f"        return self.entries_of(year, {topic!r})",
        )
        (root / f"{topic}.py").write_text("\n".join(lines) + "\n")
    return root


async def test_pieces_that_are_gone_make_room_and_do_not_change_the_judgement(
    database: Database, tmp_path: Path, shop: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(shop, PROJECT)
        question = "how is a ledger closed for a year"
        before = await parts.find(question)
        assert len(before.items) == 5
        for item in before.items[:2]:
            (shop / item.source.partition(":")[0]).unlink()

        after = await parts.find(question)

        assert len(after.items) == 5
        gone = {item.id for item in before.items[:2]}
        assert gone.isdisjoint(item.id for item in after.items)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("RefundsLedger", "RefundsLedger"),
        ("refundsLedger", "RefundsLedger"),
        ("close_refunds_ledger", "RefundsLedger"),
        ("what is RefundsLedger?", "RefundsLedger"),
    ],
)
async def test_a_name_is_answered_by_what_names_it(
    database: Database, tmp_path: Path, shop: Path, name: str, first: str
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(shop, PROJECT)
        found = await parts.find(name)
        assert found.items[0].title.startswith(first)
        if " " not in name:
            assert all("efunds" in item.text for item in found.items)


@pytest.mark.parametrize("name", ["SalaryLedger", "close_salary_ledger", "🤷", "the of and"])
async def test_a_name_that_is_nowhere_has_no_answer(
    database: Database, tmp_path: Path, shop: Path, name: str
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(shop, PROJECT)
        assert (await parts.find(name)).items == ()


async def test_a_listing_begins_with_what_is_relevant(
    database: Database, tmp_path: Path, shop: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await fill(parts, shop)
        found = await parts.retriever.find(
            "how is the ledger of refunds closed", PROJECT, EVERYTHING, 5, only_relevant=False
        )
        assert [item.collection for item in found.items[:4]] == [CODE] * 4
        assert {item.collection for item in found.items} > {CODE}


class TwiceAsked(StaticEmbedder):
    """A model that answers every other time."""

    asked = 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += 1
        if self.asked % 2 == 0 and len(texts) == 1:
            raise EmbedderUnavailableError("busy")
        return await super().embed(texts)


async def test_an_embedder_that_fails_in_the_middle_leaves_the_words(
    database: Database, tmp_path: Path, shop: Path
) -> None:
    embedder = TwiceAsked()
    async with projecting(database, tmp_path / "index", embedder) as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(shop, PROJECT)
        embedder.asked = 0
        found = await parts.find("close the ledger of refunds for a year")
        assert embedder.asked == 2
        assert found.items
        assert found.notices == ()


async def test_code_that_helped_comes_first_for_a_question_in_other_words(
    database: Database, tmp_path: Path, shop: Path
) -> None:
    async with projecting(database, tmp_path / "index") as parts:
        await parts.find("the projector creates the collections")
        await parts.indexer.index(shop, PROJECT)
        question = "how is a ledger closed for a year"
        reworded = "Show me how the closing of ledgers is done for years"
        plain = await parts.retriever.find(reworded, PROJECT, EVERYTHING, 8, by_outcomes=False)
        first, helped = code(plain)[:2]
        assert helped.score > 0.8 * first.score  # which of these equals is first is chance
        new = NewInteraction(PROJECT, question, "done", AgentType.REMOTE, "m")
        tracked = await parts.interactions.add(new, None, [Exposure(helped.id, 1, cited=True)])
        await parts.interactions.set_outcome(tracked, Outcome(OutcomeKind.SUCCESS), 0.5, {})
        parts.projector.wake()

        assert code(await parts.find(reworded))[0].id == helped.id
        plain = await parts.retriever.find(reworded, PROJECT, EVERYTHING, 8, by_outcomes=False)
        assert code(plain)[0].id == first.id
        unlike = code(await parts.find("entries of the ledger of taxes"))
        assert unlike[0].title.startswith("Taxes")


def code(found: Retrieved) -> list[ContextItem]:
    return [item for item in found.items if item.collection is CODE]
