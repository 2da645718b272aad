"""A job as a CronJob, with the least permissions that its command needs: clusters/existing/cronjob.yaml, filled in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import yaml

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S
from harness.campaigns.schedule.systemd import REPORT_S
from harness.core import resources

# As in cronjob.yaml:
NAME = "drillproof"  # of the namespace, and of the ServiceAccount that rbac.yaml gives the permissions
CONTEXT = "in-cluster"  # of the pod's kubeconfig: its own cluster
CONFIG = "/config/drillproof.toml"  # the file that allows drills there
CREDENTIALS, WEBHOOK_SECRET = "/secrets/archive", "/secrets/webhook-secret"  # keys of the Secret, as files


@dataclass(frozen=True)
class Pod:
    """The pod of a job."""

    image: str
    words: tuple[str, ...]
    secret: str  # the Secret's name
    config: str  # content of the file that allows drills there
    webhook: bool = False  # whether the Secret has the URL of a webhook


def render(name: str, calendar: Calendar, within: timedelta, pod: Pod) -> str:
    """All objects but the Secret as YAML, in the order to create them."""
    namespace, account, config, cronjob = yaml.safe_load_all(_manifest("cronjob.yaml"))
    rbac = yaml.safe_load_all(_manifest("rbac.yaml"))
    permissions = (each for each in rbac if each["kind"] not in {"Namespace", "ServiceAccount"})
    config["data"]["drillproof.toml"] = pod.config
    spec = cronjob["spec"]
    spec["schedule"] = calendar.words
    spec["startingDeadlineSeconds"] = max(60, int(calendar.every.total_seconds() / 2))
    job = spec["jobTemplate"]["spec"]
    job["activeDeadlineSeconds"] = int(within.total_seconds()) + GRACE_S + REPORT_S
    for each in (config, cronjob, spec["jobTemplate"], job["template"]):
        each["metadata"]["labels"]["drillproof/job"] = name
    config["metadata"]["name"] = cronjob["metadata"]["name"] = f"drillproof-{name}"
    template = job["template"]["spec"]
    template["terminationGracePeriodSeconds"] = GRACE_S + REPORT_S
    (container,) = template["containers"]
    container["args"] = list(pod.words)
    for each in (container, *template["initContainers"]):
        each["image"] = pod.image
    if pod.webhook:
        url = {"secretKeyRef": {"name": pod.secret, "key": "webhook"}}
        container["env"].append({"name": "DRILLPROOF_WEBHOOK", "valueFrom": url})
    volumes = {volume["name"]: volume for volume in template["volumes"]}
    volumes["config"]["configMap"]["name"] = f"drillproof-{name}"
    volumes["secrets"]["secret"]["secretName"] = pod.secret
    return yaml.safe_dump_all((namespace, account, *permissions, config, cronjob), sort_keys=False, width=120)


def _manifest(name: str) -> str:
    return (resources.clusters() / "existing" / name).read_text(encoding="utf-8")
