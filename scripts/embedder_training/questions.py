"""Documentation rewritten as people ask: in lower case, with few words, as a question."""

from __future__ import annotations

import re
from random import Random

_ARTICLES = frozenset(
    ["a", "an", "the", "this", "that", "its", "their", "given", "specified", "some", "any"]
)
_SWAPS = {
    one: other.split("|")
    for one, other in {
        "return": "get|return|find",
        "returns": "get|return|find",
        "get": "get|fetch|find",
        "gets": "get|fetch|find",
        "retrieve": "get|fetch|retrieve",
        "retrieves": "get|fetch|retrieve",
        "fetch": "get|fetch|download",
        "create": "create|make|build|new",
        "creates": "create|make|build|new",
        "construct": "create|make|build",
        "constructs": "create|make|build",
        "remove": "remove|delete|drop",
        "removes": "remove|delete|drop",
        "delete": "remove|delete",
        "deletes": "remove|delete",
        "check": "check|test|determine",
        "checks": "check|test|determine",
        "determine": "check|determine|find",
        "determines": "check|determine|find",
        "compute": "calculate|compute|get",
        "computes": "calculate|compute|get",
        "calculate": "calculate|compute|get",
        "calculates": "calculate|compute|get",
        "convert": "convert|change|turn|transform",
        "converts": "convert|change|turn|transform",
        "parse": "parse|read",
        "parses": "parse|read",
        "write": "write|save",
        "writes": "write|save",
        "save": "save|write|store",
        "saves": "save|write|store",
        "load": "load|read|open",
        "loads": "load|read|open",
        "generate": "generate|create|make",
        "generates": "generate|create|make",
        "display": "show|display|print",
        "displays": "show|display|print",
        "invoke": "call|invoke|run",
        "invokes": "call|invoke|run",
        "execute": "run|execute",
        "executes": "run|execute",
        "iterate": "loop|iterate",
        "concatenate": "join|concatenate|combine",
        "append": "add|append",
        "appends": "add|append",
        "insert": "add|insert",
        "inserts": "add|insert",
        "modify": "change|modify|update",
        "obtain": "get|obtain",
        "split": "split|separate",
        "strip": "remove|strip|trim",
        "ensure": "make sure|ensure",
        "initialize": "initialize|init|set up",
        "dictionary": "dict|dictionary",
        "dict": "dict|dictionary",
        "string": "string|str",
        "strings": "strings|string",
        "integer": "int|integer|number",
        "boolean": "bool|boolean",
        "array": "array|list",
        "directory": "directory|folder",
        "directories": "directories|folders",
        "folder": "directory|folder",
        "elements": "elements|items",
        "element": "element|item",
        "filename": "file name|filename",
        "function": "function|method",
        "method": "method|function",
        "arguments": "args|arguments|parameters",
        "parameters": "params|parameters|arguments",
        "configuration": "config|configuration|settings",
        "true": "true|",
        "whether": "if|whether",
        "exception": "exception|error",
        "object": "object|",
        "specified": "|specified",
        "maximum": "max|maximum",
        "minimum": "min|minimum",
        "regular": "regular|",
        "expression": "expression|regex",
        "environment": "env|environment",
        "multiple": "multiple|several",
        "timestamp": "timestamp|time",
        "matrix": "matrix|array",
        "database": "database|db",
        "identifier": "id|identifier",
    }.items()
}
_FORMS = (
    "{it}",
    "{it}",
    "{it}",
    "how to {it}",
    "how to {it}",
    "how to {it} in {language}",
    "{language} {it}",
    "{language} {it}",
    "{language} how to {it}",
    "{it} {language}",
    "{it} in {language}",
    "how do i {it}",
    "where do we {it}",
    "how does it {it}",
    "what does {it}",
    "how is {it} implemented",
    "{it} implementation",
    "code that {it}",
)
_DROPPED = 0.12
"""The share of words left out, so that no single one is leant on."""


def as_question(documentation: str, language: str, random: Random) -> str:
    """One of the ways to ask for what ``documentation`` describes."""
    if random.random() < 0.2:
        return documentation
    said = re.findall(r"\w[\w.'+#-]*(?<!\.)", documentation.lower())
    words = [_swapped(word, random) for word in said]
    kept = [
        word
        for word in words
        if word
        and not (word in _ARTICLES and random.random() < 0.7)
        and (random.random() > _DROPPED or len(words) < 5)
    ]
    if len(kept) > 8 and random.random() < 0.5:
        kept = kept[: random.randint(5, 8)]
    form = random.choice(_FORMS)
    return form.format(it=" ".join(kept), language=language)


def _swapped(word: str, random: Random) -> str:
    others = _SWAPS.get(word)
    return random.choice(others) if others and random.random() < 0.5 else word
