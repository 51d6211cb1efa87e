"""Reading the working of an answer: calculations, and the signs that it is wrong."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.checking.arithmetic import calculations, numbers
from hybrid_coordinator.routing.checking.checks import judge
from hybrid_coordinator.routing.checking.working import Sign, Working, read_working

PROBLEM = (
    "A farmer packs 12 boxes with 8 pears each and gives 20 pears to a school. How many pears are "
    "left for the farmer to sell at the market?"
)
RIGHT = "He packs 12 * 8 = 96 pears.\nThere are 96 - 20 = 76 pears left.\n#### 76"


def signs(answer: str, prompt: str = PROBLEM) -> set[Sign]:
    working = read_working(prompt, answer)
    assert working is not None
    return set(working.signs)


@pytest.mark.parametrize(
    ("text", "operands", "result"),
    [
        ("12 + 5 = 17", (12, 5), 17),
        ("4 large poles * 6 lights = 24 lights", (4, 6), 24),
        ("$480 - $520 = -$40", (480, 520), -40),
        ("20 x $1,200.50 = $<<20*1200.5=24010>>24,010", (20, 1200.5), 24010),
        (r"\( 3 \times 4 = 12 \)", (3, 4), 12),
        (r"\frac{1}{2} * 10 = 5", (1, 2, 10), 5),
        ("**(5 - 3) * 2 = 4**", (5, 3, 2), 4),
        ("8 x $5 x 60% = $24", (8, 5, 60), 24),
        ("(200 - 180) / 200 = 10%", (200, 180, 200), 10),
        ("(200 - 180) / 200 * 100 = 10%", (200, 180, 200, 100), 10),
        ("10 \u00f7 4 = 2.5", (10, 4), 2.5),
        ("22 / 7 = 3.14", (22, 7), 3.14),
        ("2 + 3 * 4 = 2 + 12 = 14", (2, 3, 4, 2, 12), 14),
        ("12 + 84 = 96 / 3 = 32", (12, 84, 96, 3), 32),
        ("4 feet + 3 inches = 51 inches", (4, 3), 51),
        ("3 (to her cousin) + 4 (to a friend) = 7 sacks", (3, 4), 7),
        ("7 sacks * 25 kilograms/sack = 175 kilograms", (7, 25), 175),
        ("Total cost = 8 + 5\n\nTotal cost = 13", (8, 5), 13),
        ("4x = 4 * 8 = 32", (4, 8), 32),
        ("S = 2B\nS = 2 * 8\nS = 16", (2, 8), 16),
    ],
)
def test_a_calculation_is_read_and_holds(text: str, operands: tuple[float, ...], result: float):
    (found,) = calculations(text)
    assert found.operands == operands
    assert found.result == pytest.approx(result)
    assert found.holds


@pytest.mark.parametrize(
    "text",
    [
        *("2100 * 52 = 110,400", "(50 + 70) / 2 = 61", "5 + 3 * 2 = 16", "7 / 0 = 7", "0.1*3=3"),
        "\ntotal = 8 + 5\ntotal = 14\n",
    ],
)
def test_a_calculation_that_does_not_hold_is_seen(text: str):
    (found,) = calculations(f"So {text} in all.")
    assert not found.holds


@pytest.mark.parametrize(
    "text",
    [
        *("2x + 8 = 38", "cost + 5 = 10", "x = 5", "12 = 12", "pages 10-12", "3 n * 4 = 12", "="),
        *("a = 5 + 3\nb = 12", "5 + 2 n = 9"),
    ],
)
def test_what_is_no_calculation_in_figures_is_passed_over(text: str):
    assert calculations(text) == ()


def test_two_calculations_on_a_line_are_two():
    assert len(calculations("There are 12 + 5 = 17 cows and 3 * 2 = 6 hens.")) == 2


def test_numbers_are_read_as_written():
    assert numbers("$1,200.50, .5 and 3 of v2 or 2,3") == (1200.5, 0.5, 3, 2, 3)


def test_a_sound_working_has_no_sign():
    assert signs(RIGHT) == set()


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (RIGHT.replace("76", "86"), Sign.SLIP, "a calculation does not hold: 96 - 20 = 86"),
        (RIGHT[:-10] + "96 - 20 = <<96-2", Sign.CUT, "it ends in the middle of a calculation"),
        ("12 * 8 = 96\n96 / 20 = 4.8", Sign.FRACTION, "the result is not whole: 4.8"),
        (f"{RIGHT}\nHowever, 76", Sign.SECOND_THOUGHTS, "it has second thoughts: However"),
        (f"{RIGHT}\nSo 70 are left.", Sign.NO_RESULT, "no result of a calculation: 70"),
        ("12 * 8 = 96", Sign.UNUSED, "figures of the question are not used: 20"),
    ],
)
def test_each_sign_is_seen_and_lowers_the_confidence(answer: str, sign: Sign, reason: str):
    assert sign in signs(answer)
    verdict = judge(answer, prompt=PROBLEM)
    assert any(reason in line for line in verdict.reasons)
    assert verdict.confidence < 0.7 <= judge(RIGHT, prompt=PROBLEM).confidence


def test_comparisons_in_the_question_make_it_harder():
    harder = PROBLEM.replace("8 pears", "twice as many pears as the 8 that fit in half")
    assert judge(RIGHT, prompt=harder).confidence < judge(RIGHT, prompt=PROBLEM).confidence


def test_a_percentage_counts_as_used_in_any_of_its_forms():
    asked = "A coat costs 80 dollars and is sold at 25% off. What does a buyer pay for the coat?"
    for worked in ("80 * 0.75 = 60", "80 - 80 * 25% = 60", "100 - 25 = 75\n80 * 75 / 100 = 60"):
        assert Sign.UNUSED not in signs(worked, asked)


def test_a_one_or_a_zero_need_not_be_used():
    asked = PROBLEM.replace("gives", "after 1 hour gives")
    assert signs(RIGHT, asked) == set()


def test_a_figure_in_an_equation_counts_as_used():
    asked = "Ann has 45 pears, which is 5 fewer than twice the pears of Bob. How many has Bob got?"
    assert Sign.UNUSED not in signs("45 = 2b - 5\nb = 50 / 2 = 25", asked)
    assert Sign.UNUSED in signs("50 / 2 = 25", asked)


def test_a_word_of_the_question_is_no_second_thought():
    asked = f"{PROBLEM} Give it rounded to ten pears."
    assert signs(f"{RIGHT}\nRounded: 76", asked) == set()


def test_a_share_may_be_a_fraction():
    asked = "Two friends are 31 and 36 years old. What is the average age of the two friends?"
    assert signs("(31 + 36) / 2 = 33.5", asked) == set()


@pytest.mark.parametrize(
    "prompt",
    [
        "How do I drop duplicates from a list of 12 numbers in Python, keeping the first 3?",
        "How many retries does `fetch(retries=3)` make with a timeout of 10 and 2 hosts in all?",
        "How many lines of config.yaml set a value, when the file has 12 lines and 3 comments?",
        "How many days are in 2 weeks?",
        "What are the main points of the 3 reports on energy in the 27 countries of the union?",
        "How long did the war last, from 1939 to 1945, and how many countries fought in it?",
        "Write a function for the tests: 3 cases, 4 parameters each, and run all of them twice.",
        "",
    ],
)
def test_other_prompts_are_no_problems_to_work_out(prompt: str):
    assert read_working(prompt, "It is 5. However, it is not 3") is None


def test_a_question_for_anything_is_one_for_an_amount_where_one_is_calculated():
    asked = "What is the price of the 12 boxes in the shop if each box costs 8 dollars there?"
    assert signs("12 * 8 = 98", asked) == {Sign.SLIP}
    assert read_working(asked, "The price is 96 dollars.") is None


def test_an_amount_without_any_working_is_distrusted_once():
    assert signs("76") == {Sign.NO_RESULT}


def test_a_figure_that_was_asked_for_alone_needs_no_working():
    assert signs("76", f"{PROBLEM} Answer with only the number.") == set()
    assert signs("About 12 * 8 = 90, so 77", f"{PROBLEM} Number only.") >= {Sign.SLIP}


def test_emphasis_around_the_last_figure_is_no_open_calculation():
    assert signs(RIGHT.replace("#### 76", "**76**")) == set()


def test_an_amount_that_is_no_count_may_be_a_fraction():
    asked = "A disk of 16 GB has 7 files of 500 MB each on it. How much of the disk is left in GB?"
    assert signs("7 * 500 = 3500 MB = 3.5 GB\n16 - 3.5 = 12.5", asked) == set()


def test_a_task_that_works_nothing_out_is_not_read_as_one():
    given = {"prompt": PROBLEM, "task_type": TaskType.EXTRACTION}
    assert judge("12, 8, 20", **given).confidence == 1.0
    assert judge("12, 8, 20", prompt=PROBLEM).confidence < 0.7


@given(st.sets(st.sampled_from(list(Sign))), st.sampled_from(list(Sign)), st.integers(0, 30))
def test_more_signs_never_raise_the_probability(some: set[Sign], one: Sign, relations: int):
    few = Working(relations, dict.fromkeys(some, ""))
    more = Working(relations, dict.fromkeys(some | {one}, ""))
    assert 0 < more.probability <= few.probability + 1e-12 < 1


ARITHMETIC = st.text(alphabet="0123456789+-*/=().,%$x <>\n\\a", max_size=300)


@given(ARITHMETIC)
def test_any_text_is_read(text: str):
    for found in calculations(text):
        assert found.operands
    read_working(PROBLEM, text)


@pytest.mark.parametrize(
    "piece", ["(", "1+", "1+(", "1=1=", "- ", "<<", "<<1", "\\frac{", "1 cat ", "=", "9" * 50]
)
def test_hostile_texts_take_linear_time(piece: str):
    began = time.perf_counter()
    calculations(piece * (20_000 // len(piece)))
    assert time.perf_counter() - began < 2
