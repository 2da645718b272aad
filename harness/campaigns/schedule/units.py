"""A job as a systemd service and timer, or as a CronJob: files of clusters/existing, filled in."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import yaml
from jinja2 import Template

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S
from harness.core import resources
from harness.core.model import Json
from harness.core.objects import filled
from harness.workloads.manifests.package import Package

REPORT_S = 1800  # time to archive and report, after the command ended
_MOST_DELAY = timedelta(hours=1)

# As in cronjob.yaml:
NAME = "drillproof"  # of the namespace, and of the ServiceAccount that rbac.yaml gives the permissions
CONTEXT = "in-cluster"  # of the pod's kubeconfig: its own cluster
CONFIG = "/config/drillproof.toml"  # the file that allows drills there
APPLICATION = "/application"  # the folder of the user's application
CREDENTIALS, WEBHOOK_SECRET = "/secrets/archive", "/secrets/webhook-secret"  # keys of the Secret, as files


def systemd(
    name: str, calendar: Calendar, within: timedelta, words: Sequence[str], *, environment: Path | None
) -> dict[str, str]:
    """The unit files by name. The service runs `words` in the current folder."""
    path = f"PATH={os.environ.get('PATH', os.defpath)}"  # with Go, Docker and kind
    values = {
        "name": name,
        "calendar": calendar.words,
        "words": " ".join(map(_word, words)),
        "folder": str(Path.cwd()),
        "path": _word(path, in_command=False),
        "environment": str(environment.resolve()) if environment else "",
        "within_s": int(within.total_seconds()),
        "grace_s": GRACE_S + REPORT_S,
        "delay_s": int(min(calendar.every / 20, _MOST_DELAY).total_seconds()),
        "plain": _plain,
    }
    templates = {
        kind: Template(_read(f"drillproof.{kind}"), trim_blocks=True, keep_trailing_newline=True)
        for kind in ("service", "timer")
    }
    return {f"drillproof-{name}.{kind}": template.render(values) for kind, template in templates.items()}


def program() -> tuple[str, ...]:
    """The command of this drillproof, with its full path."""
    beside = Path(sys.executable).with_name("drillproof")
    return (str(beside),) if beside.is_file() else (sys.executable, "-P", "-m", "harness.cli")


def _plain(text: str) -> str:
    """A value on one line, with escaped specifiers."""
    return text.replace("\n", " ").replace("%", "%%")


def _word(text: str, *, in_command: bool = True) -> str:
    """A quoted word for systemd; in a command, dollar signs are escaped too."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    escaped = escaped.replace("$", "$$") if in_command else escaped
    return escaped if escaped and not set(escaped) & set(" \t'\";\\") else f'"{escaped}"'


def cronjob(
    name: str,
    calendar: Calendar,
    within: timedelta,
    words: Sequence[str],
    *,
    image: str,
    secret: str,
    config: str,
    webhook: bool,
    application: Package | None = None,
) -> str:
    """All objects but the Secret as YAML, in the order to create them.

    `words` are the command; `config` is the content of the file that allows drills. `webhook`: the Secret named
    `secret` has the URL of one. The `application` is shipped in a ConfigMap, or in a Secret if one is part of it.
    """
    values: dict[str, Json] = {
        "job": name,
        "called": f"drillproof-{name}",
        "schedule": calendar.words,
        "late_s": max(60, int(calendar.every.total_seconds() / 2)),
        "within_s": int(within.total_seconds()) + GRACE_S + REPORT_S,
        "grace_s": GRACE_S + REPORT_S,
        "image": image,
        "words": list(words),
        "secret": secret,
        "config": config,
    }
    namespace, account, files, job = yaml.safe_load_all(_read("cronjob.yaml"))
    rbac = yaml.safe_load_all(_read("rbac.yaml"))
    permissions = (each for each in rbac if each["kind"] not in {"Namespace", "ServiceAccount"})
    if webhook:
        (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        url = {"secretKeyRef": {"name": secret, "key": "webhook"}}
        container["env"].append({"name": "DRILLPROOF_WEBHOOK", "valueFrom": url})
    own: list[Json] = []
    if application:
        held, volume = _shipped(f"{values['called']}-application", application)
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        pod["volumes"].append(volume)
        pod["containers"][0]["volumeMounts"].append({"name": "application", "mountPath": APPLICATION, "readOnly": True})
        own.append(held)
    every = (namespace, account, *permissions, *(filled(each, values) for each in (files, *own, job)))
    return yaml.safe_dump_all(every, sort_keys=False, width=120)


def _shipped(name: str, application: Package) -> tuple[dict[str, Json], dict[str, Json]]:
    """The object `name` that holds the application, and the volume that it is in the pod."""
    kind, field = ("Secret", "stringData") if application.secret else ("ConfigMap", "data")
    labels: Json = {"app.kubernetes.io/name": NAME, "drillproof/job": "$job"}
    metadata: Json = {"name": name, "namespace": NAME, "labels": labels}
    source: dict[str, Json] = (
        {"secret": {"secretName": name, "defaultMode": 0o440}} if application.secret else {"configMap": {"name": name}}
    )
    holds: Json = dict(application.files)
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, field: holds}, {"name": "application", **source}


def _read(name: str) -> str:
    return (resources.clusters() / "existing" / name).read_text(encoding="utf-8")
