"""Formats of secrets that can be told by their looks alone, one rule an issuer.

Prefixes and lengths are those that the issuers document or that their scanning partners publish.
No quantifier here can run away: each is possessive or has a bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Where a token may begin, given what of it stands before: not inside a word, though an escaped
# line break in a JSON or shell string ("\n") ends in a letter.
_START = r"(?:(?<![A-Za-z0-9]{0})|(?<=\\[nrt]{0}))"
_TEXT = r"[A-Za-z0-9_-]"
_ALNUM = r"[A-Za-z0-9]"
_HEX = r"[0-9a-f]"


@dataclass(frozen=True, slots=True)
class FormatRule:
    """``pattern`` matches the secret and nothing else; ``marks`` are strings of which every match
    holds one, so that most texts are passed over without running the pattern."""

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _rule(kind: str, marks: str, pattern: str) -> FormatRule:
    # A literal comes first where there is one: the engine looks for it several times as fast.
    literal = marks if pattern.startswith(marks) else ""
    expression = literal + _START.format(literal) + pattern.removeprefix(literal)
    return FormatRule(kind, tuple(marks.split()), re.compile(expression))


PRIVATE_KEY = FormatRule(
    "private-key",
    ("PRIVATE KEY",),
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"
        # To the END line; without one (a cut-off text), as far as lines of base64 go.
        r"""(?:(?:[^-"']|-(?!----))*+-----END [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"""
        r"|(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{16,}+)*+)"
        # What is left of one whose beginning was cut off, as long outputs are in their middle.
        r"|(?:(?<![A-Za-z0-9+/=\\])|(?<=\\[nr]))"
        r"(?:[A-Za-z0-9+/=]{40,80}+(?:\s|\\[nr]){1,4}+){1,110}+"
        r"(?:[A-Za-z0-9+/=]{1,39}+(?:\s|\\[nr]){1,4}+)?+-----END [A-Z0-9 ]{0,40}?PRIVATE KEY"
        r"(?: BLOCK)?-----"
    ),
)

FORMAT_RULES: tuple[FormatRule, ...] = (
    PRIVATE_KEY,
    _rule("aws-access-key", "AKIA ASIA ABIA ACCA", rf"A(?:KI|SI|BI|CC)A[A-Z0-9]{{16}}(?!{_ALNUM})"),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"gh[pousr]_{_ALNUM}{{36,}}+"),
    _rule("github-token", "github_pat_", r"github_pat_\w{22,}+"),
    _rule("gitlab-token", "glpat- glptt- glrt- gldt-", rf"gl(?:pat|ptt|rt|dt)-{_TEXT}{{20,}}+"),
    _rule("slack-token", "xox", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}+"),
    _rule("slack-token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,}+"),
    _rule("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/\w{4,}+/[A-Za-z0-9+/]{20,}+"),
    _rule("stripe-key", "k_live_ k_test_", rf"[srp]k_(?:live|test)_{_ALNUM}{{10,}}+"),
    _rule("stripe-webhook", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}+"),
    _rule("anthropic-key", "sk-ant-", rf"sk-ant-{_TEXT}{{20,}}+"),
    _rule("openai-key", "sk-", rf"sk-(?:proj|svcacct|admin)-{_TEXT}{{20,}}+"),
    # Without such an infix a digit is asked for: class names as sk-toggleable-content have none.
    _rule("openai-key", "sk-", rf"sk-(?=[A-Za-z_-]{{0,60}}+\d){_TEXT}{{20,}}+"),
    _rule("google-api-key", "AIza", rf"AIza{_TEXT}{{35}}(?!{_ALNUM})"),
    _rule("google-oauth", "GOCSPX- ya29.", rf"(?:GOCSPX-|ya29\.){_TEXT}{{20,}}+"),
    _rule("jwt", "eyJ", rf"eyJ{_TEXT}{{8,}}+\.eyJ{_TEXT}{{4,}}+(?:\.{_TEXT}*+)?"),
    _rule("npm-token", "npm_", rf"npm_{_ALNUM}{{36,}}+"),
    _rule("pypi-token", "pypi-", rf"pypi-(?=[A-Za-z_-]{{0,60}}+\d){_TEXT}{{50,}}+"),
    _rule("huggingface-token", "hf_", rf"hf_{_ALNUM}{{30,}}+"),
    _rule("sendgrid-key", "SG.", rf"SG\.{_TEXT}{{16,}}+\.{_TEXT}{{16,}}+"),
    _rule("telegram-token", ":AA", rf"\d{{8,10}}:AA{_TEXT}{{32,}}+"),
    _rule("twilio-key", "SK", rf"SK{_HEX}{{32}}(?!{_ALNUM})"),
    _rule("digitalocean-token", "_v1_", rf"do[opr]_v1_{_HEX}{{64}}"),
    _rule("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _rule("hybrid-coordinator-token", "hc_", rf"hc_{_TEXT}{{43}}(?!{_ALNUM})"),
    _rule("vault-token", "hvs. hvb.", rf"hv[sb]\.{_TEXT}{{24,}}+"),
    _rule("databricks-token", "dapi", rf"dapi{_HEX}{{32}}"),
    _rule("docker-token", "dckr_", rf"dckr_(?:pat|oat)_{_TEXT}{{20,}}+"),
    _rule("grafana-token", "glsa_ glc_", r"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}+"),
    _rule("groq-key", "gsk_", rf"gsk_{_ALNUM}{{40,}}+"),
    _rule("xai-key", "xai-", rf"xai-{_ALNUM}{{40,}}+"),
    _rule("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}+"),
    _rule("atlassian-token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{40,}+"),
    _rule("linear-key", "lin_api_", rf"lin_api_{_ALNUM}{{30,}}+"),
    _rule("azure-key", "AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}+={0,2}"),
)
