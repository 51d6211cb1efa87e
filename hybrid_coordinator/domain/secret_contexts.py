"""Secrets told by what stands around them: assignments, headers, URLs, command lines.

The value alone may look like anything here, so each finding is judged: a name is not a password,
nor is an expression, a placeholder or a type.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Judge = Callable[[re.Match[str]], bool]

# What a value can be made of where nothing closes it. No quantifier in this file can run away:
# each has a bound, and most cannot give back what they took.
_BARE = r"[^\s\"'`<>\\]"
_QUOTE = r"\\*[\"'`]"

_PASSWORDS = (
    *("passwor[dt]", "passwd", "passphrase", "kennwort", "contraseña", "密码", "密碼", "口令"),
    *("パスワード", "пароль", "(?:(?<![a-z])|(?<=^n))pwd", "(?:(?<=_)|(?<=pg)|(?<=my))pass"),
)
_KEY_OWNERS = (
    *("access", "account", "admin", "api", "app", "auth", "client", "consumer", "deploy"),
    *("encryption", "license", "master", "private", "service", "session", "shared", "signing"),
    *("storage", "webhook"),
)
_KEYS = ("secret", "token", "credential", f"(?:{'|'.join(_KEY_OWNERS)})[_-]?key")
_SUFFIX = (
    r"(?:[_-]?(?:key|value|prod|production|dev|test|staging|live|old|new|base|b64|base64|\d{1,3}))"
)
_SECRET_NAME = re.compile(
    rf"(?:(?P<password>{'|'.join(_PASSWORDS)})|{'|'.join(_KEYS)}){_SUFFIX}{{0,2}}$", re.IGNORECASE
)
_CACHED_NAMES = 1 << 13
"""Names whose judge is kept: source code repeats few."""

_NAME_MARKS = (
    *("pass", "pwd", "kennwort", "contraseña", "密码", "密碼", "口令", "パスワード", "пароль"),
    *("secret", "token", "credential", "key"),
)
# Any name with any value: the name is read by the judge, which is quicker than searching the
# whole text for the alternatives above.
_ASSIGNMENT = re.compile(
    rf"(?<![\w-])(?P<name>[\w.-]{{2,100}}+)(?P<closing>{_QUOTE}\]?)?+"
    r"(?P<sign>\s{0,8}+(?:=>|:=|={1,3}|[:>\uff1a])\s{0,8}+)"
    rf"(?:(?P<quote>{_QUOTE})(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\s\\])){{6,512}}+)(?P=quote)"
    rf"|(?P<bare>{_BARE}{{6,512}}+))"
)
_OPTION = re.compile(
    r"-(?<![\w-]-)-?(?P<name>[a-zA-Z-]{2,40}+)\s{1,4}+"
    rf"(?:{_QUOTE})?+(?P<value>{_BARE}{{6,512}}+)"
)
_AUTHORIZATION = re.compile(
    rf"\bauthorization(?:{_QUOTE})?+\s{{0,8}}+[:=]\s{{0,8}}+(?:{_QUOTE})?+"
    r"(?P<scheme>[a-z][\w-]{1,20}+\s{1,4}+)?+(?P<value>[^\s\"'`<>\\,;]{8,}+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bbearer\s{1,4}+(?P<value>[\w.~+/=-]{16,}+)", re.IGNORECASE)
_COOKIE = re.compile(
    rf"\bcookie(?:{_QUOTE})?+\s{{0,8}}+:\s{{0,8}}+(?:{_QUOTE})?+[^\s=;\"'`<>\\]{{1,64}}+="
    r"(?P<value>[^\s;\"'`<>\\]{16,}+)",
    re.IGNORECASE,
)
_CURL_USER = re.compile(
    rf"\bcurl(?=\s)[^\n|;]{{0,200}}?\s(?:-u|--user)[ =]?(?:{_QUOTE})?+[^\s:\"'`<>\\]{{1,64}}+:"
    rf"(?P<value>{_BARE}{{4,512}}+)"
)
_URL_PASSWORD = re.compile(r"://[^\s:/@\"'`<>\\]{0,128}+:(?P<value>[^\s/\"'`<>\\]{1,512})(?=@)")
_URL_TOKEN = re.compile(r"://(?P<value>[^\s:/@\"'`<>\\?#]{20,512}+)(?=@)")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9+/=_.-])(?P<value>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=_.-])")

_DUMMY_MARKS = (
    *("your", "example", "changeme", "change_me", "change-me", "placeholder", "dummy", "redacted"),
    *("sample", "...", "xxxx", "***", "${", "{{"),
)
_DUMMY_FORM = re.compile(
    r"\$|%\w+%$|%[(sd]|\{.*\}$|(.)\1*$|pass(?:word|wd)?$|secret$|token$", re.IGNORECASE
)
_EXPRESSION = re.compile(r"[,;&(){}\[\]|]")
_NAME = re.compile(r"[^\W\d][\w-]*(?:\.[^\W\d][\w-]*)*")
_LINE_END = re.compile(r"[,;]?\s*(?:$|[\r\n\"'`]|\\[nr\"]|#)")


@dataclass(frozen=True, slots=True)
class ContextRule:
    """``may_match`` says of the lower-cased text whether ``pattern`` can match a secret in it,
    more quickly than the pattern; ``judge`` says whether what the pattern calls the value is a
    secret."""

    kind: str
    may_match: Callable[[str], bool]
    pattern: re.Pattern[str]
    judge: Judge


def replace_in_context(text: str, placeholder: Callable[[str], str]) -> str:
    """The text with every secret found by its surroundings replaced by a placeholder."""
    folded = text.lower()
    for rule in _RULES:
        if rule.may_match(folded):
            text = _replace(rule, text, placeholder(rule.kind))
    return text


def _replace(rule: ContextRule, text: str, placeholder: str) -> str:
    pieces: list[str] = []
    copied = searched = 0
    while found := rule.pattern.search(text, searched):
        begin, end = _span(found)
        if not rule.judge(found):
            # What was taken for a value may itself begin with a name: "token: password=…".
            searched = max(begin, searched + 1)
            continue
        pieces += (text[copied:begin], placeholder)
        copied = searched = end
    return "".join([*pieces, text[copied:]])


def _span(found: re.Match[str]) -> tuple[int, int]:
    groups = found.re.groupindex
    if "value" in groups:
        return found.span("value")
    if found["quoted"] is not None:
        return found.span("quoted")
    return found.start("bare"), found.start("bare") + len(_bare(found))


def _bare(found: re.Match[str]) -> str:
    """The unquoted value of an assignment: all of it in ``NAME=value``, elsewhere up to what
    could end an expression or a parameter."""
    value = found["bare"]
    if found["name"].isupper() and found["sign"] == "=":
        return value
    return _EXPRESSION.split(value, maxsplit=1)[0]


_TELLING = 64
"""Characters of a value that are judged: random strings are random from the start, and a text that
is all names and signs has a value of 512 characters behind every one of them."""


def _entropy(value: str) -> float:
    """Shannon's entropy of the beginning in bits a character: about 2.5-3.5 for names, above 3.5
    for random strings of twenty characters and more."""
    value = value[:_TELLING]
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def _is_jumbled(value: str) -> bool:
    """Whether digits and letters stand side by side, or neighbours change their kind (lower case,
    upper case, other) as often as in random text: 0.6 of the time, against 0.3 in CamelCase."""
    value = value[:_TELLING]
    if any(c.isdigit() for c in value) and any(c.isalpha() for c in value):
        return True
    changes = sum(
        a.islower() != b.islower() or a.isupper() != b.isupper() for a, b in pairwise(value)
    )
    return changes >= 0.4 * len(value)


def _is_dummy(value: str) -> bool:
    """Whether it stands in the place of a secret, in an example or a template."""
    folded = value.lower()
    return any(mark in folded for mark in _DUMMY_MARKS) or bool(_DUMMY_FORM.match(value))


def _is_random(value: str) -> bool:
    return len(value) >= 16 and _entropy(value) >= 3.2 and _is_key(value)


def _is_key(value: str) -> bool:
    return (
        len(value) >= 8 and _is_jumbled(value) and _entropy(value) >= 2.5 and not _is_dummy(value)
    )


def _is_password(value: str) -> bool:
    """Words and dotted names are not: they name a field, a variable, a message."""
    named = value.isalpha() or _NAME.fullmatch(value)
    return len(value) >= 6 and not _is_dummy(value) and (not named or _is_jumbled(value))


@lru_cache(_CACHED_NAMES)
def _judge_of(name: str) -> Callable[[str], bool] | None:
    """What a value under this name must be to be a secret; None if the name asks for none."""
    folded = name.lower()
    if not any(mark in folded for mark in _NAME_MARKS):
        return None
    secret = _SECRET_NAME.search(name)
    if not secret:
        return None
    return _is_password if secret["password"] else _is_key


def _judge_assignment(found: re.Match[str]) -> bool:
    is_secret = _judge_of(found["name"])
    if is_secret is None:
        return False
    if (quoted := found["quoted"]) is not None:
        return is_secret(quoted)
    if found["closing"]:
        return False  # a quoted name takes a quoted value; a placeholder would break the JSON
    value = _bare(found)
    if is_secret is _is_password and found["sign"] == "=" and found["name"].isupper():
        return not _is_dummy(value)  # NAME=value: a plain word is a password here too
    return is_secret(value) and _stands_alone(found, value)


def _stands_alone(found: re.Match[str], value: str) -> bool:
    """Whether an unquoted value is data, as in a shell, an .env file, YAML, XML or a query string,
    and not an expression of a programming language."""
    sign = found["sign"]
    end = found.start("bare") + len(value)
    rest = found.string[end : end + 8]
    if sign.strip() == ">":
        return found.string[max(0, found.start() - 1) : found.start()] == "<" and rest.startswith(
            "</"
        )
    if sign == "=":
        return found["name"].isupper() or not re.fullmatch(r"[A-Za-z_.]+:?\d?", value)
    # "name: value", as YAML and people write it; the wide colon needs no space.
    labelled = sign.startswith(": ") or sign.strip() == "\uff1a"
    if labelled and _LINE_END.match(rest):
        return True
    return _is_random(value) and not _NAME.fullmatch(value)


def _judge_option(found: re.Match[str]) -> bool:
    is_secret = _judge_of(found["name"])
    return is_secret is not None and is_secret(found["value"])


def _judge_authorization(found: re.Match[str]) -> bool:
    value = found["value"]
    if _is_dummy(value):
        return False
    if found["scheme"]:
        return not (value.islower() and value.isalpha())
    return _is_random(value) and not _EXPRESSION.search(value) and not _NAME.fullmatch(value)


def _judge_random(found: re.Match[str]) -> bool:
    return _is_random(found["value"])


def _judge_given(found: re.Match[str]) -> bool:
    return not _is_dummy(found["value"])


def _judge_aws_secret(found: re.Match[str]) -> bool:
    """Forty characters of random base64 hold all three classes and 4.3 bits a character or more;
    hexadecimal digests and names do not."""
    value = found["value"]
    lower = sum(c.islower() for c in value)
    upper = sum(c.isupper() for c in value)
    digits = sum(c.isdigit() for c in value)
    return lower >= 6 and upper >= 6 and digits >= 2 and _entropy(value) >= 4.3


def _holds(*marks: str) -> Callable[[str], bool]:
    def holds(folded: str) -> bool:
        for mark in marks:  # noqa: SIM110 - a generator costs more than the search
            if mark in folded:
                return True
        return False

    return holds


_SECRET_MARKS = (
    *("passw", "passphrase", "_pass", "pgpass", "mypass", "pwd"),
    *(mark for mark in _NAME_MARKS if mark not in ("pass", "pwd", "key")),
)
_LONGEST_OWNER = 1 + max(map(len, _KEY_OWNERS))
"""Characters, with the sign between it and "key"."""


def _names_a_secret(folded: str) -> bool:
    """Whether a name may be one of a secret: "pass" and "key" alone are in most programs."""
    if any(mark in folded for mark in _SECRET_MARKS):
        return True
    at = folded.find("key")
    while at >= 0:
        before = folded[max(0, at - _LONGEST_OWNER) : at]
        if before.rstrip("_-").endswith(_KEY_OWNERS):
            return True
        at = folded.find("key", at + 1)
    return False


_TO_RUNS = (
    bytes(ord("a") if chr(sign).isalnum() or chr(sign) in "+/" else ord(" ") for sign in range(128))
    + b" " * 128
)


def _has_long_run(folded: str) -> bool:
    """Whether forty letters, digits, "+" or "/" stand in a row."""
    return b"a" * 40 in folded.encode("ascii", "replace").translate(_TO_RUNS)


_RULES = (
    ContextRule("url-password", _holds("://"), _URL_PASSWORD, _judge_given),
    ContextRule("url-token", _holds("://"), _URL_TOKEN, _judge_random),
    ContextRule("authorization", _holds("authorization"), _AUTHORIZATION, _judge_authorization),
    ContextRule("bearer-token", _holds("bearer"), _BEARER, _judge_random),
    ContextRule("cookie", _holds("cookie"), _COOKIE, _judge_random),
    ContextRule("password", _holds("curl"), _CURL_USER, _judge_given),
    ContextRule("option", _holds(" -"), _OPTION, _judge_option),
    ContextRule("assigned-secret", _names_a_secret, _ASSIGNMENT, _judge_assignment),
    ContextRule("aws-secret-key", _has_long_run, _AWS_SECRET, _judge_aws_secret),
)
