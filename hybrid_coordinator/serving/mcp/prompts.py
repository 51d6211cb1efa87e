"""The workflow templates as MCP prompts. They are files of the package, so no engine is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import mcp_types as types
from mcp.shared.exceptions import MCPError

from hybrid_coordinator.domain.templates import Template
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.templating import templates

_CLAUDE_CODE = "claude-code"
_IN_FULL = "(and so on: the command's arguments are above in full)"


async def prompt_list() -> types.ListPromptsResult:
    """Every template with its arguments."""
    found = await asyncio.to_thread(templates)
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=template.name,
                title=template.title,
                description=template.description,
                arguments=[
                    types.PromptArgument(
                        name=argument.name,
                        description=argument.description,
                        required=argument.required,
                    )
                    for argument in template.arguments
                ],
                _meta={"hybrid-coordinator/version": template.version},
            )
            for template in found
        ]
    )


async def prompt(
    name: str, arguments: Mapping[str, str], *, client: str = ""
) -> types.GetPromptResult:
    """One template with its places filled, as one message of the user. ``client`` is the name
    that the client gave for itself.

    Raises:
        MCPError: there is no such template, or an argument is missing or unknown.
    """
    found = {template.name: template for template in await asyncio.to_thread(templates)}
    template = found.get(name)
    if template is None:
        raise MCPError(
            code=types.INVALID_PARAMS,
            message=f"unknown prompt {name!r}; there are: {', '.join(found)}",
        )
    try:
        text = template.render(
            _rejoined(template, arguments) if client == _CLAUDE_CODE else arguments
        )
    except InvalidArgumentError as error:
        raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from error
    content = types.TextContent(type="text", text=text)
    return types.GetPromptResult(
        description=template.description,
        messages=[types.PromptMessage(role="user", content=content)],
    )


def _rejoined(template: Template, arguments: Mapping[str, str]) -> Mapping[str, str]:
    """What was typed behind the command, as the first argument.

    Claude Code (2.1) splits it at every space, in quotes too, hands the words to the arguments in
    turn and drops the rest; but it shows its model all that was typed, before the prompt.
    """
    names = [argument.name for argument in template.arguments]
    words = [arguments[name] for name in names if name in arguments]
    split = list(arguments) == names[: len(words)] and not any(" " in word for word in words)
    if not split or len(words) < 2:
        return arguments
    cut = [_IN_FULL] if len(words) == len(names) else []
    return {names[0]: " ".join([*words, *cut])}
