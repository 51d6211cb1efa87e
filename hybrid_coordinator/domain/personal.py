"""Replacing personal data in texts that leave the record, by placeholders such as
``<PERSONAL:email>``.

For exports only: in the memory, ``git@github.com`` and the address of a server are a part of the
answer. What is nobody's own stays: example domains, test and private addresses, generic user names.
Numbers count only where their check digits or their form say what they are. A placeholder holds
no quote and no backslash, and no match ends inside an escape, so JSON stays valid.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final


def _not_after(signs: str) -> str:
    """What follows stands after none of these signs; but an escaped line break in a JSON or shell
    string ("\\n") ends in a letter."""
    return rf"(?:(?<![{signs}])|(?<=\\[nrt]))"


_START = _not_after(r"\w%+\\-")

_EMAIL = re.compile(
    rf"{_START}[A-Za-z0-9](?:[A-Za-z0-9._%+-]{{0,62}}[A-Za-z0-9_])?"
    r"@(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}(?P<top>[A-Za-z]{2,12}))"
    r"(?![\w@-])(?!\.\w)(?!\()"
)
_TOP_LEVELS: Final = frozenset(
    (
        *("com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "name", "pro", "dev"),
        *("app", "tech", "cloud", "online", "site", "xyz", "email", "blog", "company", "group"),
        *("agency", "digital", "studio", "systems", "software", "consulting", "design", "media"),
    )
)
_NO_COUNTRIES: Final = frozenset({"py", "md", "sh", "so", "js", "ts", "cs", "hs", "ex", "kt"})
"""Endings of two letters that files have more often than addresses."""
_NOBODYS_HOSTS = re.compile(
    r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost|local|domain\.com|company\.com|email\.com|openssh\.com)$",
    re.IGNORECASE,
)
_NOBODYS_MAILBOXES = re.compile(
    r"(?:git|hg|svn|noreply|no-reply|user|username|you|your[._-]?\w*|me|name|someone|foo|bar|test"
    r"|root|postgres)@",
    re.IGNORECASE,
)

_INTERNATIONAL = re.compile(
    # The sign first: the engine looks for it several times as fast.
    r"\+(?:(?<![\w%+\\.-]\+)|(?<=\\[nrt]\+))[1-9]\d{0,2}(?:[ .\u00a0-]?\(?\d{1,5}\)?){2,6}"
    r"(?![\w.-]?\d)(?!\w)"
)
_NORTH_AMERICAN = re.compile(
    _not_after(r"\w.+-")
    + r"(?:\([2-9]\d\d\) ?|[2-9]\d\d(?P<sign>[-.]))[2-9]\d\d(?(sign)(?P=sign)|-)\d{4}"
    r"(?![\w-]|\.\d)"
)
_LABELLED_PHONE = re.compile(
    r"\b(?:tel(?:efon|ephone)?|phone|mobile?|handy|fax|cell|whatsapp|电话|手机|電話)"
    r"(?:[ _-]?(?:number|nr|no))?\\*[\"']?[.:=]{1,2} ?\\*[\"']?"
    r"(?P<value>\+?[\d(][\d ()/.-]{5,20}\d)(?!\w)",
    re.IGNORECASE,
)
_IBAN = re.compile(
    rf"{_START}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?(?!\w)"
)
_CARD = re.compile(
    _not_after(r"\w.+-")
    + r"(?:(?:\d{4}[ -]?){3}\d{1,4}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w-]|\.\d)"
)
_CARD_BEGINS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|35|6011|65|62|36|30[0-5]")
_IPV4 = re.compile(
    _not_after(r"\w.@~^-")
    # Nor after "==" and the like, or a single slash: those are versions.
    + r"(?<![=<>!~]=)(?<!(?<!/)/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"
)
_IPV6 = re.compile(_not_after(r"\w:.") + r"[23][0-9a-fA-F]{3}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")
_HOME = re.compile(
    r"(?P<before>"
    + _not_after(r"\w.~$})-")
    + r"/(?:home|Users)/|"
    + _not_after(r"\w")
    + r"[A-Za-z]:(?P<slash>\\{1,4}|/)(?i:Users)(?P=slash)"
    r"|(?<=/projects/)-(?:home|Users)-(?P<dashed>))"
    r"(?P<name>\w(?(dashed)\w*|(?:[\w.-]*\w)?))"
)
"""The last form is that of the directories that Claude Code keeps its sessions in."""
_NOBODYS_HOMES: Final = frozenset(
    (
        *("user", "username", "runner", "ubuntu", "vscode", "root", "you", "me", "name", "dev"),
        *("node", "app", "git", "shared", "public", "default", "jovyan", "ec2-user", "vagrant"),
        *("circleci", "linuxbrew", "admin", "docker", "codespace", "gitpod", "coder", "postgres"),
        *("yourname", "your-name", "myuser", "foo", "bar", "test", "xxx", "all", "guest", "opc"),
        *("debian", "pi", "nobody"),
    )
)
_ENOUGH_DIGITS = re.compile(r"\d(?:[ ().:/A-Za-z-]{0,4}\d){4}")
"""What every number below holds; most texts are passed over without looking further."""
_PUBLIC_RESOLVERS: Final = frozenset(
    {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220"}
)
_LEAST_OCTET = 20
"""Of an address's largest number: below it, it is a version or a section."""


def without_personal_data(text: str) -> str:
    """The text with every piece of personal data that was found replaced by a placeholder."""
    if "@" in text:
        text = _replace(text, "email", _EMAIL, _is_email)
    if _ENOUGH_DIGITS.search(text):
        for kind, pattern, is_personal in _NUMBERS:
            text = _replace(text, kind, pattern, is_personal)
    return _HOME.sub(_home, text) if "home" in text or "sers" in text else text


def _replace(
    text: str, kind: str, pattern: re.Pattern[str], is_personal: Callable[[re.Match[str]], bool]
) -> str:
    def replaced(found: re.Match[str]) -> str:
        if not is_personal(found):
            return found[0]
        if "value" in found.re.groupindex:
            return found[0].replace(found["value"], f"<PERSONAL:{kind}>")
        return f"<PERSONAL:{kind}>"

    return pattern.sub(replaced, text)


def _is_email(found: re.Match[str]) -> bool:
    top = found["top"].lower()
    known = top in _TOP_LEVELS or (len(top) == 2 and top not in _NO_COUNTRIES)
    nobodys = _NOBODYS_HOSTS.search(found["host"]) or _NOBODYS_MAILBOXES.match(found[0])
    return known and not nobodys


def _is_phone(found: re.Match[str]) -> bool:
    return 8 <= _digits(found[0]) <= 15


def _is_labelled_phone(found: re.Match[str]) -> bool:
    return 6 <= _digits(found["value"]) <= 15


def _digits(text: str) -> int:
    return sum(sign.isdigit() for sign in text)


def _is_iban(found: re.Match[str]) -> bool:
    """ISO 13616: letters as numbers, the first four signs at the end, modulo 97 is 1."""
    compact = found[0].replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


def _is_card(found: re.Match[str]) -> bool:
    """ISO/IEC 7812: the issuer's digits, and Luhn's checksum."""
    digits = [int(sign) for sign in found[0] if sign.isdigit()]
    if not 13 <= len(digits) <= 16 or not _CARD_BEGINS.match("".join(map(str, digits))):
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 2


def _is_public_ipv4(found: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(found[0])
    except ValueError:
        return False
    public = address.is_global and not address.is_multicast
    return public and max(address.packed) >= _LEAST_OCTET and found[0] not in _PUBLIC_RESOLVERS


def _is_public_ipv6(found: re.Match[str]) -> bool:
    try:
        return ipaddress.IPv6Address(found[0]).is_global
    except ValueError:
        return False


def _home(found: re.Match[str]) -> str:
    if found["name"].lower() in _NOBODYS_HOMES:
        return found[0]
    return f"{found['before']}<PERSONAL:user>"


_NUMBERS: Final = (
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("phone", _INTERNATIONAL, _is_phone),
    ("phone", _LABELLED_PHONE, _is_labelled_phone),
    ("phone", _NORTH_AMERICAN, _is_phone),
    ("ip", _IPV4, _is_public_ipv4),
    ("ip", _IPV6, _is_public_ipv6),
)
