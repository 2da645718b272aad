"""Holds what a file says against what its manifests bring, and makes an application of both that can be drilled.

All that can be known to be wrong is refused here, in one line and before a cluster is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json
from harness.workloads import detection, images
from harness.workloads.application import Application, Brought, Secrets
from harness.workloads.consul.external import GivenConsul
from harness.workloads.exclusions import LEFT_OUT
from harness.workloads.external import Given, GivenKind, Server
from harness.workloads.manifests import inventory, isolation, render, spec
from harness.workloads.manifests.spec import Description, Reference, Store
from harness.workloads.mysql.external import GivenMySQL
from harness.workloads.postgres.external import GivenPostgres

SHORTEST = 8
"""A shorter secret is found in words where it is none."""

_KINDS: Mapping[str, Given[GivenMySQL | GivenPostgres | GivenConsul]] = {
    "mysql": GivenMySQL,
    "postgres": GivenPostgres,
    "consul": GivenConsul,
}
_SECRET_NAME = re.compile(r"(?i)pass|token|secret|key|credential")
_WHY = "such a one cannot be kept out of the evidence"


@dataclass(frozen=True)
class Where:
    """The cluster that it is drilled on, as far as manifests have to fit it: one of ours if nothing else is said."""

    storage_class: str = "drill"  # every claim is given it
    namespace: str = ""  # the one that a cluster of others allows; "" on ours, which has but the application
    pulls: bool = False  # whether its nodes get images by themselves


OURS = Where()


def load(path: Path, where: Where = OURS) -> Application:
    """The application that a file describes. Misconfigured for what cannot be drilled as it stands there."""
    described = spec.read(path, where.namespace)
    objects, later = render.installed(rendered(described))
    secrets = inventory.secrets(objects)
    if where.namespace:
        isolation.stays(described.file, objects, secrets, described.namespace)
    pods = {name_of(pod): pod for pod in inventory.pods(objects, described.namespace)}
    _has_its_secrets(described, pods.values(), secrets)
    servers = tuple(_server(described, store, pods, secrets) for store in described.stores)
    _names_all(described, pods)
    passwords = {store.name: store.password for store in described.stores if store.password}
    words = _words(described, servers)
    for store, reference in passwords.items():
        held = _held(described, f"{store}: `password`", reference, secrets)
        if held is not None:
            _can_be_hidden(described, store, held, words)
    changes: list[str] = []
    things = tuple(cast("Object", _adapted(thing, text(thing, "kind"), where, changes)) for thing in objects)
    return Application(
        namespace=described.namespace,
        fixtures=described.file.parent,
        kinds=tuple(GivenKind(_KINDS[server.kind], server) for server in servers),
        left_out={
            **{server.name: LEFT_OUT[server.kind] for server in servers},
            "application": tuple(_not_compared(described, pods)),
        },
        brought=Brought(
            name=described.name,
            objects=things,
            strategy=described.strategy,
            objectives=described.objectives,
            secrets=secrets,
            generate=described.generate,
            passwords={store: (reference.secret, reference.key) for store, reference in passwords.items()},
            hidden=frozenset(each for each in _hidden(pods.values(), secrets) if each not in words),
            images=images.wanted(pods.values()),
            told=(*_told(described, servers, pods), *map(_later, later)),
            changed=tuple(dict.fromkeys(changes)),
        ),
    )


def rendered(described: Description) -> tuple[Object, ...]:
    """All objects that the file's manifests, or its chart, bring. Misconfigured."""
    if described.chart:
        return render.of_chart(described.chart, described.values, described.name, described.namespace)
    assert described.manifests is not None  # the file names one of both
    return render.of_path(described.manifests, described.namespace)


def _server(described: Description, store: Store, pods: Mapping[str, Object], secrets: Secrets) -> Server:
    where = f"{described.file}: {store.name}"
    for member in store.members:
        if member not in pods:
            raise Misconfigured(f"{where}: the manifests make no pod {member}; they make {', '.join(sorted(pods))}")
        if not inventory.maker(pods[member]).startswith(f"{inventory.STATEFUL} "):
            raise Misconfigured(
                f"{where}: {member} is made by a {inventory.maker(pods[member])}, "
                "whose pods have a new name each time; "
                "only a StatefulSet's are known again after a restore"
            )
    container, *_ = [_container(where, store, pods[member]) for member in store.members]
    user = store.user
    if isinstance(user, Reference):
        found = _held(described, f"{store.name}: `user_from`", user, secrets)
        if found is None:
            raise Misconfigured(f"{where}: `user_from`: a name cannot be generated; write it as `user`")
        user = found
    return Server(
        store.name, store.kind, store.members, container, store.port, user, store.databases, recover=store.recover
    )


def _container(where: str, store: Store, pod: Object) -> str:
    name = name_of(pod)
    found = inventory.container(pod, store.container)
    if found is None:
        known = [text(each, "name") for each in items(pod, "spec", "containers")]
        lacks = f"no container {store.container}; it has" if store.container else "more than one container, say which:"
        raise Misconfigured(f"{where}: the pod {name} has {lacks} {', '.join(known)}")
    seen = next((each for each in detection.recognised([pod]) if each.container == text(found, "name")), None)
    if seen and seen.kind != store.kind:
        raise Misconfigured(f"{where}: {name} is {seen.kind} and not {store.kind}: {seen.why}")
    if "mariadb" in text(found, "image"):
        raise Misconfigured(f"{where}: {name} is MariaDB, whose catalogs are others than MySQL's; it cannot be drilled")
    return text(found, "name")


def _has_its_secrets(described: Description, pods: Iterable[Object], secrets: Secrets) -> None:
    """Every Secret that a pod cannot start without is there, or is made; and none is both."""
    if both := sorted(set(described.generate) & set(secrets)):
        raise Misconfigured(
            f"{described.file}: the Secret {', '.join(both)} is in the manifests, and is to be generated; take one away"
        )
    there = {f"{described.namespace}/{name}" for name in (*secrets, *described.generate)}
    if missing := detection.missing_secrets(pods, there):
        lacking = ", ".join(each.removeprefix(f"{described.namespace}/") for each in missing)
        raise Misconfigured(
            f"{described.file}: the manifests lack Secrets without which pods cannot start: {lacking}; add them, or "
            "have them made anew with [[generate]]"
        )


def _held(described: Description, what: str, wanted: Reference, secrets: Secrets) -> str | None:
    """What a key of a Secret holds; None for one that will be made. Misconfigured if there is no such."""
    if wanted.key in described.generate.get(wanted.secret, ()):
        return None
    known = {**{name: tuple(values) for name, values in secrets.items()}, **described.generate}
    try:
        choose("Secret", wanted.secret, sorted(known))
        choose(f"key of the Secret {wanted.secret}", wanted.key, sorted(known[wanted.secret]))
    except Misconfigured as error:
        raise Misconfigured(f"{described.file}: {what}: {error}") from error
    return secrets[wanted.secret][wanted.key]


def _can_be_hidden(described: Description, store: str, password: str, words: str) -> None:
    """Misconfigured for a password that would be found where it is none, so that it cannot be kept out of evidence."""
    where = f"{described.file}: {store}: its password"
    if len(password) < SHORTEST:
        raise Misconfigured(f"{where} has fewer than {SHORTEST} characters; use a longer one, or [[generate]]: {_WHY}")
    if password in words:
        raise Misconfigured(f"{where} is a word of the file itself; use another, or [[generate]]: {_WHY}")


def _words(described: Description, servers: Sequence[Server]) -> str:
    """What the evidence is full of: a secret that is one of these words cannot be kept out of it."""
    of_servers = (word for each in servers for word in (each.name, each.user, *each.members, *each.databases))
    return " ".join((described.name, described.namespace, described.strategy, *spec.PORTS, *of_servers))


def _names_all(described: Description, pods: Mapping[str, Object]) -> None:
    """Every database that is seen is drilled, or left out knowingly: no green drill is silent on one."""
    named = {(member, store.kind) for store in described.stores for member in store.members}
    seen = (each for each in detection.recognised(pods.values()) if each.pod not in described.not_drilled)
    if odd := sorted(f"{each.pod} ({each.kind}: {each.why})" for each in seen if (each.pod, each.kind) not in named):
        found = ", ".join(odd)
        raise Misconfigured(
            f"{described.file}: the manifests run databases that no [[store]] names: {found}; "
            "name them, or list their pods under `not_drilled`"
        )
    if unknown := sorted(set(described.not_drilled) - set(pods)):
        raise Misconfigured(f"{described.file}: `not_drilled` names {', '.join(unknown)}, and no such pod is made")


def _not_compared(described: Description, pods: Mapping[str, Object]) -> Iterator[tuple[str, str]]:
    """What of the application is in no digest, and why."""
    members = {member for store in described.stores for member in store.members}
    for name, pod in pods.items():
        if name in described.not_drilled:
            yield f"the data of {name}", "left out by `not_drilled` in the application's file"
        elif name not in members:
            for claim in inventory.claims(pod):
                yield (
                    f"the files of {name} in {claim}",
                    "no database was recognised in it; that the volume came back is compared",
                )


def _told(described: Description, servers: Sequence[Server], pods: Mapping[str, Object]) -> Iterator[str]:
    yield f"the application {described.name}, by {described.file}: strategy {described.strategy}"
    for server in servers:
        copies = ", ".join(sorted({volume for member in server.members for volume in inventory.copied(pods[member])}))
        alone = "" if len(server.members) > 1 else "; it has one member, so nothing of replication is proved"
        yield (
            f"{server.name}: {server.kind} in {', '.join(server.members)}, databases "
            f"{', '.join(server.databases) or 'all keys'}; Velero copies {copies or 'NOTHING of it'}{alone}"
        )
    yield from (f"not compared: {what}: {why}" for what, why in _not_compared(described, pods))


def _later(thing: Object) -> str:
    moments = text(thing, "metadata", "annotations", render.HOOK)
    return f"not deployed: {text(thing, 'kind')} {text(thing, 'metadata', 'name')}, which Helm makes at {moments}"


def _adapted(thing: Json, kind: str, where: Where, changes: list[str]) -> Json:
    """An object as the cluster can run it; each change is noted, in words."""
    if isinstance(thing, list | tuple):
        return [_adapted(each, kind, where, changes) for each in thing]
    if not isinstance(thing, Mapping):
        return thing
    if kind in {"ConfigMap", "Secret"}:
        return thing
    result = {key: _adapted(value, kind, where, changes) for key, value in thing.items()}
    if "accessModes" in result and "resources" in result and result.get("storageClassName") != where.storage_class:
        changes.append(f"storage class {result.get('storageClassName', 'not named')} became {where.storage_class}")
        result["storageClassName"] = where.storage_class
    if not where.pulls and "image" in result and "name" in result and _is_pulled(result):
        changes.append(f"the pull policy of {result['image']} became IfNotPresent: behind the fence nothing is pulled")
        result["imagePullPolicy"] = "IfNotPresent"
    return result


def _is_pulled(container: Mapping[str, Json]) -> bool:
    """Whether Kubernetes would ask a registry even for an image that is there; of `latest` that is the default."""
    policy = container.get("imagePullPolicy")
    return policy == "Always" or (policy is None and images.full_name(str(container["image"])).endswith(":latest"))


def _hidden(pods: Iterable[Object], secrets: Secrets) -> Iterator[str]:
    """All that Secrets hold, and the values of containers' own variables that by their names are secrets."""
    held = [value for values in secrets.values() for value in values.values()]
    held += [
        text(variable, "value")
        for pod in pods
        for part in ("initContainers", "containers")
        for container in items(pod, "spec", part)
        for variable in items(container, "env")
        if _SECRET_NAME.search(text(variable, "name"))
    ]
    yield from (value for value in held if len(value) >= SHORTEST)
