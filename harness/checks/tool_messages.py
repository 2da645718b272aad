"""The reasons in messages of Velero, restic, Kubernetes and databases: only this module matches their text.

A message may change with any release of its tool. Then its cause is no longer found, and a scenario that expects it
fails: fix the pattern in tool_messages.toml. What drillproof itself observes has a reason where it is observed.
"""

import re
import tomllib
from pathlib import Path

from harness.core.json import items
from harness.core.model import Json
from harness.core.reason import Reason, by_precedence

MESSAGES: tuple[tuple[str, Reason], ...] = tuple(
    (pattern, Reason[name])
    for messages in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).values()
    for pattern, name in messages.items()
)
"""(a regular expression, the meaning of a message that matches it)."""

_PATTERNS = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in MESSAGES)


def causes(*messages: Json) -> tuple[Reason, ...]:
    """The causes that messages of other tools name, by precedence. Only texts and lists of texts are searched."""
    texts = (line for message in messages for line in ((message,) if isinstance(message, str) else items(message)))
    text = "\n".join(line for line in texts if isinstance(line, str))
    return by_precedence(reason for pattern, reason in _PATTERNS if pattern.search(text))
