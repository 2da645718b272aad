"""Proposes an application file from what manifests show. The user reads, completes and confirms it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from jinja2 import ChainableUndefined, Environment

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, claims_of, containers, name_of
from harness.core.model import Json
from harness.core.resources import fixtures
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
        yield f"  {each.copies}"
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
    stores: dict[tuple[str, str], list[DetectedDatabase]] = {}
    for each in found.databases:
        if each.controller.startswith(f"{inventory.STATEFUL} "):
            stores.setdefault((each.controller, each.database.kind), []).append(each)
    identifiable = [each for members in stores.values() for each in members]
    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False, undefined=ChainableUndefined)  # noqa: S701 # TOML
    # A string of TOML has the form of a JSON string, and so has a list of strings.
    environment.filters["toml"] = partial(json.dumps, ensure_ascii=False)
    template = environment.from_string((fixtures() / "detect" / "application.toml.j2").read_text(encoding="utf-8"))
    return template.render(
        found=found,
        manifests=manifests,
        chart=chart,
        stores=stores,
        kinds=[kind for _, kind in stores],
        unidentifiable=[each.database.pod for each in found.databases if each not in identifiable],
        unknown=UNKNOWN,
        users=USERS,
    )


def _login_shown(each: DetectedDatabase, missing: Mapping[str, tuple[str, ...]]) -> str:
    user = each.user if isinstance(each.user, str) else f"the user in the key {each.user.key} of {each.user.secret}"
    if isinstance(each.password, Reference):
        absent = ", which is not in the manifests" if each.password.secret in missing else ""
        return f"{user or 'a token'}, with the key {each.password.key} of the Secret {each.password.secret}{absent}"
    plain = f"a plain-text password ({each.password})" if each.password else "an unknown password"
    return f"{user or 'any user'}, with {plain}"


def _missing(pods: Iterable[Object], secrets: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, dict[str, None]] = {}
    for variable in (each for pod in pods for one in containers(pod) for each in items(one, "env")):
        ref = at(variable, "valueFrom", "secretKeyRef")
        if ref is not None and at(ref, "optional") is not True:
            wanted.setdefault(text(ref, "name"), {})[text(ref, "key")] = None
    return {name: tuple(keys) for name, keys in wanted.items() if name not in secrets}


def _plain(value: str | Reference | None) -> Json:
    return {"secret": value.secret, "key": value.key} if isinstance(value, Reference) else value
