"""Reads runs that were made before findings had reasons: only their sentences say what was found.

Runs of today do not come here: their run.json has `expected_findings`, and their events have `reasons`. A sentence that
is in no table of before_reasons.toml means nothing, and an unknown saying is refused: neither is ever matched more
loosely than it was.
"""

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from harness.core.json import items, mapping, text
from harness.core.model import ExpectedFinding, Json
from harness.core.reason import Reason, by_precedence


@functools.cache
def _tables() -> Mapping[str, Json]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def expected(fields: Json) -> ExpectedFinding:
    """What one entry of `noticed_by` in run.json expects; ValueError if it says what no scenario ever said."""
    told = mapping(fields)
    check, saying, store, other = (told.get(key) for key in ("check", "saying", "store", "otherwise"))
    known = mapping(_tables(), "sayings", str(check), str(saying))
    if not known or not isinstance(store, str):
        raise ValueError(f"expects that {check} says {saying!r}, which no scenario of drillproof did")
    several = _named(known, "reason")
    return ExpectedFinding(
        str(check),
        several or Reason[text(known, "reason")],
        store,
        objects=tuple(map(str, items(known, "objects"))),
        causes=_named(known, "causes"),
        otherwise=expected(other) if other else None,
    )


def expects_findings(facts: Mapping[str, Json]) -> bool:
    """Whether a run.json, of today or of an old run, says that the recovery is bad on purpose."""
    return bool(facts.get("expected_findings") or facts.get("noticed_by"))


def reasons(said: Json) -> tuple[Reason, ...]:
    """The reasons in the text, or the texts, of an event of an old run."""
    lines = said if isinstance(said, list | tuple) else [said]
    all_lines = "\n".join(line for line in lines if isinstance(line, str))
    known = mapping(_tables(), "sentences")
    return by_precedence(Reason[str(reason)] for pattern, reason in known.items() if re.search(pattern, all_lines))


def objects(event: Mapping[str, Json]) -> tuple[str, ...]:
    """The pods that the failed recovery of an old run calls not ready; none of an event that names its reasons."""
    if "reasons" in event:
        return ()
    found = re.search(r"of \d+ pods; not ready: ([a-z0-9.-]+(?:, [a-z0-9.-]+)*)", str(event.get("message")))
    return tuple(found[1].split(", ")) if found and found[1] != "none" else ()


def _named(known: Json, key: str) -> tuple[Reason, ...]:
    return tuple(Reason[str(name)] for name in items(known, key))
