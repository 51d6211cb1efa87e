"""Under which terms the answers of a model may be trained on, by the family of its name.

A note for whoever publishes or trains, not legal advice: terms change, and some differ by version.
"""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "unknown"

_APACHE = "Apache-2.0 (some sizes and versions have licences of their own): no terms on output"
_MIT = "MIT: no terms on output"
_FAMILIES: Final = (
    (r"claude", "Anthropic's terms: output may not be used to train competing models"),
    (r"gpt-?oss", "Apache-2.0: no terms on output"),
    (
        r"gpt(?!-?oss)|chatgpt|codex|o[1-9](?![a-z0-9])",
        "OpenAI's terms: output may not be used to develop competing models",
    ),
    (r"gemini", "Google's terms: output may not be used to develop competing models"),
    (r"gemma", "Gemma terms (4 and later: Apache-2.0): a model trained on output is a derivative"),
    (r"grok", "xAI's terms: output may not be used to develop competing models"),
    (r"deepseek", f"DeepSeek licence or {_MIT}"),
    (
        r"(?:code-?)?llama",
        "Llama community licence: a model trained on output must carry Llama in its name",
    ),
    (r"qwen|qwq", _APACHE),
    (
        r"codestral",
        "Mistral AI non-production licence: no commercial use of the model or of its output",
    ),
    (r"mistral|mixtral|ministral|devstral|magistral", _APACHE),
    (r"phi(?![a-z])", _MIT),
    (r"granite", "Apache-2.0: no terms on output"),
    (r"(?:chat)?glm", _MIT),
    (r"smollm|olmo", "Apache-2.0: no terms on output"),
    (r"starcoder", "BigCode OpenRAIL-M: use restrictions pass on to what is made with it"),
    (r"command-?[ra](?![a-z])|aya(?![a-z])", "CC-BY-NC-4.0: no commercial use"),
    (r"kimi", "Modified MIT: attribution above a size of business"),
)
_RULES: Final = tuple(
    (re.compile(rf"(?:^|[^a-z])(?:{family})"), terms) for family, terms in _FAMILIES
)


def terms_of(model: str) -> str:
    """The terms on what this model answered, ``UNKNOWN`` where its name tells no family.

    A name of several families ("deepseek-r1-distill-llama-8b") is under the terms of each.
    """
    found = [terms for family, terms in _RULES if family.search(model.lower())]
    return "; ".join(dict.fromkeys(found)) or UNKNOWN
