"""What counts as being about a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.relevance import (
    EVIDENCE,
    Question,
    is_similar,
    mentions,
    relevant_pieces,
)

COOKIES = '''\
def set_session_cookie(response, user):
    """Sign the user's session and store it in a cookie."""
    response.set_cookie("session", sign(user.id), httponly=True)
'''


def coverage(question: str, text: str) -> float:
    return Question(question).weigh(text)[0]


def test_a_text_that_holds_the_words_covers_the_question() -> None:
    assert coverage("how are session cookies signed", COOKIES) == 1.0
    assert coverage("weather in Paris", COOKIES) == 0.0


def test_inflections_and_identifiers_agree() -> None:
    assert coverage("authentication of responses", "class Authenticator: response = 1") == 1.0
    assert coverage("SessionCookie signing", "set_session_cookie, sign") > 0.99
    assert coverage("where is parseURL", "def parse_url(text)") == 1.0


def test_a_joined_identifier_is_more_than_its_parts() -> None:
    parts_only = coverage("ConfigDict", "config = dict()")

    assert parts_only < 0.6 < coverage("ConfigDict", "class ConfigDict(dict): config = 1")


def test_short_words_are_whole_words() -> None:
    assert coverage("url of the api", "curly rapid") == 0.0
    assert coverage("url of the api", "url_api") == 1.0


def test_words_that_any_program_holds_say_little() -> None:
    telling = coverage("cookie value", "the cookie")
    common = coverage("cookie value", "the value")

    assert telling > 2 * common


def test_one_common_word_is_no_evidence() -> None:
    assert coverage("what is the value of it", "value") < 0.32


def test_a_task_is_measured_by_the_sentence_that_says_what_it_is_about() -> None:
    task = (
        "A colleague found a problem after the last deployment. Session cookies are not signed. "
        "Reproduce it, write down the root cause, update the changelog and run the linter."
    )

    assert coverage(task, COOKIES) == 1.0


@pytest.mark.parametrize("empty", ["", "hello", "what is this?", "thanks!", "…", "a 1 ?"])
def test_a_question_about_nothing_is_false(empty: str) -> None:
    assert not Question(empty)


def test_words_are_named_as_they_were_asked_and_the_telling_ones_first() -> None:
    _, named = Question("value of SessionCookie, signed twice").weigh("session_cookie value signed")

    assert set(named) == {"value", "SessionCookie", "session", "cookie", "signed"}
    assert named[-1] == "value"


def test_many_pieces_speak_of_a_question_together() -> None:
    for coverages in ([0.4] * 12, [0.8] + [0.0] * (EVIDENCE - 1)):
        assert relevant_pieces(coverages, None) == [True] * len(coverages)
    for coverages in ([0.6] + [0.2] * (EVIDENCE - 1), [0.2] * EVIDENCE + [0.9]):
        assert relevant_pieces(coverages, None) == [False] * len(coverages)


def test_a_similarity_speaks_for_a_question_as_words_do() -> None:
    few_words = [0.3] * EVIDENCE
    assert relevant_pieces(few_words, 0.9) == [True] * EVIDENCE
    assert relevant_pieces(few_words, 0.2) == [False] * EVIDENCE
    assert relevant_pieces([0.7] * EVIDENCE, 0.2) == [True] * EVIDENCE


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("class Field:", True),
        ("return fields.Field()", True),
        ("FieldInfo", False),
        ("a_Field", False),
        ("field", False),
    ],
)
def test_a_name_is_mentioned_as_it_is_written_and_whole(text: str, held: bool) -> None:
    assert mentions("Field", text) is held


def test_sentences_that_say_little_are_not_compared_by_meaning() -> None:
    question = Question("Please fix this. The session cookie is not signed by the middleware!")
    assert question.sentences == ("The session cookie is not signed by the middleware!",)
    assert Question("the value").sentences == ("the value",)


def test_few_pieces_speak_for_themselves() -> None:
    assert relevant_pieces([0.4, 0.6, 0.4, 0.0], None) == [False, True, False, False]
    assert relevant_pieces([], None) == []


def test_a_long_task_finds_an_entry_with_a_short_title() -> None:
    title = "ModuleNotFoundError: No module named yaml"
    log = "Installing dependencies took a while; pipeline stage build finished. " * 6
    asked = f"The nightly job broke. {log} ModuleNotFoundError: No module named 'yaml'"
    other = "PermissionError: Operation not permitted on socket"

    assert is_similar(Question(asked), asked, title, "pip install pyyaml")
    assert not is_similar(Question(asked), asked, other, "Choose a port above 1024.")


def test_words_in_passing_do_not_make_a_long_entry_similar() -> None:
    asked = "how are routes matched"
    advice = "Match the routes of a job to the team that can take them. " + "And so on. " * 50

    assert coverage(asked, advice) == 1.0
    assert not is_similar(Question(asked), asked, "Give work to those who know it", advice)
    assert is_similar(Question(asked), asked, "Give routes to those who know them", advice)
    assert is_similar(Question(asked), asked, "Give work to those who know it", advice[:60])


def test_a_word_is_not_found_inside_another() -> None:
    assert coverage("which routes", "every goroutine") == 0.0
    assert coverage("which routes", "AddRoute(x), add_route(x)") > 0.5


@given(st.text(max_size=300), st.text(max_size=600))
def test_any_texts(question: str, text: str) -> None:
    asked = Question(question)

    share, named = asked.weigh(text)

    assert 0.0 <= share <= 1.0
    assert (share, named) == asked.weigh(text)
    assert all(name in question.lower() or name in question for name in named) or not (
        question.isascii()
    )
    assert share == 0.0 or named
    assert is_similar(asked, question, text, question) in (True, False)
