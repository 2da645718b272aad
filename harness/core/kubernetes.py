"""kubectl: commands, objects and port-forwards. Nothing else in the harness starts kubectl."""

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.core import paths, timeouts
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import at, items, text
from harness.core.model import Json, Volume
from harness.core.process import run, spawn
from harness.core.wait import Alarm, NotYet, until

LABEL = "drillproof.run"  # everything created for a drill has it; nothing without it is ever changed or removed
Object = Mapping[str, Json]  # a Kubernetes object as the API gives it


def find_kubectl(needed_for: str = "") -> Path:
    """kubectl: the user's, or the newest one in the cache. Misconfigured if there is neither."""
    if installed := shutil.which("kubectl"):
        return Path(installed)
    if cached := cached_program("kubectl"):
        return cached
    raise Misconfigured(f"kubectl is not installed{needed_for}; install it, in about the cluster's version")


def cached_program(name: str) -> Path | None:
    """The newest version of a program in the cache; None if there is none."""
    built = max((paths.cache() / "ready").glob(f"*/{name}"), key=lambda path: path.lstat().st_mtime, default=None)
    return built.resolve() if built else None


# It ends before it would collect garbage; a long stream stays within the limit.
_ENV = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}

_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+)")
_TELLTALE = re.compile(r"error|fatal|panic|fail|corrupt|denied", re.IGNORECASE)
_LAST_WORDS = 3


class RunsKubectl(Protocol):
    """kubectl against some cluster: `Kubectl`, and every `Cluster.kubectl`."""

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run kubectl with `args` and return its standard output."""


def objects(kubectl: RunsKubectl, *args: str, within_s: float = 60) -> tuple[Object, ...]:
    """What `kubectl get ARGS` lists, where ARGS name a kind and not one object."""
    return tuple(json.loads(kubectl("get", *args, "-o", "json", within_s=within_s))["items"])


def find(kubectl: RunsKubectl, kind: str, name: str, namespace: str = "") -> Object:
    """One object by its name, or {} if it does not exist; needs the permission to list it only."""
    where = (f"--namespace={namespace}",) if namespace else ()
    listed = objects(kubectl, kind, *where, f"--field-selector=metadata.name={name}")
    return next((thing for thing in listed if name_of(thing) == name), {})


def get_object(kubectl: RunsKubectl, kind: str, name: str, *args: str) -> Object | None:
    """One object by its name; None if it does not exist."""
    found = kubectl("get", kind, name, *args, "--ignore-not-found", "-o", "json")
    return json.loads(found) if found.strip() else None


def changes(
    kubectl: RunsKubectl, kind: str, namespace: str, name: str = ""
) -> contextlib.AbstractContextManager[Alarm | None]:
    """An alarm for a wait, which rings when an object changes. None for a wait that asks again and again instead."""
    return kubectl.changes(kind, namespace, name) if isinstance(kubectl, Kubectl) else contextlib.nullcontext()


def documents(printed: str) -> tuple[Object, ...]:
    """The objects that a command printed, one JSON document after the other."""
    found: list[Object] = []
    decoder, rest = json.JSONDecoder(), printed.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found += document["items"] if text(document, "kind") == "List" else [document]
        rest = rest[end:].lstrip()
    return tuple(found)


def recreate_pods(
    kubectl: RunsKubectl, namespace: str, names: Sequence[str], *, within_s: float
) -> dict[str, dict[str, Json]]:
    """Delete pods, all at once; return their UIDs, old and new, as soon as new ones exist. TimedOut."""

    def uids() -> dict[str, str]:
        pods = objects(kubectl, "pods", f"--namespace={namespace}")
        return {name_of(pod): text(pod, "metadata", "uid") for pod in pods}

    old = uids()
    # Not --wait: kubectl waited without end where a StatefulSet created a pod of the same name at once.
    kubectl("delete", "pods", *names, "-n", namespace, "--wait=false")

    def recreated() -> dict[str, str]:
        now = uids()
        if missing := [name for name in names if now.get(name) in {None, old.get(name)}]:
            raise NotYet(f"no new pod for {', '.join(missing)}")
        return now

    with changes(kubectl, "pods", namespace) as alarm:
        new = until(recreated, waited_for=f"new pods for {', '.join(names)}", within_s=within_s, alarm=alarm)
    return {name: {"before": old.get(name, ""), "after": new[name]} for name in names}


def delete_claims(kubectl: RunsKubectl, namespace: str, names: Collection[str]) -> None:
    """Delete claims and the pods that use them, and return when these claims are gone. TimedOut if one stays.

    StatefulSets create both again.
    """
    here = f"--namespace={namespace}"

    def named() -> list[Object]:
        return [claim for claim in objects(kubectl, "pvc", here) if name_of(claim) in names]

    uids = {text(claim, "metadata", "uid") for claim in named()}
    if not uids:
        return
    # The claims first: their finalizer keeps them until the pods are gone, so a new pod never gets an old claim.
    kubectl("delete", "pvc", *sorted(names), here, "--wait=false")

    def gone() -> None:
        if left := {name_of(claim) for claim in named() if text(claim, "metadata", "uid") in uids}:
            # Repeated: a pod that was created while the old claim existed waits for it without end.
            pods = objects(kubectl, "pods", here)
            if users := [name_of(pod) for pod in pods if left & set(claims_of(pod).values())]:
                kubectl("delete", "pods", *users, here, "--force", "--grace-period=0", "--wait=false")
            raise NotYet(f"not deleted: {', '.join(sorted(left))}")

    until(gone, waited_for="the claims to be deleted", within_s=timeouts.DAMAGE_S, every_s=2)


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to one cluster by its kubeconfig, and by a context of it if one is named."""

    binary: Path
    kubeconfig: Path
    context: str = ""
    register: Path | None = None  # a folder that knows the running commands; see `process.registered`

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Do what kubectl does with `args`, and return what it prints. ToolFailed, TimedOut.

        The API server is asked directly, and a process starts only for what the client cannot do as kubectl does.
        """
        from harness.core.api import asked  # noqa: PLC0415 # takes half a second, which most commands need not wait for

        if (answer := asked(self.kubeconfig, self.context, args, stdin, within_s)) is not None:
            return answer
        return run(self._argv(*args), stdin=stdin, within_s=within_s, env=_ENV, register=self.register).stdout

    @contextlib.contextmanager
    def forward(self, namespace: str, pod: str, port: int, within_s: float = 15) -> Iterator[tuple[str, int]]:
        """A local address that reaches `port` of `pod` while the block lasts; ToolFailed if there is none."""
        from harness.core.api import forwarded  # noqa: PLC0415 # as above

        if direct := forwarded(self.kubeconfig, self.context, namespace, pod, port, within_s=within_s):
            with direct as address:
                yield address
            return
        argv = self._argv("port-forward", "--address=127.0.0.1", f"--namespace={namespace}", f"pod/{pod}", f":{port}")
        with (
            tempfile.TemporaryFile() as output,
            spawn(argv, output=output, env=_ENV, register=self.register) as process,
        ):

            def local_port() -> int | None:
                ended = process.poll() is not None
                output.seek(0)
                text = output.read()
                if found := _FORWARDING.search(text):
                    return int(found[1])
                if ended:
                    return None
                raise NotYet(text.decode(errors="replace") or "no output")

            local = until(local_port, waited_for=f"a forward to {namespace}/{pod}", within_s=within_s, every_s=0.05)
            if local is None:
                output.seek(0)
                raise ToolFailed(argv, process.returncode, output.read().decode(errors="replace"))
            yield "127.0.0.1", local

    def changes(self, kind: str, namespace: str, name: str) -> contextlib.AbstractContextManager[Alarm | None]:
        """See the function of this name."""
        from harness.core.api import watched  # noqa: PLC0415 # as above

        return watched(self.kubeconfig, self.context, kind, namespace, name)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        found = objects(self, "pvc,pv", f"--namespace={namespace}")
        volumes = {name_of(thing): thing for thing in found if thing["kind"] == "PersistentVolume"}
        claims = (thing for thing in found if thing["kind"] == "PersistentVolumeClaim")
        return tuple(sorted((_volume(claim, volumes) for claim in claims), key=lambda volume: volume.claim))

    def _argv(self, *args: str) -> list[str]:
        context = (f"--context={self.context}",) if self.context else ()
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *context, *args]


def name_of(thing: Json) -> str:
    return text(thing, "metadata", "name")


def namespace_of(thing: Json) -> str:
    return text(thing, "metadata", "namespace")


def address(thing: Json) -> str:
    """The object's namespace and name: `shop/db-0`."""
    return f"{namespace_of(thing)}/{name_of(thing)}"


def containers(pod: Json) -> tuple[Json, ...]:
    return (*items(pod, "spec", "initContainers"), *items(pod, "spec", "containers"))


def claims_of(pod: Json) -> dict[str, str]:
    """The claims that a pod uses, by the names of its volumes."""
    volumes = {
        text(each, "name"): text(each, "persistentVolumeClaim", "claimName") for each in items(pod, "spec", "volumes")
    }
    return {volume: claim for volume, claim in volumes.items() if claim}


def condition(thing: Json, kind: str) -> str:
    """The status of one of an object's conditions: True, False, Unknown, or "" where it has none such."""
    found = (item for item in items(thing, "status", "conditions") if text(item, "type") == kind)
    return text(next(found, None), "status")


def describe_pod(pod: Object) -> str:
    """The state of a pod's containers, in words, and how the ended ones ended."""
    told = []
    for each in (*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")):
        state = at(each, "state")
        word = next(iter(state), "") if isinstance(state, dict) else ""
        end = at(state, "terminated") or at(each, "lastState", "terminated")
        ended = f", ended with {text(end, 'exitCode')}{_last_words(text(end, 'message'))}" if end else ""
        told.append(f"{text(each, 'name')} {text(state, word, 'reason') or word or 'unknown'}{ended}")
    unplaced = unschedulable(pod)
    return f"{text(pod, 'status', 'phase')}: {'; '.join(told) or unplaced or 'no container yet'}"


def unschedulable(pod: Object) -> str:
    """Why the scheduler finds no node for a pod, in its words; "" if it found one, or has not tried yet."""
    for one in items(pod, "status", "conditions"):
        if text(one, "type") == "PodScheduled" and text(one, "reason") == "Unschedulable":
            return f"no node takes it: {text(one, 'message')}"
    return ""


def _last_words(log: str) -> str:
    """The telltale lines at the end of a container's log; its manifest must ask for that message."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telltale = [line for line in lines if _TELLTALE.search(line)] or lines[-1:]
    return f" ({' | '.join(telltale[-_LAST_WORDS:])})" if telltale else ""


def _volume(claim: Object, volumes: Mapping[str, Object]) -> Volume:
    name = text(claim, "spec", "volumeName")
    volume = volumes.get(name, {})
    spec = at(volume, "spec")
    kinds = [kind for kind in ("local", "hostPath", "csi", "nfs") if isinstance(spec, Mapping) and kind in spec]
    # One term with one name, as every provisioner of a node's own disk writes it.
    term = next(iter(items(spec, "nodeAffinity", "required", "nodeSelectorTerms")), None)
    names = items(next(iter(items(term, "matchExpressions")), None), "values")
    return Volume(
        claim=name_of(claim),
        claim_uid=text(claim, "metadata", "uid"),
        volume=name,
        volume_uid=text(volume, "metadata", "uid"),
        kind=kinds[0] if kinds else "",
        node=str(names[0]) if len(names) == 1 else "",
        path=text(spec, "local", "path") or text(spec, "hostPath", "path"),
    )
