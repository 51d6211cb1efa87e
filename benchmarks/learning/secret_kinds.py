"""Made-up secrets of many kinds, and what carries them, to measure the recall of scrubbing."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from hybrid_coordinator.domain.secrets import Scrubber

_ALNUM = string.ascii_letters + string.digits
_URLSAFE = _ALNUM + "_-"
_BASE64 = _ALNUM + "+/"
_HEX = "0123456789abcdef"

Pick = Callable[[int, str], str]
"""So many characters of an alphabet."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``make`` gives the secret; ``name`` is what it is assigned to in an environment."""

    name: str
    make: Callable[[Pick], str]


def _jwt(pick: Pick) -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": pick(10, _ALNUM)}).encode())
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, pick(43, _URLSAFE)])


def _password(pick: Pick) -> str:
    return f"{pick(9, _ALNUM)}{pick(2, '!%+*~')}7"


KINDS: dict[str, Kind] = {
    "AWS access key": Kind(
        "AWS_ACCESS_KEY_ID", lambda pick: f"AKIA{pick(16, string.ascii_uppercase)}"
    ),
    "AWS secret key": Kind("AWS_SECRET_ACCESS_KEY", lambda pick: pick(40, _BASE64)),
    "GitHub token": Kind("GITHUB_TOKEN", lambda pick: f"ghp_{pick(36, _ALNUM)}"),
    "GitLab token": Kind("GITLAB_TOKEN", lambda pick: f"glpat-{pick(20, _URLSAFE)}"),
    "Slack token": Kind(
        "SLACK_TOKEN", lambda pick: f"xoxb-{pick(12, string.digits)}-{pick(24, _ALNUM)}"
    ),
    "Stripe key": Kind("STRIPE_KEY", lambda pick: f"sk_live_{pick(24, _ALNUM)}"),
    "OpenAI key": Kind("OPENAI_API_KEY", lambda pick: f"sk-proj-{pick(64, _URLSAFE)}"),
    "Anthropic key": Kind("ANTHROPIC_API_KEY", lambda pick: f"sk-ant-api03-{pick(95, _URLSAFE)}"),
    "Google API key": Kind("GOOGLE_API_KEY", lambda pick: f"AIza{pick(35, _ALNUM)}"),
    "Hugging Face token": Kind("HF_TOKEN", lambda pick: f"hf_{pick(34, _ALNUM)}"),
    "npm token": Kind("NPM_TOKEN", lambda pick: f"npm_{pick(36, _ALNUM)}"),
    "PyPI token": Kind("PYPI_TOKEN", lambda pick: f"pypi-AgEIcHlwaS5vcmc{pick(90, _URLSAFE)}"),
    "JWT": Kind("SESSION_TOKEN", _jwt),
    "hex token": Kind("API_TOKEN", lambda pick: f"{pick(31, _HEX)}a"),
    "client secret": Kind("CLIENT_SECRET", lambda pick: f"{pick(23, _ALNUM)}8"),
    "password": Kind("DB_PASSWORD", _password),
}
BARE = "bare"
"""A sentence that does not say what the value is: only those that tell by their looks are found."""
CARRIERS: dict[str, Callable[[str, str], str]] = {
    "plain": lambda name, value: f"I set {name.lower()}: {value}\nand it still fails.",
    "JSON": lambda name, value: json.dumps({"log": f"ready\n{name}={value}", name.lower(): value}),
    "shell env": lambda name, value: f'export {name}="{value}"\n{name}={value} make deploy\n',
    "URL, header": lambda _, value: (
        f"curl -H 'Authorization: Bearer {value}' https://app:{value}@db.example.org/x"
    ),
    BARE: lambda _, value: f"Try it with {value} and tell me.",
}


def recall(kind: str, carrier: str, tries: int) -> float:
    """The share of carriers in which no trace of the secret is left."""
    source = random.Random(f"{kind} {carrier}")
    scrubber, found = Scrubber(), 0
    for _ in range(tries):
        made = KINDS[kind].make(lambda count, of: "".join(source.choices(of, k=count)))
        scrubbed = scrubber.scrub(CARRIERS[carrier](KINDS[kind].name, made))
        found += made[-8:] not in scrubbed
    return found / tries
