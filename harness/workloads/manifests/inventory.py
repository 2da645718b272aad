"""What can be seen in manifests before anything is deployed: databases, how they are opened, what a backup takes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from harness.backups.velero import ANNOTATION, HOOKS
from harness.core.errors import Misconfigured
from harness.core.json import at, integer, items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json
from harness.workloads import detection
from harness.workloads.application import Secrets
from harness.workloads.detection import Database
from harness.workloads.manifests.spec import USERS, Reference

STATEFUL = "StatefulSet"
"""The one kind whose pods keep their names, so that a member can be found again after a restore."""

_TEMPLATED = (STATEFUL, "Deployment", "DaemonSet", "ReplicaSet", "Job")

_PASSWORDS = {
    "mysql": ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"),
    "postgres": ("POSTGRES_PASSWORD", "POSTGRESQL_POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
    "consul": ("CONSUL_HTTP_TOKEN",),
}
_USERS = {"mysql": (), "postgres": ("POSTGRES_USER", "POSTGRESQL_USERNAME"), "consul": ()}
_DATABASES = {"mysql": ("MYSQL_DATABASE", "MARIADB_DATABASE"), "postgres": ("POSTGRES_DB", "POSTGRESQL_DATABASE")}


@dataclass(frozen=True)
class Seen:
    """One database, as its pod's manifest shows it."""

    database: Database
    maker: str  # the kind and the name of what makes the pod
    user: str | Reference
    password: Reference | str | None  # the Secret's key; or the plain text's variable; or nothing was seen
    databases: tuple[str, ...]  # those that are made at the first start
    copied: tuple[str, ...]  # the volumes that Velero is told to copy
    uncopied: tuple[str, ...]  # claims of the pod that it is not told of
    hooks: tuple[str, ...]  # the commands that Velero runs, with when and where


def pods(objects: Iterable[Object], namespace: str) -> tuple[Object, ...]:
    """The pods that will be, as their controllers would make them; one `NAME-*` where names are not foreseeable."""
    return tuple(pod for thing in objects for pod in _made_by(thing, namespace))


def maker(pod: Object) -> str:
    """The kind and the name of what makes a pod."""
    return text(pod, "madeBy")


def databases(objects: Iterable[Object], namespace: str) -> tuple[Seen, ...]:
    """Every database that is recognised."""
    listed = tuple(objects)
    by_name = {name_of(pod): pod for pod in pods(listed, namespace)}
    return tuple(_seen(each, by_name[each.pod], secrets(listed)) for each in detection.recognised(by_name.values()))


def secrets(objects: Iterable[Object]) -> Secrets:
    """What the Secrets among the objects hold, as text. Misconfigured for one that is no base64."""
    return {
        name_of(thing): {
            **{key: _decoded(thing, key, value) for key, value in _map(thing, "data").items()},
            **{key: str(value) for key, value in _map(thing, "stringData").items()},
        }
        for thing in objects
        if text(thing, "kind") == "Secret"
    }


def claims(pod: Object) -> tuple[str, ...]:
    """The names, in the pod, of its volumes that are claims."""
    volumes = items(pod, "spec", "volumes")
    return tuple(text(volume, "name") for volume in volumes if at(volume, "persistentVolumeClaim"))


def copied(pod: Object) -> tuple[str, ...]:
    """The volumes that the pod's own annotation tells Velero to copy."""
    return tuple(filter(None, map(str.strip, text(pod, "metadata", "annotations", ANNOTATION).split(","))))


def container(pod: Object, name: str) -> Json:
    """A container of a pod by its name, or the only one if the name is ""; None if there is no such."""
    found = items(pod, "spec", "containers")
    if not name:
        return found[0] if len(found) == 1 else None
    return next((each for each in found if text(each, "name") == name), None)


def _made_by(thing: Object, namespace: str) -> Iterator[Object]:
    kind, name = text(thing, "kind"), name_of(thing)
    if kind == "Pod":
        yield _pod(thing, name, namespace, f"{kind} {name}")
    elif kind == "CronJob":
        yield from _made_by(
            {"kind": "Job", "metadata": {"name": name}, "spec": at(thing, "spec", "jobTemplate", "spec")}, namespace
        )
    elif kind in _TEMPLATED:
        template = cast("Object", at(thing, "spec", "template") or {})
        first = integer(thing, "spec", "ordinals", "start")
        replicas = at(thing, "spec", "replicas")
        count = replicas if isinstance(replicas, int) else 1
        names = [f"{name}-{first + n}" for n in range(count)] if kind == STATEFUL else [f"{name}-*"]
        templates = [name_of(each) for each in items(thing, "spec", "volumeClaimTemplates")]
        for each in names:
            claimed: list[Json] = [
                {"name": one, "persistentVolumeClaim": {"claimName": f"{one}-{each}"}} for one in templates
            ]
            yield _pod(template, each, namespace, f"{kind} {name}", claimed)


def _pod(thing: Object, name: str, namespace: str, made_by: str, claimed: Iterable[Json] = ()) -> Object:
    return {
        "metadata": {**_map(thing, "metadata"), "name": name, "namespace": namespace},
        "spec": {**_map(thing, "spec"), "volumes": (*items(thing, "spec", "volumes"), *claimed)},
        "madeBy": made_by,
    }


def _seen(database: Database, pod: Object, known: Secrets) -> Seen:
    where = container(pod, database.container)
    annotations = _map(pod, "metadata", "annotations")
    user = _variable(where, _USERS[database.kind], known)
    first = _variable(where, _DATABASES.get(database.kind, ()), known)
    password = _variable(where, _PASSWORDS[database.kind], known)
    return Seen(
        database,
        maker(pod),
        user[1] if user else USERS[database.kind],
        None if password is None else password[1] if isinstance(password[1], Reference) else password[0],
        (first[1],) if first and isinstance(first[1], str) else (),
        copied(pod),
        tuple(name for name in claims(pod) if name not in copied(pod)),
        tuple(_hooks(annotations, database.container)),
    )


def _hooks(annotations: Mapping[str, Json], own: str) -> Iterator[str]:
    for when, names in zip(("before", "after"), HOOKS, strict=True):
        for name in names:
            if name in annotations:
                where = annotations.get(name.removesuffix("command") + "container", own)
                yield f"{when} the copy, in {where}: {annotations[name]}"


def _variable(where: Json, names: Iterable[str], known: Secrets) -> tuple[str, str | Reference] | None:
    """The first of these variables that a container has: its name, and its value or the Secret's key that gives it."""
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


def _map(thing: Json, *path: str) -> Mapping[str, Json]:
    found = at(thing, *path)
    return found if isinstance(found, Mapping) else {}


def _decoded(thing: Object, key: str, value: Json) -> str:
    try:
        return base64.b64decode(str(value), validate=False).decode(errors="replace")
    except binascii.Error as error:
        name = name_of(thing)
        said = f"the Secret {name} holds no base64 under `data.{key}`; plain text is `stringData`"
        raise Misconfigured(said) from error
