"""Signatures of errors: equal for the same error anywhere, different for different ones."""

from __future__ import annotations

import time
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hybrid_coordinator.domain.error_signatures import root_error, signatures
from hybrid_coordinator.domain.error_values import MAX_CHARACTERS, normalise
from tests.domain.compiler_outputs import Error
from tests.domain.error_outputs import ERRORS, SILENT


def key(output: str) -> str:
    found = root_error(output)
    assert found is not None, output
    return found.key


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error.type}: {error.says}"[:60])
def test_an_error_has_one_signature_in_any_file_run_and_machine(error: Error) -> None:
    for output in error.outputs:
        found = signatures(output)
        assert found, output
        assert found[0].error_type.casefold() == error.type.casefold(), output
        assert error.says in found[0].title, output
        assert found[0].telling, output
    assert len({key(output) for output in error.outputs}) == 1


def test_different_errors_have_different_signatures() -> None:
    outputs = [(error, output) for error in ERRORS for output in error.outputs]
    assert len(outputs) >= 120
    for (one, first), (other, second) in combinations(outputs, 2):
        assert one is other or key(first) != key(second), (first, second)


@pytest.mark.parametrize("output", [output for error in ERRORS for output in error.outputs])
def test_line_ends_and_colours_change_nothing(output: str) -> None:
    assert key(output.replace("\n", "\r\n")) == key(output)
    lines = output.split("\n")
    assert key("\n".join(f"\x1b[31m{line}\x1b[0m" for line in lines)) == key(output)
    assert key("Downloading 10%\rDownloading 99%\rDownloading done\n" + output) == key(output)


@pytest.mark.parametrize("output", SILENT)
def test_an_output_that_says_no_error_has_none(output: str) -> None:
    assert root_error(output) is None


def test_the_last_exception_of_a_chain_comes_first_and_its_cause_after_it() -> None:
    output = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'host'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 4, in <module>
ConfigError: no host is configured
"""
    assert [each.error_type for each in signatures(output)] == ["ConfigError", "KeyError"]


def test_the_first_error_of_a_compiler_is_the_root() -> None:
    output = """main.c:1:10: fatal error: zlib.h: No such file or directory
main.c:9:3: error: unknown type name 'z_stream'
make: *** [Makefile:3: main.o] Error 1
"""
    found = signatures(output)
    assert found[0].title == "error: zlib.h: No such file or directory"
    assert [each.telling for each in found] == [True, True, False]


def test_what_only_follows_from_an_error_is_no_root() -> None:
    assert root_error("make: *** [Makefile:3: all] Error 2") is None
    assert root_error("npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\n") is None
    assert root_error("Process exited with code 1") is None
    assert root_error("AssertionError") is None
    told = signatures("Command failed with exit code 137.")
    assert not any(each.telling for each in told)


def test_each_failing_test_is_an_error_of_its_own() -> None:
    output = """_______________ test_a ________________
E       assert 1 == 2
_______________ test_b ________________
E       assert 3 == 4
=========== short test summary info ===========
FAILED t.py::test_a - assert 1 == 2
FAILED t.py::test_b - assert 3 == 4
"""
    assert [each.message for each in signatures(output)] == [
        "test_a: assert <n> == <n>",
        "test_b: assert <n> == <n>",
    ]


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("cannot open /home/ada/x.py:10", "cannot open <path>"),
        ("cannot open C:\\Users\\ada\\x.py", "cannot open <path>"),
        ("cannot open 'C:\\Program Files\\x y\\z.txt'", "cannot open <path>"),
        ("object at 0x7f3a2b1c is gone", "object at <hex> is gone"),
        ("commit 9f86d08 is unknown", "commit <hex> is unknown"),
        ("run 123e4567-e89b-12d3-a456-426614174000 ended", "run <uuid> ended"),
        ("at 2026-11-21T17:00:00.123Z it ended", "at <time> it ended"),
        ("took 12.5 s, 3 tries, 40% done", "took <n> s, <n> tries, <n>% done"),
        ("took 350ms", "took <n>ms"),
        ("GET https://api.test/v1?x=1 failed", "GET <url> failed"),
        ("refused by 127.0.0.1:54321", "refused by <host>:<n>"),
        ("refused by localhost:5432", "refused by <host>:5432"),
        ("needs foo==1.2.3", "needs foo==<version>"),
        ("no table 'users' here", "no table 'users' here"),
        ("bad value 'users' here", "bad value <value> here"),
        ("'utf-8' codec can't decode byte 0xff", "<value> codec can't decode byte <hex>"),
        ("utf-8 and x86_64 and int32 stay", "utf-8 and x86_64 and int32 stay"),
        ("read/write and TCP/IP stay", "read/write and TCP/IP stay"),
        ("@types/node is missing", "@types/node is missing"),
        ("'str' is not 'int'", "'str' is not 'int'"),
        ("don't and can't stay", "don't and can't stay"),
    ],
)
def test_values_of_one_run_become_typed_placeholders(message: str, normal: str) -> None:
    assert normalise(message) == normal


_TEXTS = st.text(max_size=300) | st.text(
    alphabet="ab1 0'\"`<>()[]{}/\\.:-_@~%\n\tnE\u2018\u2019\u201c\u201d", max_size=200
)
_WORDS = st.lists(
    st.sampled_from(
        [
            *("'a b'", "'x", "y'", '"q"', "`z'", "<path>", "<host>:80", "/a/b.py:3", "C:\\x\\y"),
            *("1.2.3", "0xff", "42ms", "127.0.0.1:99", "name", "module", "is not defined", "don't"),
            *(
                "2026-01-02",
                "https://a.b/c",
                "deadbeef1",
                "a/b",
                "a/b/c",
                "''",
                "'",
                '"',
                "tmpab12cd",
            ),
        ]
    ),
    max_size=40,
).map(" ".join)


@given(_TEXTS | _WORDS)
@example("'" * 300)
@example("x" * 2_000)
@example("'module 'a''")
def test_a_normal_form_stays_as_it_is(text: str) -> None:
    normal = normalise(text)
    assert normalise(normal) == normal
    assert len(normal) <= MAX_CHARACTERS
    assert "\n" not in normal


@given(
    st.lists(_TEXTS | _WORDS | st.sampled_from([o for e in ERRORS for o in e.outputs]), max_size=4)
)
def test_any_text_can_be_read(parts: list[str]) -> None:
    output = "\n".join(parts)
    found = signatures(output)
    assert len({each.key for each in found}) == len(found)
    assert found == signatures(output)


@pytest.mark.parametrize(
    "piece",
    [
        "Error: ",
        "a.b.c.",
        "'",
        "/a",
        "a/b/",
        "x: error: ",
        "1.",
        "\x1b[31m",
        "Traceback (most recent call last):\n",
        "E   ValueError: x\n",
        "main.c:1:2: error: 'x' undeclared\n",
        "A.B::Error: x",
        "- ",
        "(((",
        "0123456789abcdef",
    ],
)
def test_the_time_is_linear_in_the_length(piece: str) -> None:
    """Processor time, so that a busy machine changes nothing: a quadratic reader would take
    minutes for this."""
    begin = time.process_time()
    signatures(piece * (1_000_000 // len(piece)))
    normalise(piece * (1_000_000 // len(piece)))
    assert time.process_time() - begin < 20
