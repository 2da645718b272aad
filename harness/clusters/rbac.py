"""Permissions on a cluster: those that each workflow needs (clusters/permissions.toml), those that lack, and roles."""

import contextlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.clusters.permissions_file import ProofPolicy
from harness.core import resources
from harness.core.errors import HarnessError, Misconfigured, ToolFailed
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, documents
from harness.core.model import Json
from harness.core.objects import made, together
from harness.core.wait import NotYet, until

RBAC = "rbac.authorization.k8s.io"

PROOF_ROLE = "drillproof-prove-inside"
PROOF_VELERO_ROLE = "drillproof-prove-velero-inside"
"""ClusterRoles that a proof binds to itself, and to its Velero, in each namespace that it creates."""

PROOF_ACCOUNT = "velero"
"""The ServiceAccount of the proof's own Velero."""

MIGRATION_ROLE = "drillproof-migrate"
"""The ClusterRole for the namespace: bound by the administrator at the source, and by drillproof at the target."""

BOUND_S = 30.0
"""New permissions hold within a moment; with several API servers, within some seconds."""


@dataclass(frozen=True)
class Permission:
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


def permissions(
    verbs: str, resources: str, group: str = "", name: str = "", namespace: str = ""
) -> Iterator[Permission]:
    """Each of the `verbs` on each of the `resources`; both are separated by spaces."""
    for resource in resources.split():
        for verb in verbs.split():
            yield Permission(verb, resource, group, name, namespace)


@dataclass(frozen=True)
class NamespaceRole:
    """The permissions in a namespace that does not exist yet; a ClusterRole has them.

    Nobody can grant permissions in such a namespace. So its creator binds the ClusterRole to itself there, unless it
    has the permissions everywhere.
    """

    namespace: str
    role: str
    permissions: tuple[Permission, ...]

    @property
    def to_bind(self) -> tuple[Permission, ...]:
        return (
            Permission("create", "rolebindings", RBAC, namespace=self.namespace),
            *permissions("get bind", "clusterroles", RBAC, self.role),
        )

    def missing(self, kubectl: RunsKubectl) -> tuple[tuple[Permission, ...], bool]:
        """The permissions that are missing even so, and whether the role must be bound first."""
        wanted = missing(kubectl, self.permissions)
        if not wanted:
            return (), False
        without = missing(kubectl, self.to_bind)
        with contextlib.suppress(ToolFailed):  # then the permission to read it is among the missing ones
            role = kubectl("get", "clusterrole", self.role, "--ignore-not-found", "-o", "json")
            without += not_granted(items(json.loads(role or "{}"), "rules"), wanted)
        return without, True

    def binding(self, user: str, run: str) -> Object:
        return made("role-binding", namespace=self.namespace, role=self.role, user=user, run=run)

    def bind(self, kubectl: RunsKubectl, run: str, user: str = "") -> None:
        """Bind the role to `user`, if there is one, and return as soon as all permissions hold. TimedOut."""
        if user:
            kubectl("create", "-f", "-", stdin=json.dumps(self.binding(user, run)))

        def bound() -> None:
            if without := missing(kubectl, self.permissions):
                raise NotYet(f"missing: {describe(without)}")

        until(bound, waited_for=f"the permissions in {self.namespace}", within_s=BOUND_S)


def listed(table: str, **words: str | Sequence[str]) -> tuple[Permission, ...]:
    """The permissions of a table, with `words` in the place of `{...}`; a list stands for one rule for each name."""
    names = {f"{{{word}}}": (name,) if isinstance(name, str) else tuple(name) for word, name in words.items()}

    def filled(word: str) -> Sequence[str]:
        return names[word] if word.startswith("{") else word.split() or ("",)

    tables = tomllib.loads((resources.clusters() / "permissions.toml").read_text(encoding="utf-8"))
    return tuple(
        permission
        for part in tables[table]
        for namespace in filled(part.get("in", ""))
        for verbs, kinds, group, *name in part["rules"]
        for called in filled(*name or ("",))
        for permission in permissions(verbs, kinds, group, called, namespace)
    )


def proof_outside(policy: ProofPolicy) -> tuple[Permission, ...]:
    outside = listed("proof-outside", namespaces=policy.all, roles=(PROOF_ROLE, PROOF_VELERO_ROLE))
    return outside + (listed("proof-makes-crds") if policy.makes_crds else ())


def proof_inside(namespace: str) -> NamespaceRole:
    return NamespaceRole(namespace, PROOF_ROLE, listed("proof-inside", namespace=namespace))


def migration_source(namespaces: Sequence[str], read: Mapping[str, str]) -> tuple[Permission, ...]:
    """What is needed outside the source's namespace; to `read` are kinds of the whole cluster with their groups."""
    return listed("migration-source", namespaces=namespaces) + _to_read(read)


def migration_target(
    namespace: str, cluster: str, read: Mapping[str, str], *, maps_classes: bool
) -> tuple[Permission, ...]:
    """What is needed outside the target's namespace, and to create and remove it; `cluster` identifies the cluster."""
    outside = listed("migration-target", namespace=namespace, cluster=cluster) + _to_read(read)
    return outside + (listed("migration-maps-classes") if maps_classes else ())


def migration_inside(namespace: str, writers: Sequence[str]) -> NamespaceRole:
    """What is needed in the namespace at either end; `writers` are KIND/NAME."""
    stopped: dict[str, list[str]] = {"deployment": [], "statefulset": [], "cronjob": []}
    for writer in writers:
        kind, _, name = writer.partition("/")
        stopped[kind].append(name)
    return NamespaceRole(namespace, MIGRATION_ROLE, listed("migration-inside", namespace=namespace, **stopped))


def _to_read(kinds: Mapping[str, str]) -> tuple[Permission, ...]:
    return tuple(Permission("list", kind, group) for kind, group in kinds.items())


def missing_of(
    kubectl: RunsKubectl, outside: Iterable[Permission], roles: Iterable[NamespaceRole] = ()
) -> tuple[tuple[Permission, ...], bool]:
    """All permissions that are missing, and whether any role must be bound first."""
    asked = [role.missing(kubectl) for role in roles]
    every = (*missing(kubectl, tuple(outside)), *(permission for without, _ in asked for permission in without))
    return tuple(dict.fromkeys(every)), any(binds for _, binds in asked)


def refuse(missing: Iterable[tuple[str, Sequence[Permission]]], hint: str, whose: str = "") -> None:
    """Misconfigured if any permission is missing; `missing` has pairs of a context and what is missing there."""
    if said := [f"on the context {context}: {describe(lacking)}" for context, lacking in missing if lacking]:
        raise Misconfigured(f"permissions {whose}are missing {'; and '.join(said)}; {hint}")


def serves_api(kubectl: RunsKubectl, api: str) -> bool:
    """Whether the cluster serves this group and version (`velero.io/v1`)."""
    return api in kubectl("api-versions").split()


def whoami(kubectl: RunsKubectl, within_s: float = 60) -> str:
    """The name of the user as the cluster sees it. ToolFailed, TimedOut."""
    known = json.loads(kubectl("auth", "whoami", "-o", "json", within_s=within_s))
    return text(known, "status", "userInfo", "username")


def missing(kubectl: RunsKubectl, permissions: Sequence[Permission], user: str = "") -> tuple[Permission, ...]:
    """Those of them that the cluster does not allow us, or `user`."""
    if not permissions:
        return ()
    wanted = together(_review(permission, user) for permission in permissions)
    answers = documents(kubectl("create", "--validate=false", "-f", "-", "-o", "json", stdin=wanted))
    # By the question that each answer repeats, and not by its place among the answers.
    allowed = {_question(each): at(each, "status", "allowed") for each in answers}
    if unanswered := [permission for permission in permissions if (permission, user) not in allowed]:
        raise HarnessError(f"the API server did not answer whether it allows: {describe(unanswered)}; try again")
    return tuple(permission for permission in permissions if allowed[permission, user] is not True)


def not_granted(rules: Iterable[Json], permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Those of the permissions that no rule of a ClusterRole grants."""
    known = tuple(rules)
    return tuple(permission for permission in permissions if not any(_grants(rule, permission) for rule in known))


def describe(permissions: Iterable[Permission]) -> str:
    """All of them on one line, verbs on the same object together."""
    together: dict[Permission, list[str]] = {}
    for permission in permissions:
        together.setdefault(replace(permission, verb=""), []).append(permission.verb)
    return "; ".join(str(replace(permission, verb=", ".join(verbs))) for permission, verbs in together.items())


def _review(permission: Permission, user: str) -> Object:
    resource, _, subresource = permission.resource.partition("/")
    asked = {**vars(permission), "resource": resource, "subresource": subresource}
    attributes = {key: value for key, value in asked.items() if value}
    kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
    of = {"user": user} if user else {}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": {"resourceAttributes": attributes, **of}}


def _question(review: Json) -> tuple[Permission, str]:
    asked = {name: text(review, "spec", "resourceAttributes", name) for name in vars(Permission("", ""))}
    subresource = text(review, "spec", "resourceAttributes", "subresource")
    asked["resource"] += f"/{subresource}" if subresource else ""
    return Permission(**asked), text(review, "spec", "user")


def _grants(rule: Json, permission: Permission) -> bool:
    def has(key: str, word: str) -> bool:
        return bool({word, "*"} & set(map(str, items(rule, key))))

    names = items(rule, "resourceNames")
    wanted = {"verbs": permission.verb, "apiGroups": permission.group, "resources": permission.resource}
    return (not names or permission.name in names) and all(has(key, word) for key, word in wanted.items())


def needed_for(
    kubectl: RunsKubectl, things: Iterable[Object], namespace: str, known: Sequence[Permission] = ()
) -> tuple[Permission, ...]:
    """The permissions in `namespace` that applying these objects takes, in addition to the `known` ones.

    Misconfigured for a kind that the cluster does not serve, or that is not namespaced.
    """
    served: dict[str, Mapping[str, tuple[str, bool]]] = {}
    wanted: dict[Permission, None] = {}
    for thing in things:
        if (kind := text(thing, "kind")) == "Namespace":
            continue  # the drill's own: others were refused
        api = text(thing, "apiVersion")
        if api not in served:
            served[api] = _served(kubectl, api)
        called = f"{kind} {text(thing, 'metadata', 'name')}"
        if kind not in served[api]:
            raise Misconfigured(f"the cluster does not serve {kind} of {api}: leave {called} out of the application")
        resource, is_namespaced = served[api][kind]
        if not is_namespaced:
            raise Misconfigured(
                f"{called} is not namespaced, and a drill creates nothing outside {namespace}; leave it out of the "
                "application"
            )
        group = api.rpartition("/")[0]
        wanted |= dict.fromkeys(permissions("create patch", resource, group, namespace=namespace))
        if group == RBAC:
            wanted[_to_grant(thing, kind, namespace)] = None
    return tuple(permission for permission in wanted if permission not in known)


def _to_grant(thing: Object, kind: str, namespace: str) -> Permission:
    """Giving a permission to others takes that permission, or this one."""
    if kind == "Role":
        return Permission("escalate", "roles", RBAC, namespace=namespace)
    return Permission(
        "bind", f"{text(thing, 'roleRef', 'kind').lower()}s", RBAC, text(thing, "roleRef", "name"), namespace
    )


def _served(kubectl: RunsKubectl, api: str) -> Mapping[str, tuple[str, bool]]:
    """By kind of a group and version: the resource, and whether it is namespaced. Empty if not served. ToolFailed."""
    if not serves_api(kubectl, api):
        return {}
    listed: Json = json.loads(kubectl("get", "--raw", f"/apis/{api}" if "/" in api else f"/api/{api}"))
    return {
        text(each, "kind"): (text(each, "name"), at(each, "namespaced") is True)
        for each in items(listed, "resources")
        if "/" not in text(each, "name")
    }
