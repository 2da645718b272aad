"""Combines an application file with its manifests into an application that can be drilled.

Every error that can be detected is reported here, in one line and before a cluster is created.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.backups.backup_definition import Definition
from harness.backups.backup_selection import Selection, volumes_to_copy
from harness.backups.velero_backup import SECRET_NAME, SHORTEST_SECRET
from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import Object, claims_of, containers, name_of, namespace_of
from harness.core.model import Json
from harness.core.objects import made
from harness.workloads import detection
from harness.workloads.application import Application, ManifestApplication, Secrets
from harness.workloads.consul.adapter import ExternalConsul
from harness.workloads.detection import Database
from harness.workloads.exclusions import EXCLUSIONS
from harness.workloads.external import ExternalKind, Server
from harness.workloads.manifests import inventory, isolation, render, spec, validation, velero_annotations
from harness.workloads.manifests.contents import contents
from harness.workloads.manifests.spec import Description, Reference, Store
from harness.workloads.mariadb.adapter import ExternalMariaDB
from harness.workloads.mysql.adapter import ExternalMySQL
from harness.workloads.postgres.adapter import ExternalPostgres

_KINDS: Mapping[str, type[ExternalMySQL | ExternalPostgres | ExternalConsul]] = {
    "mysql": ExternalMySQL,
    "mariadb": ExternalMariaDB,
    "postgres": ExternalPostgres,
    "consul": ExternalConsul,
}

_ASSIGNED = re.compile(r"(?P<name>\w+)=(?P<value>[^\s\"'\\]+)")
"""An assignment in a command: `PGPASSWORD=... pg_dump`."""


@dataclass(frozen=True)
class TargetCluster:
    """The cluster of the drill, as far as manifests must fit it. The default is a cluster that drillproof creates."""

    storage_class: str = "drill"  # for every claim
    namespace: str = ""  # the only one allowed on a shared cluster; "" on drillproof's own
    pulls: bool = False  # whether its nodes can pull images
    definition: Definition | None = None  # of the backup, as the user has it

    @property
    def keeps_classes(self) -> bool:
        """Whether claims keep the StorageClass that they name, which is created: a policy decides by it."""
        return not self.namespace and self.definition is not None and self.definition.decides_by_class

    def copied(self, objects: Iterable[Object], namespace: str, pods: Iterable[Object]) -> tuple[str, ...]:
        """The volumes of these pods that Velero copies."""
        claims = inventory.claims(objects, namespace)
        selection = self.definition.selection(claims) if self.definition else Selection({})
        included = (pod for pod in pods if not selection.why_no_pod(pod))
        return tuple(sorted({each.volume for pod in included for each in selection.choices(pod) if each.copied}))


OWN_CLUSTER = TargetCluster()


def load(path: Path, where: TargetCluster = OWN_CLUSTER) -> Application:
    """The application that a file describes. Misconfigured if it cannot be drilled like that."""
    described = spec.read(path, where.namespace)
    first = render.read_first(described.install_first)
    manifests = rendered(described, None if where.namespace else validation.defined_kinds(first))
    objects = manifests.objects
    secrets = inventory.secrets(objects)
    if where.namespace:
        isolation.require_isolation(described.file, objects, secrets, described.namespace)
    pods = {name_of(pod): pod for pod in inventory.pods(objects, described.namespace)}
    _require_secrets(described, pods.values(), secrets)
    servers = tuple(_server(described, store, pods, secrets) for store in described.stores)
    _require_all_named(described, pods, inventory.unjudged(objects, described.namespace))
    hidden = _hidden(described, servers, pods.values(), secrets)
    changes: list[str] = []
    lines = (f"{what}: {why}" for what, why in _prerequisites(first))
    things, before = (
        tuple(cast("Object", _adapted(thing, text(thing, "kind"), where, changes)) for thing in some)
        for some in (objects, first)
    )
    return Application(
        namespace=described.namespace,
        fixtures=described.file.parent,
        kinds=tuple(ExternalKind(_KINDS[server.kind], server) for server in servers),
        exclusions={
            **{server.name: EXCLUSIONS[server.kind] for server in servers},
            "application": (*_not_compared(described, pods), *_prerequisites(first)),
        },
        by_manifests=ManifestApplication(
            name=described.name,
            objects=things,
            strategy=described.strategy,
            objectives=described.objectives,
            secrets=secrets,
            generate=described.generate,
            given=described.given,
            passwords={store.server.name: store.password for store in described.stores if store.password},
            hidden=hidden,
            first=(*before, *(_storage_classes(things) if where.keeps_classes else ())),
            file=described.file,
            contents=contents((*before, *things), servers, hidden),
            images=_images((*pods.values(), *inventory.pods(first, "")), described.namespace),
            by_entrypoint=inventory.by_entrypoint((*pods.values(), *inventory.pods(first, ""))),
            uncopied=_uncopied(servers, pods),
            summary=(*_summary(described, servers, pods, manifests, where), *lines),
            changes=tuple(dict.fromkeys(changes)),
            not_drilled=described.not_drilled,
        ),
        original=described.original,
    )


def rendered(described: Description, added: frozenset[tuple[str, str]] | None) -> render.Manifests:
    """Its manifests; for `added` see `validation.problems`. Misconfigured."""
    return render.read(
        described.manifests,
        described.namespace,
        chart=described.is_chart,
        release=described.name,
        values=described.values,
        leave_out=described.leave_out,
        added=added,
    )


def _server(described: Description, store: Store, pods: Mapping[str, Object], secrets: Secrets) -> Server:
    named, where = store.server, f"{described.file}: {store.server.name}"
    for member in named.members:
        if member not in pods:
            raise Misconfigured(f"{where}: the manifests have no pod {member}; they have {', '.join(sorted(pods))}")
        if why := inventory.unstable(pods[member]):
            raise Misconfigured(f"{where}: {member} {why}")
    container, *_ = [_container(where, named, pods[member]) for member in named.members]
    user = _value(described, f"{named.name}: `user_from`", store.user, secrets) if store.user else named.user
    if user is None:
        raise Misconfigured(f"{where}: `user_from`: a user name cannot be generated; write it as `user`")
    return replace(named, container=container, user=user)


def _container(where: str, store: Server, pod: Object) -> str:
    name = name_of(pod)
    found = inventory.container(pod, store.container)
    if found is None:
        known = [text(each, "name") for each in items(pod, "spec", "containers")]
        problem = f"no container {store.container}" if store.container else "several containers; set `container`"
        raise Misconfigured(f"{where}: the pod {name} has {problem}; it has {', '.join(known)}")
    seen = next((each for each in detection.detected([pod]) if each.container == text(found, "name")), None)
    if seen and seen.kind != store.kind:
        raise Misconfigured(f"{where}: {name} is {seen.kind}, not {store.kind}: {seen.why}")
    of = seen or Database(store.kind, "", name, text(found, "name"), "")
    if why := inventory.obstacle(of, pod):
        raise Misconfigured(f"{where}: {name} {why}")
    return text(found, "name")


def _require_secrets(described: Description, pods: Iterable[Object], secrets: Secrets) -> None:
    """Misconfigured unless every Secret that a pod needs to start is either in the manifests or generated."""
    if both := sorted(set(described.generate) & set(secrets)):
        raise Misconfigured(
            f"{described.file}: the Secret {', '.join(both)} is in the manifests and in [[generate]]; remove one"
        )
    known = {f"{described.namespace}/{name}" for name in (*secrets, *described.generate)}
    if missing := detection.missing_secrets(pods, known):
        lacking = ", ".join(each.removeprefix(f"{described.namespace}/") for each in missing)
        raise Misconfigured(
            f"{described.file}: the manifests have no Secret {lacking}, which pods need to start; add it, or let "
            "drillproof generate it with [[generate]]"
        )


def _value(described: Description, what: str, wanted: Reference, secrets: Secrets) -> str | None:
    """The value of a Secret's key; None if it is generated. Misconfigured if there is none."""
    if wanted.key in described.generate.get(wanted.secret, ()):
        return None
    if given := described.given.get(wanted.secret, {}).get(wanted.key):
        return given
    known = {**{name: tuple(values) for name, values in secrets.items()}, **described.generate}
    try:
        choose("Secret", wanted.secret, sorted(known))
        choose(f"key of the Secret {wanted.secret}", wanted.key, sorted(known[wanted.secret]))
    except Misconfigured as error:
        raise Misconfigured(f"{described.file}: {what}: {error}") from error
    return secrets[wanted.secret][wanted.key]


def _require_all_named(described: Description, pods: Mapping[str, Object], unjudged: Mapping[str, str]) -> None:
    """Misconfigured unless everything that is, or may be, a database is drilled or excluded on purpose."""
    named = {(member, store.server.kind) for store in described.stores for member in store.server.members}
    seen = (each for each in detection.detected(pods.values()) if each.pod not in described.not_drilled)
    if odd := sorted(f"{each.pod} ({each.kind}: {each.why})" for each in seen if (each.pod, each.kind) not in named):
        found = ", ".join(odd)
        raise Misconfigured(
            f"{described.file}: no [[store]] names these databases of the manifests: {found}; "
            "add them, or list their pods in `not_drilled`"
        )
    drilled = {member for member, _ in named}
    if silent := [
        f"{name}: {what}" for name, what in unjudged.items() if name not in {*drilled, *described.not_drilled}
    ]:
        raise Misconfigured(
            f"{described.file}: the drill would not judge {'; '.join(silent)}; to ignore it on purpose, list "
            f"{', '.join(name for name in unjudged if name not in drilled)} in `not_drilled`"
        )
    if unknown := sorted(set(described.not_drilled) - {*pods, *unjudged}):
        raise Misconfigured(f"{described.file}: `not_drilled`: the manifests have no pod {', '.join(unknown)}")


def _not_compared(described: Description, pods: Mapping[str, Object]) -> Iterator[tuple[str, str]]:
    members = {member for store in described.stores for member in store.server.members}
    for name in set(described.not_drilled) - set(pods):
        yield name, "excluded by `not_drilled` in the application file"
    for name, pod in pods.items():
        if name in described.not_drilled:
            yield f"the data of {name}", "excluded by `not_drilled` in the application file"
        elif name not in members:
            for claim in claims_of(pod):
                yield (
                    f"the files of {name} in {claim}",
                    "no database was detected in it; that the volume came back is compared",
                )


def _images(pods: Sequence[Object], namespace: str) -> dict[str, str]:
    added = {velero_annotations.init_image(pod): f"{namespace}/{name_of(pod)}" for pod in pods}
    return {**detection.images_of(pods), **{detection.full_name(image): pod for image, pod in added.items() if image}}


def _uncopied(servers: Sequence[Server], pods: Mapping[str, Object]) -> dict[str, str]:
    return {
        server.name: ", ".join(
            f"{member} ({' '.join(claims_of(pods[member])) or 'no claim'})" for member in server.members
        )
        for server in servers
        if not any(volumes_to_copy(pods[member]) for member in server.members)
    }


def _summary(
    described: Description,
    servers: Sequence[Server],
    pods: Mapping[str, Object],
    manifests: render.Manifests,
    where: TargetCluster,
) -> Iterator[str]:
    yield f"application {described.name} of {described.file}: strategy {described.strategy}"
    for server in servers:
        members = [pods[member] for member in server.members]
        copies = ", ".join(where.copied(manifests.objects, described.namespace, members))
        alone = "" if len(server.members) > 1 else "; it has one member, so the drill proves nothing about replication"
        yield (
            f"{server.name}: {server.kind} in {', '.join(server.members)}, databases "
            f"{', '.join(server.databases) or 'all keys'}; Velero copies {copies or 'NOTHING of it'}{alone}"
        )
    for pod in pods.values():
        yield from (f"hook of {name_of(pod)}: {hook}" for hook in velero_annotations.hooks(pod))
    yield from inventory.lacking_lines(inventory.lacking_config_maps(pods.values(), manifests.objects))
    yield from (f"left out: {each}" for each in manifests.left_out)
    yield from (f"not compared: {what}: {why}" for what, why in _not_compared(described, pods))
    for thing in manifests.later:
        events = text(thing, "metadata", "annotations", render.HOOK)
        yield f"not deployed: {text(thing, 'kind')} {name_of(thing)}, which Helm creates at {events}"


def _prerequisites(first: Iterable[Object]) -> Iterator[tuple[str, str]]:
    """What `install_first` installs, by namespace."""
    kinds = Counter((namespace_of(thing) or "the cluster", text(thing, "kind")) for thing in first)
    for place in sorted({place for place, _ in kinds}):
        listed = ", ".join(f"{number} {kind}" for (where, kind), number in sorted(kinds.items()) if where == place)
        yield f"installed first in {place}", f"neither backed up nor restored by the drill: {listed}"


def _storage_classes(objects: Iterable[Object]) -> Iterator[Object]:
    """A StorageClass of each name that claims have, so that a policy may decide by it."""
    named = {text(claim, "spec", "storageClassName") for claim in inventory.claims(objects, "")}
    for name in sorted(named - {"", OWN_CLUSTER.storage_class}):
        yield made("storage-class", name=name)


def _adapted(thing: Json, kind: str, where: TargetCluster, changes: list[str]) -> Json:
    """An object as the cluster can run it. Appends a line to `changes` for each change."""
    if isinstance(thing, list | tuple):
        return [_adapted(each, kind, where, changes) for each in thing]
    if not isinstance(thing, Mapping):
        return thing
    if kind in {"ConfigMap", "Secret", "CustomResourceDefinition"}:  # a definition only describes such fields
        return thing
    result = {key: _adapted(value, kind, where, changes) for key, value in thing.items()}
    named = result.get("storageClassName")
    if "accessModes" in result and "resources" in result and named != where.storage_class:
        if where.keeps_classes and named:
            return result
        changes.append(f"storage class {result.get('storageClassName', 'not named')} became {where.storage_class}")
        result["storageClassName"] = where.storage_class
    if not where.pulls and "image" in result and "name" in result and _is_pulled(result):
        changes.append(f"the pull policy of {result['image']} became IfNotPresent: the isolated network allows no pull")
        result["imagePullPolicy"] = "IfNotPresent"
    return result


def _is_pulled(container: Mapping[str, Json]) -> bool:
    """Whether Kubernetes would pull even an existing image, which is the default for the tag `latest`."""
    policy = container.get("imagePullPolicy")
    return policy == "Always" or (policy is None and detection.full_name(str(container["image"])).endswith(":latest"))


def assigned_secrets(thing: Object) -> Iterator[str]:
    """The values of variables with names of secrets that commands of an object assign."""
    for match in _ASSIGNED.finditer(json.dumps(thing)):
        if SECRET_NAME.search(match["name"]) and len(match["value"]) >= SHORTEST_SECRET:
            yield match["value"]


def _hidden(
    described: Description, servers: Sequence[Server], pods: Iterable[Object], secrets: Secrets
) -> frozenset[str]:
    """All values of Secrets, and those of containers' variables with names of secrets, to remove from the evidence.

    Misconfigured for the password of a store that cannot be removed: it also occurs in ordinary text.
    """
    of_servers = (word for each in servers for word in (each.name, each.user, *each.members, *each.databases))
    # The evidence must contain these words.
    words = " ".join((described.name, described.namespace, described.strategy, *detection.PORTS, *of_servers))
    for store in described.stores:
        where = f"{store.server.name}: `password`"
        value = _value(described, where, store.password, secrets) if store.password else None
        problem = ""
        if value is not None and len(value) < SHORTEST_SECRET:
            problem = f"has fewer than {SHORTEST_SECRET} characters; use a longer one"
        elif value is not None and value in words:
            problem = "is part of a name in the file, which reports show; use another one"
        if problem:
            raise Misconfigured(
                f"{described.file}: {store.server.name}: its password {problem}, or [[generate]]: "
                "such a password cannot be removed from the evidence"
            )
    found = [value for values in secrets.values() for value in values.values()]
    found += [value for pod in pods for value in assigned_secrets(pod)]
    found += [
        text(variable, "value")
        for pod in pods
        for container in containers(pod)
        for variable in items(container, "env")
        if SECRET_NAME.search(text(variable, "name"))
    ]
    return frozenset(value for value in found if len(value) >= SHORTEST_SECRET and value not in words)
