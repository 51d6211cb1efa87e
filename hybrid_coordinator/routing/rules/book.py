"""A rules file, read and validated: which tier or model takes which tasks, the first match wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.routing.rules.conditions import (
    Condition,
    ConditionError,
    holding,
    nearest,
    read_condition,
)
from hybrid_coordinator.routing.rules.facts import Facts, named

_MAX_BYTES = 256_000
_RULE_KEYS = ("condition", "target", "confidence", "description")
_FILE_KEYS = ("quality_billions", "rules")
_TARGETS = (*Tier, "model: NAME")
_SURE = 1.0
"""The confidence of a rule that gives none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``target`` is a tier, or else ``model`` is the name of a model. ``line`` is where the rule
    stands in its file, ``confidence`` is in 0-1."""

    condition: Condition
    target: Tier | None
    model: str | None
    confidence: float
    description: str
    line: int


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules in force. ``source`` says whose; ``quality_billions`` is the size in billions of
    parameters from which a local model counts as LOCAL_QUALITY, None where a file leaves that to
    the preset."""

    source: str
    rules: tuple[Rule, ...]
    quality_billions: float | None = None

    def match(self, facts: Facts) -> Rule | None:
        """The first rule that holds."""
        place = holding((rule.condition for rule in self.rules), named(facts))
        return None if place is None else self.rules[place]


def load_book(file: Path) -> RuleBook:
    """Read a rules file: a list of rules, or a mapping with ``rules`` and ``quality_billions``.

    Raises:
        SettingsError: it cannot be read, or something in it is off; the message names the file,
            each line at fault, and what is allowed there.
    """
    try:
        content = file.read_bytes()
        if len(content) > _MAX_BYTES:
            raise SettingsError(f"{file} is larger than {_MAX_BYTES} bytes")
        loader = yaml.SafeLoader(content.decode("utf-8"))
        root = loader.get_single_node()
        reader = _Reader(loader)
        book = reader.book(root, file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(f"{file}{where}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{file} is not valid YAML: {error}") from error
    if reader.problems:
        raise SettingsError(f"{file}, " + "; ".join(reader.problems))
    return book


@dataclass(slots=True)
class _Reader:
    """Turns YAML nodes, which know their lines, into rules, and collects what is wrong."""

    loader: yaml.SafeLoader
    problems: list[str] = field(default_factory=list)

    def book(self, root: yaml.Node | None, source: str) -> RuleBook:
        """The book of a document."""
        if root is None:
            return RuleBook(source, ())
        rules: yaml.Node | None = root
        billions = None
        if isinstance(root, yaml.MappingNode):
            parts = self._members(root, _FILE_KEYS, "key")
            rules = parts.get("rules")
            if "quality_billions" in parts:
                billions = self._number(parts["quality_billions"], "quality_billions", 0.1, 10_000)
        found = tuple(self._rules(rules)) if rules is not None else ()
        self._complain_of_unreachable(found)
        return RuleBook(source, found, billions)

    def _rules(self, node: yaml.Node) -> Iterator[Rule]:
        if isinstance(node, yaml.SequenceNode):
            yield from (rule for each in node.value if (rule := self._rule(each)) is not None)
        elif node.tag != "tag:yaml.org,2002:null":  # every rule is commented out
            self._complain(node, "a list of rules belongs here: `- condition: ...`")

    def _rule(self, node: yaml.Node) -> Rule | None:
        if not isinstance(node, yaml.MappingNode):
            self._complain(node, f"a rule has {', '.join(_RULE_KEYS)}")
            return None
        before = len(self.problems)
        parts = self._members(node, _RULE_KEYS, "key of a rule")
        for key in ("condition", "target"):
            if key not in parts:
                self._complain(node, f"the rule has no {key}")
        condition = self._condition(parts["condition"]) if "condition" in parts else None
        target, model = self._target(parts["target"]) if "target" in parts else (None, None)
        confidence = _SURE
        if "confidence" in parts:
            confidence = self._number(parts["confidence"], "confidence", 0, 1)
        description = self._text(parts["description"]) if "description" in parts else None
        if condition is None or len(self.problems) > before:
            return None
        line = node.start_mark.line + 1
        described = description or f"line {line}"
        return Rule(condition, target, model, confidence, described, line)

    def _members(
        self, node: yaml.MappingNode, allowed: Sequence[str], what: str
    ) -> dict[str, yaml.Node]:
        parts: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            if name not in allowed:
                self._complain(key, f"`{name}` is no {what}; {nearest(name, allowed)}")
            elif name in parts:
                self._complain(key, f"`{name}` stands here twice")
            else:
                parts[name] = value
        return parts

    def _condition(self, node: yaml.Node) -> Condition | None:
        value = self._scalar(node)
        if isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self._complain(node, "condition: an expression belongs here, like `files > 3`")
            return None
        try:
            return read_condition(value)
        except ConditionError as error:
            self._complain(node, f"condition: {error}")
            return None

    def _target(self, node: yaml.Node) -> tuple[Tier | None, str | None]:
        """A tier, or the name of a model: "model: NAME" as text or as a mapping."""
        if isinstance(node, yaml.MappingNode):
            parts = self._members(node, ("model",), "target")
            name = self._text(parts["model"]) if "model" in parts else None
            text = None if name is None else f"model: {name}"
        else:
            text = self._text(node)
        if text is None:
            return None, None
        model = text.removeprefix("model:").strip()
        if model != text and model:
            return None, model
        if text in tuple(Tier):
            return Tier(text), None
        self._complain(node, f"target: there is no `{text}`; {nearest(text, _TARGETS)}")
        return None, None

    def _number(self, node: yaml.Node, name: str, least: float, most: float) -> float:
        value = self._scalar(node)
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and least <= value <= most
        ):
            return float(value)
        self._complain(node, f"{name}: a number from {least:g} to {most:g} belongs here")
        return least

    def _text(self, node: yaml.Node) -> str | None:
        value = self._scalar(node)
        if isinstance(value, str):
            return value.strip()
        self._complain(node, "a text belongs here")
        return None

    def _scalar(self, node: yaml.Node) -> object:
        return self.loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else None

    def _complain_of_unreachable(self, rules: Sequence[Rule]) -> None:
        earlier: dict[Condition, int] = {}
        always: int | None = None
        for rule in rules:
            if always is not None:
                self.problems.append(
                    f"line {rule.line}: never reached, since the rule of line {always} always holds"
                )
            elif rule.condition in earlier:
                self.problems.append(
                    f"line {rule.line}: never reached, since line {earlier[rule.condition]} has "
                    "the same condition"
                )
            earlier.setdefault(rule.condition, rule.line)
            if always is None and rule.condition.always:
                always = rule.line

    def _complain(self, node: yaml.Node, problem: str) -> None:
        self.problems.append(f"line {node.start_mark.line + 1}: {problem}")
