"""What of an application a user's definition of a backup does not back up, told before anything is created."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from harness.backups.backup_definition import Definition
from harness.backups.backup_selection import SNAPSHOT, Choice, Selection
from harness.backups.hook_requests import hook_requests
from harness.core.errors import Misconfigured
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, claims_of, name_of
from harness.core.model import Json
from harness.workloads.application import Application
from harness.workloads.deployment import overlay
from harness.workloads.manifests import inventory, render


@dataclass(frozen=True)
class LeftOut:
    what: str  # `Secret db`, `volume data of db-0`, `hook freeze`
    why: str
    store: str = ""  # whose volume it is
    restore: bool = False  # whether the definition of the restore leaves it out, and not that of the backup
    judged: bool = True  # False if the data that come back are compared, so that nothing of it can be missing unseen

    @property
    def recorded(self) -> dict[str, Json]:
        return asdict(self)


@dataclass(frozen=True)
class Coverage:
    """A definition, held against an application. `drilled` is the namespace of the drill, `own` the user's."""

    definition: Definition
    own: str
    drilled: str
    left_out: tuple[LeftOut, ...]
    shared: bool = False  # whether the drill is on an existing cluster

    @property
    def lines(self) -> Iterator[str]:
        """What is not backed up comes first; then how the drill's Backup differs from the user's."""
        called = self.definition.called
        for (why, judged, restore), some in groupby(self.left_out, lambda one: (one.why, one.judged, one.restore)):
            what = ", ".join(each.what for each in some)
            if restore and self.definition.restore:
                yield f"NOT restored by the {self.definition.restore.called}: {what}: {why}"
            else:
                yield f"{'NOT backed up' if judged else 'not copied'} by the {called}: {what}: {why}"
        if not any(each.judged for each in self.left_out):
            yield f"the {called} of {self.definition.origin} backs up all of the application"
        yield from (f"the {called}: {each}" for each in self.differs)

    @property
    def modified(self) -> Callable[[Object], Object] | None:
        """How the restore is to change an object; None if it is to change none."""
        restore = self.definition.restore
        return restore.modified if restore and restore.rules else None

    @property
    def differs(self) -> tuple[str, ...]:
        """How the drill's Backup differs from the user's."""
        location = text(self.definition.spec, "storageLocation") if self.shared else "default"
        return tuple(self.definition.differs(self.own, self.drilled, location, shared=self.shared))

    @property
    def facts(self) -> dict[str, Json]:
        """For run.json. The arguments of hooks are left out: they may hold passwords."""
        restore = self.definition.restore
        return {
            "name": self.definition.name,
            "kind": self.definition.kind,
            "from": self.definition.origin,
            "namespace": self.own,
            "spec": _without_hook_arguments(self.definition.spec),
            "differs": self.differs,
            **({"restore": {"name": restore.name, "spec": _without_hook_arguments(restore.spec)}} if restore else {}),
            "policies": [{"action": each.action, "conditions": each.conditions} for each in self.definition.policies],
        }


def _without_hook_arguments(spec: Mapping[str, Json]) -> dict[str, Json]:
    hooks = items(spec, "hooks", "resources")
    return {**spec, **({"hooks": {"resources": list(map(_without_arguments, hooks))}} if hooks else {})}


def _without_arguments(hook: Json) -> Json:
    if isinstance(hook, Mapping):
        return {
            key: [*items(value)[:1], "..."]
            if key == "command"
            else ["..."]
            if key == "initContainers"
            else _without_arguments(value)
            for key, value in hook.items()
        }
    return list(map(_without_arguments, hook)) if isinstance(hook, list) else hook


def cover(
    definition: Definition, application: Application, strategy: str, stores: Sequence[str], *, shared: bool
) -> Coverage:
    """Misconfigured if it asks for snapshots of the application's volumes, which a drill does not take."""
    drilled, brought = application.namespace, application.by_manifests
    if brought:
        generated = {name: dict.fromkeys(keys, "") for name, keys in brought.generate.items()}
        objects = brought.to_deploy(generated)
    else:
        folders = [overlay(application.fixtures, store, strategy) for store in stores]
        objects = tuple(thing for folder in folders for thing in render.of_path(folder))
    own = application.original or drilled
    whose = {pod: store for store in stores for pod in application.kind(store).members}
    others = {pod for store in application.stores if store not in stores for pod in application.kind(store).members}
    excepted = (*(brought.not_drilled if brought else ()), *others)  # what the drill does not judge
    found = tuple(_left_out(definition, objects, (own, drilled), whose, excepted))
    return Coverage(definition, own, drilled, found, shared)


def _left_out(
    definition: Definition,
    objects: Iterable[Object],
    namespaces: tuple[str, str],
    whose: Mapping[str, str],
    excepted: Sequence[str],
) -> Iterator[LeftOut]:
    things, (own, drilled) = tuple(objects), namespaces
    selection = definition.selection(inventory.claims(things, drilled))
    restored = Selection(definition.restore.spec) if definition.restore else None
    pods = inventory.pods(things, drilled)
    out = {name_of(pod): why for pod in pods if (why := selection.why_no_pod(pod))}
    kept = tuple(pod for pod in pods if name_of(pod) not in out)
    choices = {name_of(pod): selection.choices(pod) for pod in kept}
    _require_no_snapshots(definition, choices)
    carried = {claim for pod in kept for claim in claims_of(pod).values()}
    for thing in things:
        kind = text(thing, "kind")
        # A claim comes with its pod, whatever its labels.
        comes = kind == "PersistentVolumeClaim" and name_of(thing) in carried
        why = selection.without(kind) if comes else selection.why_not(thing)
        if why and kind != "Namespace":
            yield LeftOut(f"{kind} {name_of(thing)}", why)
        elif restored and kind != "Namespace" and (why := restored.why_not(thing)):
            yield LeftOut(f"{kind} {name_of(thing)}", why, restore=True)
    copied = {whose[name] for name, some in choices.items() if name in whose and any(each.copied for each in some)}
    volumes = [
        LeftOut(f"volume {volume} of {name}", why, whose.get(name, ""), judged=whose.get(name) not in copied)
        for pod in pods
        if (name := name_of(pod)) not in excepted
        for volume in claims_of(pod)
        if (why := _why_not_copied(volume, choices.get(name, ()), out.get(name, "")))
    ]
    yield from volumes
    for store in sorted({*whose.values()} - copied - {each.store for each in volumes}):
        yield LeftOut(f"all volumes of {store}", "nothing asks to copy them", store)
    for idle in hook_requests({"spec": definition.asked(own, drilled, "")}, kept).idle:
        hook, _, why = idle.partition(": ")
        yield LeftOut(hook.removeprefix("the "), why)


def _why_not_copied(volume: str, choices: Sequence[Choice], pod_left_out: str) -> str:
    """Why the files of a pod's claim are not copied; "" if they are."""
    if pod_left_out:
        return f"its pod is left out: {pod_left_out}"
    return "; ".join(each.why for each in choices if each.volume == volume and not each.copied)


def _require_no_snapshots(definition: Definition, choices: Mapping[str, tuple[Choice, ...]]) -> None:
    asks = [key for key in ("snapshotVolumes", "snapshotMoveData") if at(mapping(definition.spec), key) is True]
    found = [
        f"{each.volume} of {pod}"
        for pod, some in choices.items()
        for each in some
        if each.claim and each.action == SNAPSHOT and (asks or each.by_name)
    ]
    if found:
        by = " and ".join(asks) or "its resource policy"
        raise Misconfigured(
            f"{definition.origin}: the {definition.called} takes snapshots of {', '.join(found)} ({by}), and a drill "
            "restores copies of files only; have them copied (fs-backup, or the annotation "
            "backup.velero.io/backup-volumes), or prove such a backup with `drillproof prove`"
        )
