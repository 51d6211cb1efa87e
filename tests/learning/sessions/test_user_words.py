"""Words that judge an answer, and words that only look so."""

from __future__ import annotations

import pytest

from hybrid_coordinator.learning.sessions.user_words import (
    DOUBT,
    GOES_ON,
    RIGHT,
    THANKS,
    WRONG,
    verdict,
)

SAID: dict[float | None, list[str]] = {
    WRONG: [
        "no, that's wrong", "still fails", "undo", "Revert that", "That's not what I asked for",
        "It doesn't work", "why did you delete my file?", "Same error", "nope", "wrong.",
        "The page still shows the old title", "The build still fails with the same linker error",
        "Not working", "I said use postgres", "you broke the tests", "That did not help",
        "das funktioniert nicht", "ça ne marche pas", "no funciona", "não funciona",
        "non funziona ancora", "nie działa", "werkt niet", "не работает", "还是报错", "動きません",
        "안돼요", "Hmm, it still doesn't work", "Hmm, tests are red", "Sorry, that's still wrong",
    ],
    DOUBT: [
        "Wait, use the other file", "Actually, rename it to foo",
        "I get this:\nTraceback (most recent call last):\n  File", "No, use tabs",
        "ok but now I get a warning", "error[E0382]: borrow of moved value",
    ],
    DOUBT / 2: ["Perfect, but now I get an error in the tests"],
    GOES_ON: ["ok next", "Now write the docs"],
    THANKS: [
        "Thanks!", "thanks, now add a test", "Great. Next: implement search", "cool, ship it",
        "谢谢", "ありがとう", "감사합니다", "danke dir",
    ],
    RIGHT: [
        "works, thanks", "perfect", "it works now", "great, it works!", "Perfect! Now add docs",
        "all tests pass", "lgtm, commit it", "looks good, commit", "good job", "super, danke",
        "exactly what I wanted, thanks", "parfait merci", "perfecto, gracias", "отлично, спасибо",
        "完美", "That fixed it", "Awesome, thank you so much!",
    ],
    None: [
        "Write an undo feature for the editor", "fix the wrong label on the login page",
        "Add a test that fails when the wrong password is given", "Is it fixed?",
        "how does it work?",
        "does it work with python 3.9?", "no problem, go on", "Explain why this works",
        "yes", "no", "It works now?",
        "the works council needs a page", "thanks in advance for looking at this bug", "",
        "nothing wrong with it, go ahead", "Add a function still to be named",
        "Make the tests pass",
        'the user reported: "it doesn\'t work". investigate', "What is wrong with this function?",
        "can you make sure it doesn't work on sundays",
        "Does the legacy mode still fail on Windows? Investigate.",
        "Fix the issue where login doesn't work with SSO",
        "Update README to say that it works on Windows",
        "```\nit doesn't work\n```\nsummarise this",
        "There is a bug: export is not working for large files",
        f"Add a field. {'x ' * 300} no, that's wrong",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "weight"), [(text, weight) for weight, texts in SAID.items() for text in texts]
)
def test_what_words_weigh(said: str, weight: float | None) -> None:
    found = verdict(said)
    assert (found and found.weight) == weight
    if found is not None:
        assert found.feedback == {WRONG: -1, RIGHT: 1}.get(found.weight, 0)


def test_what_was_said_is_quoted_in_short() -> None:
    found = verdict("Hmm. It doesn't work: " + "the page is blank " * 9)
    assert found is not None
    assert found.words.startswith("\"It doesn't work: the page")
    assert len(found.words) < 70
