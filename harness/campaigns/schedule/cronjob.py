"""A job as a CronJob, with the least permissions that its command needs.

A pod keeps no files, so the evidence and the records of attempts are in the archive. Secrets come from one Secret that
the user creates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import yaml

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S
from harness.campaigns.schedule.systemd import REPORT_S
from harness.core import resources
from harness.core.model import Json

NAME = "drillproof"
"""The namespace, and its ServiceAccount, which clusters/existing/rbac.yaml gives the permissions."""

FILES = "/secrets"
"""The folder with each key of the Secret as a file."""

SIGNER, ARCHIVE, WEBHOOK, WEBHOOK_SECRET = "own.key", "archive", "webhook", "webhook-secret"
"""Keys of that Secret: signing key, credentials of the archive, URL of the webhook, its secret. It may have others."""

CONTEXT = "in-cluster"
"""The context of the pod's own cluster, in the kubeconfig of the pod."""

CONFIG = "/config/drillproof.toml"
"""The file that allows drills there."""

_HOME, _CONFIG, _KEYS = "/work", "/config", "/keys"
_USER = 65532
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 # where Kubernetes puts it


@dataclass(frozen=True)
class Pod:
    """The pod of a job."""

    image: str
    words: tuple[str, ...]
    secret: str  # the Secret's name
    config: str  # content of the file that allows drills there
    environment: tuple[tuple[str, str], ...] = ()  # variable and key of the Secret


def kubeconfig() -> dict[str, Json]:
    """A kubeconfig for the pod's own cluster, with the token of its ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": "https://kubernetes.default.svc", "certificate-authority": f"{_TOKEN}/ca.crt"},
            }
        ],
        "users": [{"name": CONTEXT, "user": {"tokenFile": f"{_TOKEN}/token"}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
    }


def rights() -> tuple[Json, ...]:
    """The permissions of a drill on an existing cluster, as documented, bound to the ServiceAccount."""
    file = resources.clusters() / "existing" / "rbac.yaml"
    every = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    return tuple(each for each in every if each["kind"] not in {"Namespace", "ServiceAccount"})


def objects(name: str, calendar: Calendar, within: timedelta, pod: Pod) -> tuple[Json, ...]:
    """All objects but the Secret, in the order to create them."""
    labels: dict[str, Json] = {"app.kubernetes.io/name": "drillproof", "drillproof/job": name}
    here: dict[str, Json] = {"name": f"drillproof-{name}", "namespace": NAME, "labels": labels}
    restricted: Json = {"pod-security.kubernetes.io/enforce": "restricted"}
    config: Json = {"kubeconfig": yaml.safe_dump(kubeconfig()), Path(CONFIG).name: pod.config}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME, "labels": restricted}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": NAME},
            "automountServiceAccountToken": False,
        },
        *rights(),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": here, "data": config},
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": here,
            "spec": {
                "schedule": calendar.words,
                "concurrencyPolicy": "Forbid",
                # A run that was missed, because the control plane was down, starts late within half of the interval.
                "startingDeadlineSeconds": max(60, int(calendar.every.total_seconds() / 2)),
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 5,
                "jobTemplate": {
                    "metadata": {"labels": labels},
                    "spec": {
                        # What is stuck is stopped by the job itself, which tells it. This is for one stuck itself.
                        "activeDeadlineSeconds": int(within.total_seconds()) + GRACE_S + REPORT_S,
                        "backoffLimit": 0,
                        "ttlSecondsAfterFinished": 30 * 86400,
                        "template": {"metadata": {"labels": labels}, "spec": _pod(name, pod)},
                    },
                },
            },
        },
    )


def render(made: Sequence[Json]) -> str:
    """As YAML."""
    return yaml.safe_dump_all(made, sort_keys=False, width=120)


def _pod(name: str, pod: Pod) -> dict[str, Json]:
    confined: Json = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts: list[Json] = [
        {"name": "work", "mountPath": _HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 # of a pod, which has it for itself
        {"name": "config", "mountPath": _CONFIG, "readOnly": True},
        {"name": "secrets", "mountPath": FILES, "readOnly": True},
        {"name": "keys", "mountPath": _KEYS, "readOnly": True},
    ]
    return {
        "restartPolicy": "Never",
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "terminationGracePeriodSeconds": GRACE_S + REPORT_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {
                # A Secret's files can be read by their group, and a private key must not be.
                "name": "key",
                "image": pod.image,
                "command": ["install", "-m", "0400", f"{FILES}/{SIGNER}", f"{_KEYS}/{SIGNER}"],
                "securityContext": confined,
                "volumeMounts": [
                    {"name": "secrets", "mountPath": FILES, "readOnly": True},
                    {"name": "keys", "mountPath": _KEYS},
                ],
            }
        ],
        "containers": [
            {
                "name": "drillproof",
                "image": pod.image,
                "args": list(pod.words),
                "workingDir": _HOME,
                "env": [
                    {"name": "HOME", "value": _HOME},
                    {"name": "KUBECONFIG", "value": f"{_CONFIG}/kubeconfig"},
                    {"name": "DRILLPROOF_KEY", "value": f"{_KEYS}/{SIGNER}"},
                    *(_from_secret(variable, pod.secret, key) for variable, key in pod.environment),
                ],
                "resources": {
                    "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
                    "limits": {"memory": "1Gi", "ephemeral-storage": "8Gi"},
                },
                "securityContext": confined,
                "volumeMounts": mounts,
            }
        ],
        "volumes": [
            {"name": "work", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "keys", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "config", "configMap": {"name": f"drillproof-{name}"}},
            {"name": "secrets", "secret": {"secretName": pod.secret, "defaultMode": 0o440}},
        ],
    }


def _from_secret(variable: str, secret: str, key: str) -> Json:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
