"""The kinds that an API server serves, by all the names that kubectl takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.core.json import items, mapping, text
from harness.core.model import Json

DISCOVERY = ", ".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
"""What to accept: everything at once, as servers answer since Kubernetes 1.27."""


@dataclass(frozen=True)
class Kind:
    """One kind in the version that its group prefers."""

    group: str  # "" for the core group
    version: str
    plural: str
    kind: str
    namespaced: bool
    names: frozenset[str]  # in the singular, and short
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """`deployments.apps`, but `pods`: as `kubectl api-resources --output=name` has it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of one object, or of the list of a namespace, or of all if it is ""."""
        start = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{start}{inside}/{self.plural}" + (f"/{name}" if name else "")


def kinds(*discovered: Json) -> tuple[Kind, ...]:
    """Those of the answers of `/api` and `/apis`, in their order, each in its preferred version first."""
    return tuple(
        kind
        for answer in discovered
        for group in items(answer, "items")
        for version in items(group, "versions")
        for kind in _of(text(group, "metadata", "name"), version)
    )


def named(known: tuple[Kind, ...], word: str) -> Kind | None:
    """The kind that a word of kubectl's command line means; as in kubectl, the core group has precedence."""
    name, _, group = word.lower().partition(".")
    for one in known:
        if (name == one.plural or name in one.names) and group in {"", one.group, f"{one.version}.{one.group}"}:
            return one
    return None


def of_object(known: tuple[Kind, ...], thing: Mapping[str, Json]) -> Kind | None:
    """The kind of an object, by its apiVersion and kind."""
    wanted = (text(thing, "apiVersion"), text(thing, "kind"))
    return next((one for one in known if (one.api_version, one.kind) == wanted), None)


def _of(group: str, version: Json) -> Iterator[Kind]:
    for resource in items(version, "resources"):
        names = {text(resource, "singularResource"), *map(str, items(resource, "shortNames"))}
        yield Kind(
            group,
            text(version, "version"),
            text(resource, "resource"),
            text(mapping(resource, "responseKind"), "kind"),
            text(resource, "scope") == "Namespaced",
            frozenset(names - {""}),
            frozenset(map(str, items(resource, "verbs"))),
        )
