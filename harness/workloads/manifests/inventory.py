"""What manifests show before anything is deployed: databases, their logins, and what a backup copies."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from harness.backups.velero import HOOKS, volumes_to_copy
from harness.core.errors import Misconfigured
from harness.core.json import at, integer, items, mapping, text
from harness.core.kubernetes import Object, claims_of, name_of
from harness.core.model import Json
from harness.workloads import detection
from harness.workloads.application import Secrets
from harness.workloads.detection import Database
from harness.workloads.manifests.spec import USERS, Reference

STATEFUL = "StatefulSet"
"""The only kind whose pods keep their names, so that a member can be identified after a restore."""

_WITH_TEMPLATE = (STATEFUL, "Deployment", "DaemonSet", "ReplicaSet", "Job")

_PASSWORDS = {
    "mysql": ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"),
    "postgres": ("POSTGRES_PASSWORD", "POSTGRESQL_POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
    "consul": ("CONSUL_HTTP_TOKEN",),
}
_USERS = {"mysql": (), "postgres": ("POSTGRES_USER", "POSTGRESQL_USERNAME"), "consul": ()}
_DATABASES = {"mysql": ("MYSQL_DATABASE", "MARIADB_DATABASE"), "postgres": ("POSTGRES_DB", "POSTGRESQL_DATABASE")}


@dataclass(frozen=True)
class DetectedDatabase:
    """One database, as its pod's manifest shows it."""

    database: Database
    controller: str  # kind and name of what creates the pod
    user: str | Reference
    password: Reference | str | None  # the Secret's key; the variable with a plain-text password; None if unknown
    databases: tuple[str, ...]  # those created at the first start
    copied: tuple[str, ...]  # the volumes that Velero copies
    uncopied: tuple[str, ...]  # claims that it does not copy
    hooks: tuple[str, ...]  # the commands that Velero runs, with when and where

    @property
    def copies(self) -> str:
        """What a backup copies of it, for people."""
        copied = f"Velero copies {', '.join(self.copied)}" if self.copied else "Velero copies NOTHING of it"
        uncopied = f", not {', '.join(self.uncopied)}" if self.uncopied else ""
        return f"{copied}{uncopied}; hooks: {'; '.join(self.hooks) or 'none'}"


def pods(objects: Iterable[Object], namespace: str) -> tuple[Object, ...]:
    """The pods that controllers will create from the objects; one `NAME-*` where the names are not predictable."""
    return tuple(pod for thing in objects for pod in _pods_of(thing, namespace))


def controller(pod: Object) -> str:
    """The kind and name of what creates a pod."""
    return text(pod, "madeBy")


def databases(objects: Iterable[Object], namespace: str) -> tuple[DetectedDatabase, ...]:
    """Every database that is detected."""
    listed = tuple(objects)
    by_name = {name_of(pod): pod for pod in pods(listed, namespace)}
    known = secrets(listed)
    return tuple(_described(each, by_name[each.pod], known) for each in detection.detected(by_name.values()))


def secrets(objects: Iterable[Object]) -> Secrets:
    """The content of the Secrets among the objects, as text. Misconfigured if one is not base64."""
    return {
        name_of(thing): {
            **{key: _decoded(thing, key, value) for key, value in mapping(thing, "data").items()},
            **{key: str(value) for key, value in mapping(thing, "stringData").items()},
        }
        for thing in objects
        if text(thing, "kind") == "Secret"
    }


def container(pod: Object, name: str) -> Json:
    """A container of a pod by its name, or the only one if the name is ""; None if there is none."""
    found = items(pod, "spec", "containers")
    if not name:
        return found[0] if len(found) == 1 else None
    return next((each for each in found if text(each, "name") == name), None)


def _pods_of(thing: Object, namespace: str) -> Iterator[Object]:
    kind, name = text(thing, "kind"), name_of(thing)
    if kind == "Pod":
        yield _pod(thing, name, namespace, f"{kind} {name}")
    elif kind == "CronJob":
        job = {"kind": "Job", "metadata": {"name": name}, "spec": at(thing, "spec", "jobTemplate", "spec")}
        yield from _pods_of(cast("Object", job), namespace)
    elif kind in _WITH_TEMPLATE:
        template = mapping(thing, "spec", "template")
        first = integer(thing, "spec", "ordinals", "start")
        replicas = at(thing, "spec", "replicas")
        count = replicas if isinstance(replicas, int) else 1
        names = [f"{name}-{first + n}" for n in range(count)] if kind == STATEFUL else [f"{name}-*"]
        templates = list(map(name_of, items(thing, "spec", "volumeClaimTemplates")))
        for each in names:
            claimed: list[Json] = [
                {"name": one, "persistentVolumeClaim": {"claimName": f"{one}-{each}"}} for one in templates
            ]
            yield _pod(template, each, namespace, f"{kind} {name}", claimed)


def _pod(thing: Object, name: str, namespace: str, made_by: str, claimed: Iterable[Json] = ()) -> Object:
    return {
        "metadata": {**mapping(thing, "metadata"), "name": name, "namespace": namespace},
        "spec": {**mapping(thing, "spec"), "volumes": (*items(thing, "spec", "volumes"), *claimed)},
        "madeBy": made_by,
    }


def _described(database: Database, pod: Object, known: Secrets) -> DetectedDatabase:
    where = container(pod, database.container)
    annotations = mapping(pod, "metadata", "annotations")
    user = _variable(where, _USERS[database.kind], known)
    first = _variable(where, _DATABASES.get(database.kind, ()), known)
    password = _variable(where, _PASSWORDS[database.kind], known)
    return DetectedDatabase(
        database,
        controller(pod),
        user[1] if user else USERS[database.kind],
        None if password is None else password[1] if isinstance(password[1], Reference) else password[0],
        (first[1],) if first and isinstance(first[1], str) else (),
        volumes_to_copy(pod),
        tuple(name for name in claims_of(pod) if name not in volumes_to_copy(pod)),
        tuple(_hooks(annotations, database.container)),
    )


def _hooks(annotations: Mapping[str, Json], own: str) -> Iterator[str]:
    for when, names in zip(("before", "after"), HOOKS, strict=True):
        for name in names:
            if name in annotations:
                where = annotations.get(name.removesuffix("command") + "container", own)
                yield f"{when} the copy, in {where}: {annotations[name]}"


def _variable(where: Json, names: Iterable[str], known: Secrets) -> tuple[str, str | Reference] | None:
    """The first of these variables that a container has: its name, and its value or the Secret's key with the value."""
    for name in names:
        for each in items(where, "env"):
            if text(each, "name") == name:
                ref = at(each, "valueFrom", "secretKeyRef")
                if ref is not None:
                    return name, Reference(text(ref, "name"), text(ref, "key"))
                if value := text(each, "value"):
                    return name, value
        for source in items(where, "envFrom"):
            prefix, secret = text(source, "prefix"), text(source, "secretRef", "name")
            key = name.removeprefix(prefix)
            if key in known.get(secret, {}):
                return name, Reference(secret, key)
    return None


def _decoded(thing: Object, key: str, value: Json) -> str:
    try:
        return base64.b64decode(str(value), validate=False).decode(errors="replace")
    except binascii.Error as error:
        raise Misconfigured(
            f"the Secret {name_of(thing)}: `data.{key}` is not base64; write plain text in `stringData`"
        ) from error
