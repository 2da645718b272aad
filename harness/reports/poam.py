"""The action items of a run's reviews as an OSCAL plan of action and milestones: one item and one risk for each.

The document of a run is always the same: its UUIDs are derived from the reviews, and its times are those of the
reviews.
"""

import json
import uuid
from collections.abc import Callable, Mapping

from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import items, mapping, text
from harness.core.model import Json
from harness.core.text import one_line
from harness.evidence.run_view import RunView
from harness.evidence.signing import attestation
from harness.evidence.signing.files import Directory, digest
from harness.reports.oscal import NAMESPACE

VERSION = "1.1.3"  # the OSCAL version of the document
_OWNER = "owner"


def render(view: RunView, known: Mapping[str, str]) -> str:
    """The document. HarnessError if the run is not what was signed and reviewed; Misconfigured without action items."""
    files = Directory(view.run)
    found = attestation.verify(files)
    if doubt := found.doubt(view.run, known):
        raise HarnessError(f"no action items of a run that cannot be trusted: {doubt}")
    actions = [mapping(each) for one in found.reviews for each in items(one.said, "said", "actions")]
    if not actions:
        raise Misconfigured(f"{view.run.name} has no action items; add them with `drillproof review`")
    evidence = digest(files, attestation.EVIDENCE)
    base = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}:poam:{evidence}")

    def of(*words: str | int) -> str:
        return str(uuid.uuid5(base, "\0".join(map(str, words))))

    owners = dict.fromkeys(filter(None, (text(each, "owner") for each in actions)))
    document: dict[str, Json] = {
        "uuid": of("document", len(found.reviews)),
        "metadata": {
            "title": one_line(f"drillproof: action items of {view.scenario}, run {view.run.name}"),
            "last-modified": text(found.reviews[-1].said, "signedAt"),
            "version": str(len(found.reviews)),
            "oscal-version": VERSION,
            **({"roles": [{"id": _OWNER, "title": "Owner of an action item"}]} if owners else {}),
            **(
                {"parties": [{"uuid": of("owner", each), "type": "person", "name": one_line(each)} for each in owners]}
                if owners
                else {}
            ),
        },
        "system-id": {"identifier-type": NAMESPACE, "id": view.run.name},
        "risks": [_risk(n, each, of) for n, each in enumerate(actions)],
        "poam-items": [
            {
                "uuid": of("item", n),
                "title": one_line(text(each, "title")),
                "description": text(each, "title"),
                "props": [{"name": "evidence-sha256", "ns": NAMESPACE, "value": evidence}],
                "related-risks": [{"risk-uuid": of("risk", n)}],
            }
            for n, each in enumerate(actions)
        ],
    }
    return json.dumps({"plan-of-action-and-milestones": document}, ensure_ascii=False, indent=2) + "\n"


def _risk(n: int, action: Mapping[str, Json], of: Callable[..., str]) -> Json:
    title, owner, due = (one_line(text(action, name)) for name in ("title", "owner", "due"))
    when = f"{due}T23:59:59Z"
    task: dict[str, Json] = {
        "uuid": of("task", n),
        "type": "milestone",
        "title": title,
        **({"timing": {"on-date": {"date": when}}} if due else {}),
        **(
            {"responsible-roles": [{"role-id": _OWNER, "party-uuids": [of("owner", text(action, "owner"))]}]}
            if owner
            else {}
        ),
    }
    return {
        "uuid": of("risk", n),
        "title": title,
        "description": title,
        "statement": "An action item of the review of a recovery test.",
        "status": "open",
        **({"deadline": when} if due else {}),
        "remediations": [
            {"uuid": of("response", n), "lifecycle": "planned", "title": title, "description": title, "tasks": [task]}
        ],
    }
