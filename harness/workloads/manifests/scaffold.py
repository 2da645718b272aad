"""Proposes an application file from what manifests show. The user reads, completes and confirms it."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from jinja2 import ChainableUndefined, Environment

from harness.backups.velero_backup import SECRET_NAME
from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, claims_of, containers, name_of
from harness.core.model import Json
from harness.core.resources import fixtures
from harness.workloads import detection
from harness.workloads.manifests import inventory
from harness.workloads.manifests.inventory import DetectedDatabase
from harness.workloads.manifests.replication import members_of_stores
from harness.workloads.manifests.spec import UNKNOWN, USERS, Reference


@dataclass(frozen=True)
class DetectedApplication:
    place: str  # of the manifests, as the user named it
    namespace: str
    stores: tuple[tuple[DetectedDatabase, ...], ...]  # the members of each, the primary's first
    unjudged: Mapping[str, str]  # databases that are not drilled, by pod or `Kind name`: what they are
    others: tuple[Object, ...]  # the pods that are not databases
    missing: Mapping[str, tuple[str, ...]]  # the keys that pods need of Secrets that are not in the manifests
    secret: Mapping[str, tuple[str, ...]]  # those of `missing` that hold passwords
    config_maps: Mapping[str, list[str]]  # ConfigMaps that are not in the manifests, with the pods that need them
    databases: tuple[DetectedDatabase, ...]


def detect(place: str, objects: Sequence[Object], namespace: str) -> DetectedApplication:
    """Misconfigured if no database can be drilled."""
    pods = inventory.pods(objects, namespace)
    databases = inventory.databases(objects, namespace)
    unjudged = inventory.unjudged(objects, namespace)
    if unjudged and all(each.obstacle for each in databases):
        alike = {what: [name for name, its in unjudged.items() if its == what] for what in unjudged.values()}
        why = "; ".join(f"{', '.join(some)}: {what}" for what, some in alike.items())
        raise Misconfigured(f"{place}: nothing to drill: {why}")
    if not databases:
        seen = ", ".join(sorted(map(name_of, pods))) or "no pods"
        raise Misconfigured(f"{place}: no MySQL, MariaDB, PostgreSQL or Consul is detected among {seen}")
    stores = members_of_stores([each for each in databases if not each.obstacle], objects, pods)
    names = {each.database.pod for each in databases} | set(unjudged)
    others = tuple(pod for pod in pods if name_of(pod) not in names)
    missing = _missing(pods, inventory.secrets(objects), databases)
    passwords = {each.password for each in databases if isinstance(each.password, Reference)}
    public = {each.user for each in databases}
    secret = {
        name: tuple(
            key
            for key, variable in keys.items()
            if Reference(name, key) in passwords
            or (SECRET_NAME.search(variable) and Reference(name, key) not in public)
        )
        for name, keys in missing.items()
    }
    return DetectedApplication(
        place,
        namespace,
        stores,
        unjudged,
        others,
        {name: tuple(keys) for name, keys in missing.items()},
        secret,
        inventory.lacking_config_maps(pods, objects),
        databases,
    )


def lines(found: DetectedApplication) -> Iterator[str]:
    """What was detected, for people."""
    primaries = {each: members[0].database.pod for members in found.stores for each in members[1:]}
    for each in dict.fromkeys((*itertools.chain(*found.stores), *found.databases)):
        its, primary = each.database, primaries.get(each)
        replica = (
            f", a replica of {primary}" if primary and each.controller != f"{inventory.STATEFUL} {primary}" else ""
        )
        yield f"{its.kind} in {its.pod} ({each.controller}, container {its.container}{replica}): {its.why}"
        yield f"  login: {_login_shown(each, found.missing)}"
        yield f"  {each.copies}"
        yield from (f"  WARNING: {warning}" for warning in each.warnings)
    yield from (f"NOT JUDGED: {name}: {what}" for name, what in found.unjudged.items())
    for pod in found.others:
        claims = ", ".join(claims_of(pod))
        files = f"; its files in {claims} are not compared" if claims else ""
        yield f"no database: {name_of(pod)} ({inventory.controller(pod)}){files}"
    for secret, keys in found.missing.items():
        yield f"missing: the Secret {secret}, of which pods need {', '.join(keys)}"
    yield from inventory.lacking_lines(found.config_maps)


def document(found: DetectedApplication) -> Json:
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
                "needs_no_password": each.is_open,
                "product": each.database.product,
                "obstacle": each.obstacle,
                "warnings": list(each.warnings),
                "databases": list(each.databases),
                "copied": list(each.copied),
                "not_copied": list(each.uncopied),
                "hooks": list(each.hooks),
            }
            for each in found.databases
        ],
        "stores": [[each.database.pod for each in members] for members in found.stores],
        "not_judged": dict(found.unjudged),
        "others": list(map(name_of, found.others)),
        "lacking_secrets": {secret: list(keys) for secret, keys in found.missing.items()},
        "lacking_config_maps": {name: list(pods) for name, pods in found.config_maps.items()},
    }


def proposal(found: DetectedApplication, manifests: str, *, chart: bool, **lists: Sequence[str]) -> str:
    """The file, with the reason for each line. What the manifests do not show is left open, and must be completed."""
    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False, undefined=ChainableUndefined)  # noqa: S701 # TOML
    # A string of TOML has the form of a JSON string, and so has a list of strings.
    environment.filters["toml"] = partial(json.dumps, ensure_ascii=False)
    template = environment.from_string((fixtures() / "detect" / "application.toml.j2").read_text(encoding="utf-8"))
    return template.render(
        found=found,
        manifests=manifests,
        chart=chart,
        lists=lists,
        kinds=[members[0].database.kind for members in found.stores],
        unknown=UNKNOWN,
        users=USERS,
    )


def _login_shown(each: DetectedDatabase, missing: Mapping[str, tuple[str, ...]]) -> str:
    user = each.user if isinstance(each.user, str) else f"the user in the key {each.user.key} of {each.user.secret}"
    if isinstance(each.password, Reference) and not each.is_open:
        absent = ", which is not in the manifests" if each.password.secret in missing else ""
        return f"{user or 'a token'}, with the key {each.password.key} of the Secret {each.password.secret}{absent}"
    plain = f"a plain-text password ({each.password})" if each.password else "an unknown password"
    if each.is_open:
        plain = "no password"
    return f"{user or 'any user'}, with {plain}"


def _missing(
    pods: Iterable[Object], secrets: Mapping[str, Mapping[str, str]], databases: Iterable[DetectedDatabase]
) -> dict[str, dict[str, str]]:
    """By Secret that pods need and the manifests lack: its keys, as far as known, with a variable that takes each."""
    listed = tuple(pods)
    wanted: dict[str, dict[str, str]] = {name: {} for pod in listed for name in detection.needed(pod, "Secret")}
    for variable in (each for pod in listed for one in containers(pod) for each in items(one, "env")):
        ref = at(variable, "valueFrom", "secretKeyRef")
        if ref is not None and at(ref, "optional") is not True:
            wanted.setdefault(text(ref, "name"), {})[text(ref, "key")] = text(variable, "name")
    for volume in (each for pod in listed for each in items(pod, "spec", "volumes")):
        for each in items(volume, "secret", "items"):
            wanted.get(text(volume, "secret", "secretName"), {}).setdefault(text(each, "key"), text(each, "key"))
    for value in (each for one in databases for each in (one.password, one.user)):
        if isinstance(value, Reference):
            wanted.get(value.secret, {}).setdefault(value.key, value.key)
    return {name: keys for name, keys in wanted.items() if name not in secrets}


def _plain(value: str | Reference | None) -> Json:
    return {"secret": value.secret, "key": value.key} if isinstance(value, Reference) else value
