"""Mutants of a module: its source with one small change, made by cosmic-ray's operators and by four of our own.

Mutants that change only text do not count: what makes up a message, hint or docstring may change with any release.
cosmic-ray's own runner starts pytest for each mutant; `mutants.py` forks instead, which is fifty times as fast.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from pathlib import Path
from types import CodeType
from typing import ClassVar, Protocol

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.operators.provider import OperatorProvider

Position = tuple[tuple[int, int], tuple[int, int]]
AS_PASS = "_as_pass"  # noqa: S105 # a name that the runner puts into the mutated module

_SELECTED = (
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "ZeroIterationForLoop",
)
"""cosmic-ray's operators without those that make mutants of no use here: `==` as `is`, `+` as `**`."""

_TEXT_NAMES = {"detail", "hint", "other", "said", "shown", "message", "doubt", "when"}
"""Names whose values are only sentences."""

_TEXT_ARGUMENTS = {"passed": (0,), "failed": (1, 2), "unknown": (1, 2), "Finding": (3, 4), "noted": (1,)}
"""By function: which of its arguments are sentences."""


class Operator(Protocol):
    """What cosmic-ray's operators and ours have in common."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[Position]: ...

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf: ...


class Negate:
    """The opposite of the condition of an `if`, `while`, conditional expression or comprehension."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[Position]:
        if (at := self._condition(node)) is not None:
            yield node.children[at].start_pos, node.children[at].end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:
        at = self._condition(node)
        node.children[at] = parso.parse(f" (not ({node.children[at].get_code(include_prefix=False)}))")
        return node

    @staticmethod
    def _condition(node: parso.tree.NodeOrLeaf) -> int | None:
        return {"if_stmt": 1, "while_stmt": 1, "ternary": 2, "test": 2, "comp_if": 1, "sync_comp_if": 1}.get(node.type)


class AnyOrAll:
    """`any` for `all`, `in` for `not in`, `min` for `max`, and the other way around."""

    SWAPPED: ClassVar = {"any": "all", "all": "any", "min": "max", "max": "min", "in": "not in"}

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[Position]:
        if self._is_one(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:
        if node.type == "comp_op":
            return parso.parse(" in")
        node.value = self.SWAPPED[node.value]
        return node

    def _is_one(self, node: parso.tree.NodeOrLeaf) -> bool:
        if node.type == "comp_op":
            return str(node.get_code(include_prefix=False)).startswith("not")
        if node.type == "keyword" and node.value == "in":
            return bool(node.parent.type == "comparison")
        if node.type != "name" or node.value not in self.SWAPPED:
            return False
        after = node.get_next_leaf()
        return after is not None and after.value == "("


class Acquit:
    """A finding that is FAIL or UNKNOWN becomes PASS, with all its words."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[Position]:
        if node.type == "name" and node.value in {"failed", "unknown"} and node.get_next_leaf().value == "(":
            yield node.start_pos, node.end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:
        node.value = f"{AS_PASS}({node.value})"
        return node


class Withhold:
    """What a generator yields does not come: no finding at all."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[Position]:
        if node.type == "yield_expr":
            yield node.start_pos, node.end_pos

    def mutate(self, node: parso.tree.NodeOrLeaf, index: int) -> parso.tree.NodeOrLeaf:
        return parso.parse(f"{node.get_first_leaf().prefix}yield from ()")


@dataclass(frozen=True)
class Mutant:
    """One mutant. `key` names it also after its lines moved."""

    path: Path
    function: str  # its qualified name; of a nested one, that of the outermost
    line: int
    was: str  # the line, or lines, before
    becomes: str
    nth: int  # among those of the function that read the same
    code: CodeType  # of the whole mutated module

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        return self.path.as_posix(), self.function, self.was, self.becomes, self.nth


def mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of a module's functions. What stands outside of functions is not mutated: there are data."""
    source = path.read_text("utf-8")
    tree, original = get_ast(source), compile(source, path.resolve(), "exec")
    starts = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    seen: Counter[tuple[str, str, str]] = Counter()
    found: dict[str, Mutant] = {}
    provider = OperatorProvider()
    operators = (*(provider[name]() for name in _SELECTED), Negate(), AnyOrAll(), Acquit(), Withhold())
    for node in ast_nodes(tree):
        for operator in operators:
            for index, (start, _) in enumerate(operator.mutation_positions(node)):
                if _is_text(tree.get_leaf_for_position(start, include_prefixes=True)):
                    continue
                try:
                    mutated = _spliced(source, starts, node, operator, index)
                    code = compile(mutated, path.resolve(), "exec")
                except (SyntaxError, AttributeError):  # as of cosmic-ray's ExceptionReplacer of a dotted name
                    continue
                if mutated not in found and (function := _changed(original, code)) is not None:
                    found[mutated] = Mutant(path, function, start[0], *_lines(source, mutated), 0, code)
    for each in sorted(found.values(), key=lambda each: each.line):
        read = each.function, each.was, each.becomes
        seen[read] += 1
        yield replace(each, nth=seen[read])


def _spliced(source: str, starts: list[int], node: parso.tree.NodeOrLeaf, operator: Operator, index: int) -> str:
    """The source with one node changed. cosmic-ray's `mutate_code` parses the whole source again for each mutant."""
    (line, column), (last, end) = node.get_start_pos_of_prefix(), node.end_pos
    parent, node.parent = node.parent, None
    copied = deepcopy(node)
    node.parent = copied.parent = parent
    mutated = operator.mutate(copied, index)
    return source[: starts[line - 1] + column] + str(mutated.get_code()) + source[starts[last - 1] + end :]


def functions_of(code: CodeType) -> Iterator[CodeType]:
    """The code of the functions and methods of a module, not of those inside of them."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_flags & inspect.CO_OPTIMIZED:
                yield each
            else:
                yield from functions_of(each)


def _changed(original: CodeType, mutated: CodeType) -> str | None:
    """The function that differs; None if none does, or if what differs is outside of functions."""
    pairs = zip(functions_of(original), functions_of(mutated), strict=True)
    differing = [one.co_qualname for one, other in pairs if not _same(one, other)]
    return differing[0] if len(differing) == 1 else None


def _same(one: CodeType, other: CodeType) -> bool:
    if (one.co_code, one.co_names, len(one.co_consts)) != (other.co_code, other.co_names, len(other.co_consts)):
        return False
    pairs = zip(one.co_consts, other.co_consts, strict=True)
    return all(
        _same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else a == b and type(a) is type(b)
        for a, b in pairs
    )


def _lines(source: str, mutated: str) -> tuple[str, str]:
    """The lines that differ, before and after."""
    old, new = source.splitlines(), mutated.splitlines()
    first = _alike(old, new)
    last = min(min(len(old), len(new)) - first, _alike(old[::-1], new[::-1]))
    was, becomes = (" ".join(map(str.strip, each[first : len(each) - last])) for each in (old, new))
    return was, becomes


def _alike(one: list[str], other: list[str]) -> int:
    """How many of the first lines are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_text(leaf: parso.tree.NodeOrLeaf | None) -> bool:
    """Whether only a sentence is made of it."""
    node = leaf
    while node is not None:
        if node.type == "fstring_expr":
            return True
        parent = node.parent
        if parent is None:
            return False
        if parent.type == "expr_stmt":
            names = {each.value for each in parent.get_defined_names()}
            return bool(names) and names <= _TEXT_NAMES
        if parent.type in {"arglist", "trailer"} and _is_text_argument(parent, node):
            return True
        node = parent
    return False


def _is_text_argument(parent: parso.tree.NodeOrLeaf, node: parso.tree.NodeOrLeaf) -> bool:
    trailer = parent if parent.type == "trailer" else parent.parent
    name = trailer.get_previous_leaf() if trailer.type == "trailer" else None
    places = _TEXT_ARGUMENTS.get(name.value, ()) if name is not None else ()
    arguments = parent.children[::2] if parent.type == "arglist" else parent.children[1:2]
    if node.type == "argument" and node.children[0].type == "name":
        return node.children[0].value in {"detail", "hint"}
    return any(at in places for at, each in enumerate(arguments) if each is node)
