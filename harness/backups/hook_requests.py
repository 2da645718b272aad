"""Which hooks a backup asks for: by the annotations of its pods, and by its own definition (`spec.hooks`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.backups.velero import HOOKS
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, address, namespace_of
from harness.core.model import Json

_PODS = frozenset({"pods", "pod", "po"})


@dataclass(frozen=True)
class HookRequests:
    """The hooks that should run when a backup is taken, as Velero counts them in `status.hookStatus`."""

    count: int
    idle: tuple[str, ...]  # hooks of the definition that run in no pod, each with the reason


def hook_requests(backup: Object, pods: Sequence[Object]) -> HookRequests:
    """The hooks of these pods. As for Velero, a pod's own annotation replaces the definition's hooks of that phase."""
    count, idle = 0, list[str]()
    for phase, names in zip(("pre", "post"), HOOKS, strict=True):
        own = {address(pod) for pod in pods if any(text(pod, "metadata", "annotations", name) for name in names)}
        count += len(own)
        for each in items(backup, "spec", "hooks", "resources"):
            commands = sum(isinstance(at(hook, "exec"), Mapping) for hook in items(each, phase))
            selected = {address(pod) for pod in pods if commands and _selects(each, pod)}
            count += commands * len(selected - own)
            if commands and not selected - own:
                why = f"{', '.join(sorted(selected))} has its own annotation" if selected else "it selects no pod"
                idle.append(f"the {phase} hook {text(each, 'name') or 'without a name'}: {why}")
    return HookRequests(count, tuple(idle))


def _selects(hook: Json, pod: Object) -> bool:
    return (
        _includes(hook, "Namespaces", {namespace_of(pod)})
        and _includes(hook, "Resources", _PODS)
        and all(_matches(mapping(pod, "metadata", "labels"), hook))
    )


def _includes(hook: Json, what: str, names: frozenset[str] | set[str]) -> bool:
    """Whether one of the names is included and none is excluded. An empty list includes all."""
    included, excluded = (tuple(map(str, items(hook, f"{how}{what}"))) for how in ("included", "excluded"))
    return (not included or _any(included, names)) and not _any(excluded, names)


def _any(patterns: Sequence[str], names: frozenset[str] | set[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _matches(labels: Mapping[str, Json], hook: Json) -> Iterator[bool]:
    for key, value in mapping(hook, "labelSelector", "matchLabels").items():
        yield labels.get(key) == value
    for each in items(hook, "labelSelector", "matchExpressions"):
        key, values = text(each, "key"), items(each, "values")
        yield {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(text(each, "operator"), False)
