"""The rights that a drill needs on a cluster of others, one by one; clusters/existing/rbac.yaml grants just these."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import at, items, text
from harness.core.kubernetes import LABEL, RunsKubectl, documents
from harness.core.model import Json
from harness.core.wait import NotYet, until

RBAC = "rbac.authorization.k8s.io"

ENTERED_S = 30.0
"""Rights that were just given are there within a moment; where several API servers run, within some seconds."""


@dataclass(frozen=True)
class Right:
    """One verb on one kind of object."""

    verb: str
    resource: str  # with its subresource: pods/exec
    group: str = ""
    name: str = ""  # of the only object that is meant; "" for all
    namespace: str = ""  # "" for the whole cluster

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        which = f" {self.name}" if self.name else ""
        where = f"in {self.namespace}" if self.namespace else "in the cluster"
        return f"{self.verb} {kind}{which} {where}"


@dataclass(frozen=True)
class Inside:
    """A namespace that is yet to be made: no right in it can be given beforehand.

    So who makes it binds the ClusterRole `role` to himself there, unless he has these rights everywhere.
    """

    namespace: str
    role: str
    rights: tuple[Right, ...]

    def missing(self, kubectl: RunsKubectl) -> tuple[tuple[Right, ...], bool]:
        """What we lack to get in, and whether the role has to be bound to us first."""
        wanted = missing(kubectl, self.rights)
        if not wanted:
            return (), False
        without = missing(kubectl, to_enter(self.namespace, self.role))
        with contextlib.suppress(ToolFailed):  # the right to read it is among those that are missing, then
            role = kubectl("get", "clusterrole", self.role, "--ignore-not-found", "-o", "json")
            without += lacking(items(json.loads(role or "{}"), "rules"), wanted)
        return without, True

    def binding(self, user: str, run: str) -> Json:
        """What lets a user in."""
        return {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "drillproof", "namespace": self.namespace, "labels": {LABEL: run}},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": self.role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
        }

    def enter(self, kubectl: RunsKubectl, run: str, user: str = "") -> None:
        """Bind the role to `user` if one is named, and return once all rights are there. TimedOut."""
        if user:
            kubectl("create", "-f", "-", stdin=json.dumps(self.binding(user, run)))

        def entered() -> None:
            if without := missing(kubectl, self.rights):
                raise NotYet(f"missing: {named(without)}")

        until(entered, waited_for=f"the rights inside {self.namespace}", within_s=ENTERED_S)


def outside(namespace: str, velero: str) -> tuple[Right, ...]:
    """What is needed beside the drill's own namespace: its making, and the Velero that is there."""
    records = ("podvolumebackups", "podvolumerestores")
    return (
        Right("create", "namespaces"),
        *(Right(verb, "namespaces", name=namespace) for verb in ("get", "list", "watch", "patch", "delete")),
        # That lost claims and volumes are gone is seen by their UIDs, where no namespace is left to look into.
        Right("list", "persistentvolumes"),
        Right("list", "persistentvolumeclaims"),
        Right("get", "storageclasses", "storage.k8s.io"),
        Right("get", "deployments", "apps", "velero", velero),
        Right("get", "daemonsets", "apps", "node-agent", velero),
        Right("list", "secrets", "", "velero-repo-credentials", velero),
        Right("get", "backupstoragelocations", "velero.io", namespace=velero),
        *(
            Right(verb, kind, "velero.io", namespace=velero)
            for kind in ("backups", "restores", "deletebackuprequests")
            for verb in ("create", "list")
        ),
        *(Right("list", kind, "velero.io", namespace=velero) for kind in records),
    )


def inside(namespace: str) -> tuple[Right, ...]:
    """What is needed in the drill's own namespace: to read all of it, and to make and break what is in it."""
    made = {
        "configmaps": ("create", "patch", "delete"),
        "secrets": ("create", "patch", "delete"),
        "services": ("create", "patch"),
        "persistentvolumeclaims": ("delete",),
        "pods": ("create", "patch", "delete"),
        "pods/exec": ("create",),
        "pods/portforward": ("create",),
    }
    sets = {"statefulsets": ("create", "patch", "delete"), "statefulsets/scale": ("patch",)}
    return (
        *(Right(verb, "*", "*", namespace=namespace) for verb in ("get", "list", "watch")),
        *(Right(verb, kind, namespace=namespace) for kind, verbs in made.items() for verb in verbs),
        *(Right(verb, kind, "apps", namespace=namespace) for kind, verbs in sets.items() for verb in verbs),
    )


def to_enter(namespace: str, role: str) -> tuple[Right, ...]:
    """What is needed to have the rights inside given by a ClusterRole, where they are not had everywhere."""
    return (
        Right("create", "rolebindings", RBAC, namespace=namespace),
        Right("get", "clusterroles", RBAC, role),
        Right("bind", "clusterroles", RBAC, role),
    )


def serves(kubectl: RunsKubectl, api: str) -> bool:
    """Whether the cluster knows objects of this group and version: no right to any can be given where it does not."""
    return api in kubectl("api-versions").split()


def whoami(kubectl: RunsKubectl, within_s: float = 60) -> str:
    """As whom the cluster knows us. ToolFailed, TimedOut."""
    known = json.loads(kubectl("auth", "whoami", "-o", "json", within_s=within_s))
    return text(known, "status", "userInfo", "username")


def missing(kubectl: RunsKubectl, rights: Sequence[Right], user: str = "") -> tuple[Right, ...]:
    """Those of them that the cluster says we, or a `user`, do not have."""
    if not rights:
        return ()
    reviews: list[Json] = [_review(right, user) for right in rights]
    wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    answers = documents(kubectl("create", "--validate=false", "-f", "-", "-o", "json", stdin=wanted))
    if len(answers) != len(rights):
        raise HarnessError(f"{len(rights)} rights were asked for, and {len(answers)} answers came")
    pairs = zip(rights, answers, strict=True)
    return tuple(right for right, answer in pairs if at(answer, "status", "allowed") is not True)


def lacking(rules: Iterable[Json], rights: Iterable[Right]) -> tuple[Right, ...]:
    """Those of the rights that none of a ClusterRole's rules grants."""
    known = tuple(rules)
    return tuple(right for right in rights if not any(_grants(rule, right) for rule in known))


def named(rights: Iterable[Right]) -> str:
    """All of them on one line: verbs on the same object together."""
    together: dict[Right, list[str]] = {}
    for right in rights:
        together.setdefault(replace(right, verb=""), []).append(right.verb)
    return "; ".join(str(replace(right, verb=", ".join(verbs))) for right, verbs in together.items())


def _review(right: Right, user: str) -> Json:
    resource, _, subresource = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "name": right.name,
        "namespace": right.namespace,
    }
    attributes = {key: value for key, value in asked.items() if value}
    kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
    of = {"user": user} if user else {}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": {"resourceAttributes": attributes, **of}}


def _grants(rule: Json, right: Right) -> bool:
    def has(key: str, word: str) -> bool:
        return bool({word, "*"} & set(map(str, items(rule, key))))

    of_it = not items(rule, "resourceNames") or right.name in items(rule, "resourceNames")
    return of_it and has("verbs", right.verb) and has("apiGroups", right.group) and has("resources", right.resource)
