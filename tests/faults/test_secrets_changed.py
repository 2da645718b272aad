"""Secrets are changed, are seen to be other than they were, and are put back; nobody's value is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, HarnessError, TimedOut
from harness.core.ports import Target
from harness.faults.credentials import ChangeSecret, RefuseCredentials


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Cluster:
    """Velero's Secrets, and its location, which is Unavailable while `valid` is not in the keys."""

    secrets: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "velero-repo-credentials": {"repository-password": b64("much-secret")},
            "cloud-credentials": {"cloud": b64("valid keys")},
        }
    )
    deaf: bool = False
    sees_late: bool = False
    said: list[str] = field(default_factory=list)
    restarted: int = 0

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.said.append(" ".join(args))
        if args[0] == "patch":
            assert args[1] == "secret"
            for key, value in json.loads(stdin or "")["data"].items():
                if not self.deaf:
                    self.secrets[args[2]].pop(key, None)
                    self.secrets[args[2]] |= {} if value is None else {key: value}
            return ""
        if args[1] == "pods":
            self.restarted += args[0] == "delete"
            return json.dumps({"items": [{}]})
        if args[1] == "secrets":
            name = next(arg.rpartition("=")[2] for arg in args if arg.startswith("--field-selector"))
            return json.dumps(
                {"items": [{"metadata": {"name": name}, "data": self.secrets[name]}] if name in self.secrets else []}
            )
        keys = base64.b64decode(self.secrets["cloud-credentials"]["cloud"]).decode()
        phase = "Available" if "valid" in keys or self.sees_late else "Unavailable"
        status = {"phase": phase, "message": "InvalidAccessKeyId"}
        return json.dumps({"items": [{"metadata": {"name": "default"}, "status": status}]})


def target(cluster: Cluster) -> Target:
    return Target(*cast("Any", (cluster, "custos", (), None, None)))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


PASSWORD = ChangeSecret("other-password", "velero-repo-credentials", "repository-password", "another")


@pytest.mark.parametrize("fault", [PASSWORD, RefuseCredentials()])
def test_a_secret_is_changed_seen_and_put_back_and_not_told(fault: ChangeSecret | RefuseCredentials) -> None:
    cluster, before = Cluster(), Cluster().secrets
    fault.inject(target(cluster))
    fault.inject(target(cluster))  # as after a killed harness: what is kept is still the first value
    assert cluster.secrets != before
    damage = fault.damage(target(cluster))
    assert "is another than it was" in damage.values()
    for _ in range(2):
        fault.undo(target(cluster))
        assert cluster.secrets == before
    for told in (*damage.values(), *cluster.said):
        assert not any(value in told for value in ("much-secret", b64("much-secret"), "valid keys", b64("valid keys")))


def test_velero_is_seen_to_be_refused() -> None:
    cluster = Cluster()
    RefuseCredentials().inject(target(cluster))
    assert RefuseCredentials().damage(target(cluster))["location default"] == "InvalidAccessKeyId"


def test_velero_starts_anew_with_the_valid_keys_once() -> None:
    cluster = Cluster()
    RefuseCredentials().inject(target(cluster))
    assert cluster.restarted == 0, "a restart would be another fault"
    for _ in range(2):
        RefuseCredentials().undo(target(cluster))
        assert cluster.restarted == 2


def _mended(cluster: Cluster) -> None:
    cluster.secrets["velero-repo-credentials"]["repository-password"] = b64("much-secret")


@pytest.mark.parametrize(
    ("fault", "cluster", "then", "error"),
    [
        (PASSWORD, Cluster(deaf=True), None, FaultHadNoEffect),
        (PASSWORD, Cluster(), _mended, FaultHadNoEffect),
        (RefuseCredentials(), Cluster(sees_late=True), None, TimedOut),
        (RefuseCredentials(), Cluster(deaf=True), None, TimedOut),
    ],
)
def test_a_secret_that_is_what_it_was_or_that_velero_does_not_see_is_no_damage(
    fault: ChangeSecret, cluster: Cluster, then: Callable[[Cluster], None] | None, error: type[HarnessError]
) -> None:
    fault.inject(target(cluster))
    if then:
        then(cluster)
    with pytest.raises(error):
        fault.damage(target(cluster))


def test_a_secret_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(FaultHadNoEffect, match="cloud-credentials"):
        RefuseCredentials().inject(target(Cluster({"cloud-credentials": {}})))
