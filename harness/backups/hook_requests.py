"""Which hooks a backup asks for: by the annotations of its pods, and by its own definition (`spec.hooks`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.backups.backup_selection import any_of, names_of, selects
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, address, namespace_of
from harness.core.model import Json

HOOKS = (
    ("pre.hook.backup.velero.io/command", "hook.backup.velero.io/command"),
    ("post.hook.backup.velero.io/command",),
)
"""A pod's own commands, each with the names that its annotation may have: before the pod is copied, and after."""


@dataclass(frozen=True)
class HookRequests:
    """The hooks that should run when a backup is taken, as Velero counts them in `status.hookStatus`."""

    by_pod: Mapping[str, int]  # by NAMESPACE/NAME; only pods with a hook
    idle: tuple[str, ...] = ()  # hooks of the definition that run in no pod, each with the reason

    @property
    def count(self) -> int:
        return sum(self.by_pod.values())


def hook_requests(backup: Object, pods: Sequence[Object]) -> HookRequests:
    """The hooks of these pods. As for Velero, a pod's own annotation replaces the definition's hooks of that phase."""
    counts, idle = dict.fromkeys(map(address, pods), 0), list[str]()
    for phase, names in zip(("pre", "post"), HOOKS, strict=True):
        own = {address(each) for each in pods if any(text(each, "metadata", "annotations", name) for name in names)}
        for pod in own:
            counts[pod] += 1
        for each in items(backup, "spec", "hooks", "resources"):
            commands = sum(isinstance(at(hook, "exec"), Mapping) for hook in items(each, phase))
            selected = {address(one) for one in pods if commands and _selects(each, one)}
            for pod in selected - own:
                counts[pod] += commands
            if commands and not selected - own:
                why = f"{', '.join(sorted(selected))} has its own annotation" if selected else "it selects no pod"
                idle.append(f"the {phase} hook {text(each, 'name') or 'without a name'}: {why}")
    return HookRequests({pod: count for pod, count in counts.items() if count}, tuple(idle))


def _selects(hook: Json, pod: Object) -> bool:
    return (
        _includes(hook, "Namespaces", {namespace_of(pod)})
        and _includes(hook, "Resources", names_of("Pod"))
        and selects(at(hook, "labelSelector"), mapping(pod, "metadata", "labels"))
    )


def _includes(hook: Json, what: str, names: frozenset[str] | set[str]) -> bool:
    """Whether one of the names is included and none is excluded. An empty list includes all."""
    included, excluded = (tuple(map(str, items(hook, f"{how}{what}"))) for how in ("included", "excluded"))
    return (not included or any_of(included, names)) and not any_of(excluded, names)
