"""Reads YAML documents as Kubernetes does, bounded in time and memory. Errors never show the text itself.

A manifest may hold passwords, so an error names the file and the line, and what is wrong there.
"""

import math
import re
from collections.abc import Iterator, Mapping

import yaml
from yaml.composer import Composer, ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined] # its stubs do not export it
from yaml.events import AliasEvent
from yaml.nodes import Node, ScalarNode
from yaml.resolver import Resolver

from harness.core.errors import Misconfigured
from harness.core.model import Json

MAX_BYTES = 5_000_000
"""Of all files together. An object that Kubernetes takes has less than 1.5 MB."""

MAX_NODES = 500_000
"""Values of all files together, long text counted by its length, and each alias with all that it stands for."""

MAX_DEPTH = 100
"""Levels of nesting: definitions of custom resources have about 60."""

_OTHERS = frozenset({"timestamp", "value", "int", "float"})
"""Plain values of YAML 1.1 that Kubernetes does not read like PyYAML: 12:30 is text, and so are dates and `=`."""

_CONSTRUCTION = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError)
"""What PyYAML raises where an explicit tag (`!!int x`) does not fit its value."""


class Documents:
    """Reads the files of one application. What they hold counts together."""

    def __init__(self) -> None:
        self.nodes = 0

    def read(self, text: bytes, file: str) -> Iterator[Json]:
        """Each document as JSON. Misconfigured."""
        if len(text) > MAX_BYTES:
            raise Misconfigured(f"{file} has {len(text) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are read")
        try:
            loader = _Loader(text, self)
            while loader.check_node():
                yield _json(loader.get_data())
        except _CONSTRUCTION as error:
            template = "; it looks like a Helm template: render the chart first" if b"{{" in text else ""
            raise Misconfigured(f"{file} is not valid YAML: {_why(error)}{template}") from None

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise yaml.YAMLError(f"with its aliases it has more than {MAX_NODES} values")


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """Parses in C, and composes in Python, where the depth and the number of values can be bounded."""

    def __init__(self, text: bytes, counter: Documents) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._counter, self._depth = counter, 0
        self._sizes: dict[str, int] = {}

    def compose_document(self) -> Node | None:
        self._sizes.clear()
        return super().compose_document()

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        is_alias, before = self.check_event(AliasEvent), self._counter.nodes
        anchor: str = getattr(self.peek_event(), "anchor", None) or ""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and anchor not in self._sizes:
            raise yaml.YAMLError("an alias is inside of what it stands for")
        length = len(node.value) if isinstance(node, ScalarNode) else 0
        self._counter.count(self._sizes[anchor] if is_alias else 1 + length // 100)
        if anchor and not is_alias:
            self._sizes[anchor] = self._counter.nodes - before
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _OTHERS]
    for first, resolvers in Resolver.yaml_implicit_resolvers.items()
}
_DIGITS = list("-+.0123456789")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
    _DIGITS,
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    _DIGITS,
)


def _json(value: object) -> Json:
    match value:
        case None | bool() | str() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case list():
            return [_json(each) for each in value]
        case Mapping():
            return {_key(key): _json(each) for key, each in value.items()}
    raise ValueError(f"a value of the type {type(value).__name__} is not possible in Kubernetes")


def _key(key: object) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int | float):
        return str(key)
    raise ValueError(f"a key of the type {type(key).__name__} is not possible in Kubernetes")


def _why(error: Exception) -> str:
    """What is wrong, and where; no content of the file."""
    if isinstance(error, yaml.reader.ReaderError):
        return "it has bytes that are no text"
    if isinstance(error, yaml.MarkedYAMLError):
        problem = str(error.problem)
        if isinstance(error, ComposerError | ConstructorError):  # they quote the text
            problem = problem.partition("'")[0].strip()
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{where}{problem}"
    if isinstance(error, yaml.YAMLError) or str(error).endswith("in Kubernetes"):
        return str(error)
    return "an explicit tag does not fit its value"
