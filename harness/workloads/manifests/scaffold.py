"""Proposes an application file from what manifests show. The user reads, completes and confirms it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, claims_of, containers, name_of
from harness.core.model import Json
from harness.workloads.manifests import inventory
from harness.workloads.manifests.inventory import DetectedDatabase
from harness.workloads.manifests.spec import UNKNOWN, USERS, Reference


@dataclass(frozen=True)
class DetectedApplication:
    """What manifests show of an application."""

    place: str  # of the manifests, as the user named it
    namespace: str
    databases: tuple[DetectedDatabase, ...]
    others: tuple[Object, ...]  # the pods that are not databases
    missing: Mapping[str, tuple[str, ...]]  # the keys that pods need of Secrets that are not in the manifests


def detect(place: str, objects: Sequence[Object], namespace: str) -> DetectedApplication:
    """Misconfigured if no database is detected: then there is nothing to drill."""
    pods = inventory.pods(objects, namespace)
    databases = inventory.databases(objects, namespace)
    if not databases:
        seen = ", ".join(sorted(map(name_of, pods))) or "no pods"
        raise Misconfigured(f"{place}: no MySQL, PostgreSQL or Consul is detected among {seen}")
    names = {each.database.pod for each in databases}
    others = tuple(pod for pod in pods if name_of(pod) not in names)
    return DetectedApplication(place, namespace, databases, others, _missing(pods, inventory.secrets(objects)))


def lines(found: DetectedApplication) -> Iterator[str]:
    """What was detected, for people."""
    for each in found.databases:
        its = each.database
        yield f"{its.kind} in {its.pod} ({each.controller}, container {its.container}): {its.why}"
        yield f"  login: {_login_shown(each, found.missing)}"
        yield f"  {_copies(each)}"
    for pod in found.others:
        claims = ", ".join(claims_of(pod))
        files = f"; its files in {claims} are not compared" if claims else ""
        yield f"no database: {name_of(pod)} ({inventory.controller(pod)}){files}"
    for secret, keys in found.missing.items():
        yield f"missing: the Secret {secret}, of which pods need {', '.join(keys)}"


def document(found: DetectedApplication) -> Json:
    """The same for scripts."""
    return {
        "manifests": found.place,
        "namespace": found.namespace,
        "databases": [
            {
                "kind": each.database.kind,
                "pod": each.database.pod,
                "container": each.database.container,
                "why": each.database.why,
                "maker": each.controller,
                "user": _plain(each.user),
                "password": _plain(each.password) if isinstance(each.password, Reference) else None,
                "databases": list(each.databases),
                "copied": list(each.copied),
                "not_copied": list(each.uncopied),
                "hooks": list(each.hooks),
            }
            for each in found.databases
        ],
        "others": list(map(name_of, found.others)),
        "lacking_secrets": {secret: list(keys) for secret, keys in found.missing.items()},
    }


def proposal(found: DetectedApplication, manifests: str, *, chart: bool) -> str:
    """The file, with the reason for each line. What the manifests do not show is left open, and must be completed."""
    return "\n".join((*_head(found, manifests, chart=chart), *_stores(found), *_generated(found))) + "\n"


def _head(found: DetectedApplication, manifests: str, *, chart: bool) -> Iterator[str]:
    yield f"# Proposed by `drillproof detect {found.place}`. See docs/how-to/application.md."
    yield f'# Replace every "{UNKNOWN}": the manifests do not show it.'
    yield "confirmed = false # set this to true after you have read and corrected the file"
    yield f"name = {_quoted(found.namespace or UNKNOWN)}"
    yield f"namespace = {_quoted(found.namespace or UNKNOWN)}"
    yield f"{'chart' if chart else 'manifests'} = {_quoted(manifests)}"
    yield f"strategy = {_quoted(UNKNOWN)} # your name for how data get into the backup: dump, files, ..."
    if fleeting := [each for each in found.databases if not _keeps_name(each)]:
        yield "# The names of these pods change, so a drill cannot identify them after a restore: they are not judged."
        yield f"not_drilled = [{', '.join(_quoted(each.database.pod) for each in fleeting)}]"
    yield ""
    yield "[objectives] # limits for a recovery, in seconds; the default is the scenario's own"
    yield "# rto_s = 600"
    yield "# rpo_s = 300"


def _stores(found: DetectedApplication) -> Iterator[str]:
    by_controller: dict[tuple[str, str], list[DetectedDatabase]] = {}
    for each in filter(_keeps_name, found.databases):
        by_controller.setdefault((each.controller, each.database.kind), []).append(each)
    kinds = [kind for _, kind in by_controller]
    for (controller, kind), members in by_controller.items():
        first = members[0]
        yield ""
        yield f"[[store]] # {controller}: {first.database.why}"
        yield f"kind = {_quoted(kind)}"
        if kinds.count(kind) > 1:
            yield f"name = {_quoted(controller.split()[-1])} # there is more than one {kind}"
        note = " # the primary's pod must be the first" if len(members) > 1 else ""
        yield f"members = [{', '.join(_quoted(each.database.pod) for each in members)}]{note}"
        yield f"container = {_quoted(first.database.container)}"
        yield from _login(first)
        if kind != "consul":
            databases = first.databases or (UNKNOWN,)
            why = " # those with your data" + (", the first also holds the ledger" if kind == "postgres" else "")
            yield f"databases = [{', '.join(map(_quoted, databases))}]{why}"
        yield f"# {_copies(first)}"
        yield '# recover = ["bash", "/restore.sh"] # a command in its container after the restore, if needed'


def _login(each: DetectedDatabase) -> Iterator[str]:
    if isinstance(each.user, Reference):
        yield f"user_from = {_reference(each.user)}"
    elif each.user != USERS[each.database.kind]:
        yield f"user = {_quoted(each.user)}"
    elif each.user:
        yield f"user = {_quoted(each.user)} # the default administrator; the manifests name no other"
    if isinstance(each.password, Reference):
        yield f"password = {_reference(each.password)}"
    elif each.password:
        yield f"# The password is plain text in the variable {each.password}; move it into a Secret."
        yield f"password = {_reference(Reference(UNKNOWN, UNKNOWN))}"
    elif each.database.kind == "consul":
        yield '# password = { secret = "NAME", key = "KEY" } # a management token, if Consul has ACLs'
    else:
        yield f"password = {_reference(Reference(UNKNOWN, UNKNOWN))}"


def _generated(found: DetectedApplication) -> Iterator[str]:
    for secret, keys in found.missing.items():
        yield ""
        yield "[[generate]] # not in the manifests, so generated for each drill, unless you add it there"
        yield f"secret = {_quoted(secret)}"
        yield f"keys = [{', '.join(map(_quoted, keys))}]"


def _login_shown(each: DetectedDatabase, missing: Mapping[str, tuple[str, ...]]) -> str:
    user = each.user if isinstance(each.user, str) else f"the user in the key {each.user.key} of {each.user.secret}"
    if isinstance(each.password, Reference):
        absent = ", which is not in the manifests" if each.password.secret in missing else ""
        return f"{user or 'a token'}, with the key {each.password.key} of the Secret {each.password.secret}{absent}"
    plain = f"a plain-text password ({each.password})" if each.password else "an unknown password"
    return f"{user or 'any user'}, with {plain}"


def _copies(each: DetectedDatabase) -> str:
    copied = f"Velero copies {', '.join(each.copied)}" if each.copied else "Velero copies NOTHING of it"
    uncopied = f", not {', '.join(each.uncopied)}" if each.uncopied else ""
    return f"{copied}{uncopied}; hooks: {'; '.join(each.hooks) or 'none'}"


def _keeps_name(each: DetectedDatabase) -> bool:
    return each.controller.startswith(f"{inventory.STATEFUL} ")


def _missing(pods: Iterable[Object], secrets: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, dict[str, None]] = {}
    for variable in (each for pod in pods for one in containers(pod) for each in items(one, "env")):
        ref = at(variable, "valueFrom", "secretKeyRef")
        if ref is not None and at(ref, "optional") is not True:
            wanted.setdefault(text(ref, "name"), {})[text(ref, "key")] = None
    return {name: tuple(keys) for name, keys in wanted.items() if name not in secrets}


def _plain(value: str | Reference | None) -> Json:
    return {"secret": value.secret, "key": value.key} if isinstance(value, Reference) else value


def _reference(to: Reference) -> str:
    return f"{{ secret = {_quoted(to.secret)}, key = {_quoted(to.key)} }}"


def _quoted(value: str) -> str:
    """A basic string of TOML, which has the form of a JSON string."""
    return json.dumps(value, ensure_ascii=False)
