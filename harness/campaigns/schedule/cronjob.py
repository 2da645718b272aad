"""A job as a CronJob, with the least permissions that its command needs: clusters/existing/cronjob.yaml, filled in."""

from collections.abc import Sequence
from datetime import timedelta

import yaml

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S
from harness.campaigns.schedule.systemd import REPORT_S
from harness.core import resources
from harness.core.model import Json
from harness.core.objects import filled

# As in cronjob.yaml:
NAME = "drillproof"  # of the namespace, and of the ServiceAccount that rbac.yaml gives the permissions
CONTEXT = "in-cluster"  # of the pod's kubeconfig: its own cluster
CONFIG = "/config/drillproof.toml"  # the file that allows drills there
CREDENTIALS, WEBHOOK_SECRET = "/secrets/archive", "/secrets/webhook-secret"  # keys of the Secret, as files


def render(
    name: str,
    calendar: Calendar,
    within: timedelta,
    words: Sequence[str],
    *,
    image: str,
    secret: str,
    config: str,
    webhook: bool,
) -> str:
    """All objects but the Secret as YAML, in the order to create them.

    `words` are the command; `config` is the content of the file that allows drills. `webhook`: the Secret named
    `secret` has the URL of one.
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
    namespace, account, files, cronjob = yaml.safe_load_all(_manifest("cronjob.yaml"))
    rbac = yaml.safe_load_all(_manifest("rbac.yaml"))
    permissions = (each for each in rbac if each["kind"] not in {"Namespace", "ServiceAccount"})
    if webhook:
        (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        url = {"secretKeyRef": {"name": secret, "key": "webhook"}}
        container["env"].append({"name": "DRILLPROOF_WEBHOOK", "valueFrom": url})
    every = (namespace, account, *permissions, *(filled(each, values) for each in (files, cronjob)))
    return yaml.safe_dump_all(every, sort_keys=False, width=120)


def _manifest(name: str) -> str:
    return (resources.clusters() / "existing" / name).read_text(encoding="utf-8")
