"""Conditions over facts: read and type-checked once, then evaluated without ``eval``.

A condition is a Python expression of comparisons, ``and``, ``or``, ``not`` and ``in`` over facts
and literals, and of nothing else: no calls, attributes, arithmetic or loops, so that evaluating
one takes time in the length of its text at most and cannot fail.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes

from hybrid_coordinator.routing.rules.facts import FACTS, Kind

_MAX_CHARACTERS = 1000
_MAX_DEPTH = 40
"""Far from what Python's own stack bears, so that evaluating cannot overflow it."""
_TRUTHS = {"true": True, "false": False}
"""As YAML writes them; True and False are literals of the expression language."""

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_EQUALITY = (ast.Eq, ast.NotEq)
_MEMBERSHIP = (ast.In, ast.NotIn)
_COMPARISONS = (*_ORDER, *_EQUALITY, *_MEMBERSHIP)
_OPERATORS = {
    operator: DEFAULT_OPERATORS[operator] for operator in (*_COMPARISONS, ast.Not, ast.USub)
}


class ConditionError(ValueError):
    """A condition that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class _Typed:
    """What a part of an expression is: ``kind``, and the values that a fact of it may have.

    ``literals`` are the texts that stand in the expression itself, to be held against those.
    """

    kind: Kind
    allowed: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was checked. Equal for equal expressions, however they are spaced."""

    form: str
    tree: ast.Expression

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.form == other.form

    def __hash__(self) -> int:
        return hash(self.form)

    @property
    def always(self) -> bool:
        """Whether it names no fact and holds."""
        names = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return names <= _TRUTHS.keys() and self.holds({})

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether it is true of the facts' values by name."""
        return holding([self], values) is not None


def holding(conditions: Iterable[Condition], values: Mapping[str, object]) -> int | None:
    """The place of the first condition that holds; None where none does."""
    evaluator = EvalWithCompoundTypes(_OPERATORS, {}, {**values, **_TRUTHS})
    for place, condition in enumerate(conditions):
        if evaluator.eval("", condition.tree.body):
            return place
    return None


def read_condition(text: str) -> Condition:
    """Read and check a condition.

    Raises:
        ConditionError: it is no expression, or does more than compare facts, or names a fact that
            there is not, or compares what cannot be compared.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ConditionError(f"longer than {_MAX_CHARACTERS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as errors of syntax, which is what they are here
            tree = ast.parse(text.strip(), mode="eval")
        if _depth(tree) > _MAX_DEPTH:
            raise ConditionError("nested too deeply")
        found = _check(tree.body)
        form = ast.dump(tree)
    except SyntaxError as error:
        raise ConditionError(f"not an expression: {error.msg}") from error
    except (ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, ConditionError):
            raise
        raise ConditionError(f"not an expression that can be read: {error}") from error
    if found.kind is not Kind.TRUTH:
        raise ConditionError(f"is {found.kind}, not true or false; compare it with something")
    return Condition(form, tree)


def nearest(name: str, known: Iterable[str]) -> str:
    """``known``, or the one of them that ``name`` is likely to mean, as the end of a message."""
    choices = list(known)
    close = difflib.get_close_matches(name, choices, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(choices)}"


def _depth(node: ast.AST) -> int:
    return 1 + max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)


def _check(node: ast.expr) -> _Typed:
    match node:
        case ast.BoolOp():
            for value in node.values:
                _expect_truth(value)
            return _Typed(Kind.TRUTH)
        case ast.UnaryOp(op=ast.Not()):
            _expect_truth(node.operand)
            return _Typed(Kind.TRUTH)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)):
            if _kind_of(value) is Kind.NUMBER:
                return _Typed(Kind.NUMBER)
            raise ConditionError(f"-{value!r} is no number")
        case ast.Compare():
            sides = [_check(each) for each in (node.left, *node.comparators)]
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
                _check_comparison(operator, left, right)
            return _Typed(Kind.TRUTH)
        case ast.Name():
            return _check_name(node.id)
        case ast.Constant():
            kind = _kind_of(node.value)
            return _Typed(kind, literals=(str(node.value),) if kind is Kind.TEXT else ())
        case ast.List() | ast.Tuple():
            return _check_list(node)
    raise ConditionError(
        f"`{ast.unparse(node)[:60]}` is not allowed; a condition compares facts with values "
        "(==, !=, <, <=, >, >=, in), joined by and, or, not"
    )


def _expect_truth(node: ast.expr) -> None:
    kind = _check(node).kind
    if kind is not Kind.TRUTH:
        raise ConditionError(f"`{ast.unparse(node)[:60]}` is {kind}, where true or false is needed")


def _check_name(name: str) -> _Typed:
    if name in _TRUTHS:
        return _Typed(Kind.TRUTH)
    fact = FACTS.get(name)
    if fact is None:
        raise ConditionError(f"there is no fact `{name}`; {nearest(name, FACTS)}")
    return _Typed(fact.kind, fact.allowed)


def _kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return Kind.TRUTH
    if isinstance(value, int | float):
        return Kind.NUMBER
    if isinstance(value, str):
        return Kind.TEXT
    raise ConditionError(f"{value!r} is neither text nor a number nor true or false")


def _check_list(node: ast.List | ast.Tuple) -> _Typed:
    found = [_check(each) for each in node.elts]
    if any(each.kind is not Kind.TEXT or each.allowed for each in found):
        raise ConditionError(f"`{ast.unparse(node)[:60]}`: a list holds texts in quotes")
    return _Typed(Kind.WORDS, literals=tuple(text for each in found for text in each.literals))


def _check_comparison(operator: ast.cmpop, left: _Typed, right: _Typed) -> None:
    sign = _SIGNS.get(type(operator))
    if sign is None:
        raise ConditionError("`is` is not allowed; write ==")
    if isinstance(operator, _MEMBERSHIP):
        fitting = left.kind is Kind.TEXT and right.kind is Kind.WORDS
        expected = "text in a list of words"
    elif isinstance(operator, _ORDER):
        fitting = left.kind is right.kind is Kind.NUMBER
        expected = "two numbers"
    else:
        fitting = left.kind is right.kind and left.kind is not Kind.WORDS
        expected = "two values of one type"
    if not fitting:
        raise ConditionError(f"`{sign}` compares {expected}, not {left.kind} with {right.kind}")
    for fact, other in ((left, right), (right, left)):
        for text in other.literals if fact.allowed else ():
            if text not in fact.allowed:
                raise ConditionError(f'"{text}" never occurs; {nearest(text, fact.allowed)}')


_SIGNS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
