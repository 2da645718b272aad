"""What manifests show before anything is deployed: databases, their logins, and what a backup copies."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from harness.backups.backup_selection import volumes_to_copy
from harness.core.errors import Misconfigured
from harness.core.json import at, integer, items, mapping, text
from harness.core.kubernetes import Object, claims_of, containers, name_of
from harness.core.model import Json
from harness.workloads import detection, product
from harness.workloads.application import Secrets
from harness.workloads.detection import Database
from harness.workloads.manifests import velero_annotations
from harness.workloads.manifests.spec import Reference
from harness.workloads.manifests.variables import Variables
from harness.workloads.mariadb.adapter import MariaDB
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.postgres import adapter as postgres

STATEFUL = "StatefulSet"
"""The only kind whose pods keep their names, so that a member can be identified after a restore."""

_OLDEST = {"mysql": MySQL.oldest, "mariadb": MariaDB.oldest, "postgres": (postgres.OLDEST,)}
_ENTRYPOINT = "docker-entrypoint.sh"  # of official images
_GALERA = re.compile(r"galera|wsrep", re.IGNORECASE)
_HTTPS_ONLY = re.compile(r"http\W+-1\b")


@dataclass(frozen=True)
class DetectedDatabase:
    database: Database
    controller: str  # kind and name of what creates the pod
    user: str | Reference
    password: Reference | str | None  # the Secret's key; where it is in plain text; None if unknown
    is_open: bool  # it lets its administrator in without a password
    databases: tuple[str, ...]  # those created at the first start
    copied: tuple[str, ...]  # the volumes that Velero copies
    uncopied: tuple[str, ...]  # claims that it does not copy
    hooks: tuple[str, ...]  # the programs that Velero runs, with when and where
    obstacle: str  # why it cannot be drilled, and what to do; "" if it can
    warnings: tuple[str, ...]

    @property
    def copies(self) -> str:
        """What a backup copies of it, for people."""
        copied = f"Velero copies {', '.join(self.copied)}" if self.copied else "Velero copies NOTHING of it"
        uncopied = f", not {', '.join(self.uncopied)}" if self.uncopied else ""
        return f"{copied}{uncopied}; hooks: {'; '.join(self.hooks) or 'none'}"


def pods(objects: Iterable[Object], namespace: str) -> tuple[Object, ...]:
    """The pods that controllers will create from the objects; one `NAME-*` where the names are not predictable."""
    return tuple(pod for thing in objects for pod in _pods_of(thing, namespace))


def by_entrypoint(pods: Iterable[Object]) -> dict[str, str]:
    """By image: the first container that starts by the entrypoint of it, with its pod."""
    found: dict[str, str] = {}
    for pod in pods:
        for each in containers(pod):
            words = (*items(each, "command"), *items(each, "args"))
            if not items(each, "command") or any(_ENTRYPOINT in str(word) for word in words):
                name = f"the container {text(each, 'name')} of {name_of(pod)}"
                found.setdefault(detection.full_name(text(each, "image")), name)
    return found


def claims(objects: Iterable[Object], namespace: str) -> tuple[Object, ...]:
    """The claims among the objects, and those that StatefulSets will create of their templates."""
    found: list[Object] = []
    for thing in objects:
        if text(thing, "kind") == "PersistentVolumeClaim":
            found.append({**thing, "metadata": {**mapping(thing, "metadata"), "namespace": namespace}})
        for template in items(thing, "spec", "volumeClaimTemplates"):
            # Kubernetes adds the labels by which a StatefulSet knows its pods.
            labels = {**mapping(template, "metadata", "labels"), **mapping(thing, "spec", "selector", "matchLabels")}
            found += [
                {**mapping(template), "metadata": {"name": claim, "namespace": namespace, "labels": labels}}
                for pod in _pods_of(thing, namespace)
                for volume, claim in claims_of(pod).items()
                if volume == name_of(template)
            ]
    return tuple(found)


def controller(pod: Object) -> str:
    """The kind and name of what creates a pod."""
    return text(pod, "madeBy")


def databases(objects: Iterable[Object], namespace: str) -> tuple[DetectedDatabase, ...]:
    listed = tuple(objects)
    by_name = {name_of(pod): pod for pod in pods(listed, namespace)}
    known = secrets(listed)
    configs = {name_of(each): mapping(each, "data") for each in listed if text(each, "kind") == "ConfigMap"}
    return tuple(_described(each, by_name[each.pod], known, configs) for each in detection.detected(by_name.values()))


def unjudged(objects: Iterable[Object], namespace: str) -> dict[str, str]:
    """What is or may be a database that drillproof cannot drill, by its pod or as `Kind name`: what it is."""
    listed = tuple(objects)
    by_name = {name_of(pod): pod for pod in pods(listed, namespace)}
    found = {
        each.pod: f"{each.product} ({each.why}): it {why}"
        for each in detection.detected(by_name.values())
        if (why := obstacle(each, by_name[each.pod]))
    }
    for place, each in detection.suspects(by_name.values()):
        what = f"{'' if each.sure else 'perhaps '}{each.product} ({each.why})"
        todo = "write a [[store]] for it, if it is" if each.kind else "which drillproof cannot read"
        found.setdefault(place.rpartition("/")[2], f"{what}, {todo}")
    return found | {f"{text(each, 'kind')} {name_of(each)}": what for each in listed if (what := of_operator(each))}


def obstacle(database: Database, pod: Object) -> str:
    """Why a database cannot be drilled, and what to do; "" if nothing in its manifest shows that."""
    where = container(pod, database.container)
    image, oldest = text(where, "image"), _OLDEST.get(database.kind, ())
    shown = product.version(database.product, image)
    names = (image, *product.words(where), *(text(each, "name") for each in items(where, "env")))
    if database.kind == "mariadb" and _GALERA.search(" ".join(names)):
        return "is a member of a Galera cluster, which has no primary to drill; prove its backups, member by member"
    if shown and shown < oldest[: len(shown)]:
        old, least = (".".join(map(str, each)) for each in (shown, oldest))
        return f"is {database.product} {old} (image {image}), and the oldest supported version is {least}; upgrade it"
    if why := unstable(pod):
        return why
    if database.kind == "consul" and _HTTPS_ONLY.search(" ".join(product.words(where))):
        return "has no HTTP port, only HTTPS, which is not supported; open port 8500 on localhost"
    return ""


def unstable(pod: Object) -> str:
    """Why nobody could tell the pod after a restore, and what to do; "" for a pod of a StatefulSet."""
    made_by = controller(pod)
    if made_by.startswith(f"{STATEFUL} "):
        return ""
    if made_by.startswith("Pod "):
        return "is a Pod without a controller: nothing creates it again when it is lost; make it a StatefulSet"
    return (
        f"is created by a {made_by}, whose pods get new names, and only a StatefulSet's pods can be "
        "identified after a restore; make it a StatefulSet"
    )


def of_operator(thing: Object) -> str:
    """What a custom resource is, if it stands for objects that the manifests do not show; "" if it does not."""
    group, _, version = text(thing, "apiVersion").partition("/")
    kind, words = text(thing, "kind"), product.vocabulary()
    who = text(words, "operators", group) or group
    known = {
        what for what in ("databases", "rendered", "neither") if product.matches(f"{group}/{kind}", "resources", what)
    }
    if not version or "neither" in known or items(thing, "spec", "template", "spec", "containers"):
        return ""
    if "rendered" in known:
        return f"{kind} of {who}, whose objects are rendered elsewhere; render them, and detect the result"
    if "databases" in known:
        return (
            f"{kind} of {who}: an operator creates its pods, and the manifests do not show them; "
            "prove its backups with `drillproof prove`"
        )
    return ""


def of_unknown_operator(thing: Object) -> str:
    """What a custom resource of a kind that is not known may stand for."""
    group = text(thing, "apiVersion").partition("/")[0]
    if product.matches(f"{group}/{text(thing, 'kind')}", "resources", "neither"):
        return ""
    return "an operator may create pods of it, databases too, which the manifests do not show"


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


def lacking_config_maps(pods: Iterable[Object], objects: Iterable[Object]) -> dict[str, list[str]]:
    """By ConfigMap that is not among the objects: the pods that do not start without it."""
    known = {name_of(each) for each in objects if text(each, "kind") == "ConfigMap"} | {"kube-root-ca.crt"}
    lacking: dict[str, dict[str, None]] = {}
    for pod in pods:
        for name in detection.needed(pod, "ConfigMap"):
            if name not in known:
                lacking.setdefault(name, {})[name_of(pod)] = None
    return {name: list(each) for name, each in lacking.items()}


def lacking_lines(lacking: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The same for people: a Job or an operator may create one, so that it is no error."""
    for name, pods in lacking.items():
        yield f"missing: the ConfigMap {name}, which {', '.join(pods)} needs to start, unless something creates it"


def container(pod: Object, name: str) -> Json:
    """A container of a pod by its name, or the only one if the name is ""; None if there is none."""
    found = detection.servers(pod)
    if not name:
        return found[0] if len(found) == 1 else None
    return next((each for each in found if text(each, "name") == name), None)


def _pods_of(thing: Object, namespace: str) -> Iterator[Object]:
    """Those of everything with a template of pods, also of a ReplicationController, DeploymentConfig or Rollout."""
    kind, name = text(thing, "kind"), name_of(thing)
    template = mapping(thing, "spec", "template")
    if kind == "Pod":
        yield _pod(thing, name, namespace, f"{kind} {name}")
    elif kind == "CronJob":
        job = {"kind": "Job", "metadata": {"name": name}, "spec": at(thing, "spec", "jobTemplate", "spec")}
        yield from _pods_of(cast("Object", job), namespace)
    elif items(template, "spec", "containers"):
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


def _described(
    database: Database, pod: Object, known: Secrets, configs: Mapping[str, Mapping[str, Json]]
) -> DetectedDatabase:
    where = container(pod, database.container)
    variables = Variables(pod, where, database.product, known, configs)
    copied, login = volumes_to_copy(pod), variables.login()
    return DetectedDatabase(
        database,
        controller(pod),
        *login,
        login[1] is None and variables.is_open(),
        variables.database(),
        copied,
        tuple(name for name in claims_of(pod) if name not in copied),
        tuple(velero_annotations.hooks(pod)),
        obstacle(database, pod),
        tuple(_warnings(pod, where)),
    )


def _warnings(pod: Object, where: Json) -> Iterator[str]:
    """What loses a database's files with its pod."""
    ways = [path for each in mapping(product.vocabulary(), "products").values() for path in items(each, "paths")]
    mounts = [(f"{text(each, 'mountPath').rstrip('/')}/", text(each, "name")) for each in items(where, "volumeMounts")]
    held = {name for path, name in mounts if any(path.startswith(f"{way}/") for way in ways)}
    if volatile := [
        text(each, "name")
        for each in items(pod, "spec", "volumes")
        if text(each, "name") in held and at(each, "emptyDir") is not None
    ]:
        yield f"its files are on emptyDir ({', '.join(volatile)}), and are lost with its pod; use a claim"
    elif not items(where, "volumeMounts"):
        yield "it has no volume, so its files are lost with its container; use a claim"


def _decoded(thing: Object, key: str, value: Json) -> str:
    try:
        return base64.b64decode(str(value), validate=False).decode(errors="replace")
    except binascii.Error as error:
        raise Misconfigured(
            f"the Secret {name_of(thing)}: `data.{key}` is not base64; write plain text in `stringData`"
        ) from error
