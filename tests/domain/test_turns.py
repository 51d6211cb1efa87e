"""A turn has one key, whoever reports it."""

from __future__ import annotations

from hybrid_coordinator.domain.turns import turn_key


def test_a_key_names_the_session_the_prompt_and_the_how_manyeth_time() -> None:
    assert turn_key("abc", "run the tests", 2) == "claude-code:abc:1c4ef3282249620a:2"


def test_white_space_around_a_prompt_makes_no_other_turn() -> None:
    assert turn_key("abc", " run the tests\n", 1) == turn_key("abc", "run the tests", 1)


def test_other_prompts_sessions_and_times_are_other_turns() -> None:
    keys = {
        turn_key("abc", "run the tests", 1),
        turn_key("abc", "run the tests", 2),
        turn_key("abd", "run the tests", 1),
        turn_key("abc", "Run the tests", 1),
    }
    assert len(keys) == 4


def test_a_prompt_that_is_no_unicode_has_a_key_too() -> None:
    assert turn_key("abc", "half \ud83d", 1) != turn_key("abc", "half", 1)
