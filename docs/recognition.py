"""Measure how many deployments of tests/corpus `detect` recognises right, and write the page with the table of it.

python -m docs.recognition         what `make docs` does

Each file has a line `# expect:` with what `detect` must say of it: the exit code, the stores (kind, members, user,
password), and what looks like a database and is not judged.
"""  # noqa: INP001 - a script of the documentation, no module of the package

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from docs.tables import line
from harness.core.errors import Misconfigured
from harness.core.json import mapping
from harness.core.model import Json
from harness.workloads.manifests import inventory, render, scaffold
from harness.workloads.manifests.inventory import DetectedDatabase
from harness.workloads.manifests.scaffold import DetectedApplication
from harness.workloads.manifests.spec import Reference

CORPUS = Path(__file__).parents[1] / "tests" / "corpus" / "deployments"
PAGE = Path(__file__).parent / "reference" / "recognition.md"
_EXPECT = re.compile(r"^# expect: (.*)$", re.MULTILINE)
_ABOUT = re.compile(r"\A# (.*)$", re.MULTILINE)
_TABLE = re.compile(r"(?<=<!-- recognition -->\n).*?(?=<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One deployment: its shape is its folder."""

    path: Path
    about: str
    expected: Mapping[str, Json]

    @property
    def shape(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.shape}/{self.path.stem}"


def cases() -> tuple[Case, ...]:
    """Every deployment of the corpus."""
    return tuple(_case(path) for path in sorted(CORPUS.glob("*/*.yaml")))


def said(case: Case) -> dict[str, Json]:
    """What `detect` says of a deployment, in the form of its expectation."""
    objects = render.of_path(case.path)
    unjudged: list[Json] = list(inventory.unjudged(objects, "shop"))
    try:
        found = scaffold.detect(str(case.path), objects, "shop")
    except Misconfigured:
        return {"exit": 64, "stores": [], "unjudged": unjudged}
    stores: list[Json] = [_store(members) for members in found.stores]
    return {"exit": 0, "stores": stores, "unjudged": unjudged, **_further(found)}


def differences(case: Case) -> list[str]:
    """Each key in which `detect` is wrong, with what it must say and what it says."""
    is_said = said(case)
    return [
        f"{key}: must be {must!r}, is {is_said.get(key)!r}"
        for key, must in case.expected.items()
        if must != is_said.get(key)
    ]


def page(old: str) -> str:
    """The page with its table."""
    by_shape: dict[str, list[bool]] = {}
    wrong: list[str] = []
    for case in cases():
        odd = differences(case)
        by_shape.setdefault(case.shape, []).append(not odd)
        wrong += [f"- {case.name} ({case.about}): {'; '.join(odd)}"] * bool(odd)
    rows = [line((shape, str(len(right)), str(sum(right)))) for shape, right in by_shape.items()]
    everything = [each for right in by_shape.values() for each in right]
    total = line(("all", str(len(everything)), str(sum(everything))))
    table = (line(("Shape", "Deployments", "Recognised right")), line(("---", "--:", "--:")), *rows, total, "", *wrong)
    return _TABLE.sub(lambda _: "\n" + "\n".join(table).rstrip() + "\n\n", old)


def _case(path: Path) -> Case:
    content = path.read_text("utf-8")
    about, expect = _ABOUT.search(content), _EXPECT.search(content)
    if not about or not expect:
        raise Misconfigured(f"{path} has no lines `# WHAT IT IS` and `# expect: ...`")
    return Case(path, about[1], mapping(yaml.safe_load(expect[1])))


def _store(members: tuple[DetectedDatabase, ...]) -> Json:
    first = members[0]
    password = first.password
    shown = f"{password.secret}/{password.key}" if isinstance(password, Reference) else "plain" if password else "?"
    user = f"{first.user.secret}/{first.user.key}" if isinstance(first.user, Reference) else first.user
    return {
        "kind": first.database.kind,
        "members": [each.database.pod for each in members],
        "user": user,
        "password": "none" if first.is_open else shown,
    }


def _further(found: DetectedApplication) -> dict[str, Json]:
    warned = [word for word in ("emptyDir",) for each in found.databases if word in " ".join(each.warnings)]
    generate: dict[str, Json] = {name: list(keys) for name, keys in found.secret.items()}
    lacking: dict[str, Json] = {name: list(pods) for name, pods in found.config_maps.items()}
    return {"generate": generate, "warns": warned[0] if warned else None, "lacking_config_maps": lacking}


def main() -> int:
    """Write the page and print the number of deployments that are recognised right."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
    right = [not differences(case) for case in cases()]
    sys.stdout.write(f"{sum(right)} of {len(right)} deployments are recognised right\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
