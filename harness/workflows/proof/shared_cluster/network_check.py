"""Probes whether the cluster enforces the NetworkPolicies of the restored namespaces."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.core.errors import HarnessError, TimedOut
from harness.core.kubernetes import RunsKubectl
from harness.core.model import Json
from harness.core.wait import NotYet, until
from harness.workflows.proof.shared_cluster.cluster import PROBE

SETTLE_S = 30.0
"""A cluster that enforces policies enforces a new one within this."""

_TRY = """
if command -v nc > /dev/null; then
    timeout 5 nc -w 3 "$1" "$2" < /dev/null > /dev/null 2>&1
else
    timeout 3 bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2" > /dev/null 2>&1
fi && echo reached || echo stopped
"""
_ENVIRONMENT = 'echo "$KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT"'
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """An address that is reachable without the policy."""

    what: str
    host: str
    port: int


@dataclass(frozen=True)
class ProbeResult:
    """What an egress probe reached. Only targets that are reachable without the policy count."""

    reached: tuple[str, ...]  # targets that were reached despite the policy, with the namespaces
    stopped: tuple[str, ...]  # targets that were blocked from every namespace

    @property
    def held(self) -> bool:
        return bool(self.stopped) and not self.reached

    def __str__(self) -> str:
        if self.held:
            return f"the NetworkPolicy of each restored namespace blocked the egress probe: {', '.join(self.stopped)}"
        return f"NetworkPolicies are NOT enforced, which the configuration allows: reached {'; '.join(self.reached)}"

    def facts(self) -> dict[str, Json]:
        return {"held": self.held, "reached": list(self.reached), "stopped": list(self.stopped)}


@dataclass(frozen=True)
class EgressProbe:
    """Runs in the namespaces `behind` the policy, and in a `free` one that has no policy."""

    kubectl: RunsKubectl
    free: str
    behind: tuple[str, ...]

    def targets(self, store: str, port: int, endpoint: str) -> tuple[Target, ...]:
        """The proof's own store, the API server and the source's bucket, as far as they are reachable without a policy.

        HarnessError if the store is not: then a blocked target proves nothing.
        """
        host, _, api = self.kubectl(*self._in(self.free), "sh", "-c", _ENVIRONMENT).strip().partition(" ")
        url = urlsplit(endpoint)
        known = [Target("the proof's object store", store, port), Target("the API server", host, int(api))]
        if url.hostname:
            known.append(Target("the source's bucket", url.hostname, url.port or _PORTS.get(url.scheme, 80)))
        found = tuple(each for each in known if self._reaches(self.free, each))
        if known[0] not in found:
            raise HarnessError(f"the pod {self.free}/{PROBE} cannot reach {store}:{port}; pods have no network there")
        return found

    def run(self, targets: Sequence[Target], within_s: float = SETTLE_S) -> ProbeResult:
        """Probe all targets from every namespace, until all are blocked or the time is up."""
        found = ProbeResult((), ())

        def stopped() -> None:
            nonlocal found
            found = self._probe(targets)
            if found.reached:
                raise NotYet(", ".join(found.reached))

        with contextlib.suppress(TimedOut):
            until(stopped, waited_for="the NetworkPolicy to hold", within_s=within_s, every_s=2)
        return found

    def _probe(self, targets: Sequence[Target]) -> ProbeResult:
        reached = {each: [where for where in self.behind if self._reaches(where, each)] for each in targets}
        return ProbeResult(
            tuple(f"{each.what} from {', '.join(by)}" for each, by in reached.items() if by),
            tuple(each.what for each, by in reached.items() if not by),
        )

    def run_again(self, targets: Sequence[Target], before: ProbeResult) -> str:
        """The result in words. HarnessError if the isolation held before, and no longer does."""
        if not before.held:
            return "the cluster enforces no NetworkPolicy, so the egress probe did not run again"
        now = self.run(targets, within_s=1)
        if not now.held:
            raise HarnessError(f"the isolation held at first, and no longer does: reached {'; '.join(now.reached)}")
        return f"probed again after everything was read: {now}"

    def _reaches(self, namespace: str, target: Target) -> bool:
        said = self.kubectl(*self._in(namespace), "sh", "-c", _TRY, "sh", target.host, str(target.port), within_s=30)
        if not re.fullmatch(r"reached|stopped", said.strip()):
            raise HarnessError(f"the pod {namespace}/{PROBE} gives no result of its egress probe: {said[:200]!r}")
        return said.strip() == "reached"

    def _in(self, namespace: str) -> tuple[str, ...]:
        return ("exec", f"--namespace={namespace}", PROBE, "--")
