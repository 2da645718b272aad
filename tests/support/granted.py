"""The permissions that a manifest grants."""

from __future__ import annotations

import itertools
from pathlib import Path

import yaml

from harness.clusters.rbac import Permission
from harness.core import resources

RBAC = resources.clusters() / "existing" / "rbac.yaml"


def granted(kind: str, name: str, namespace: str, file: Path = RBAC) -> set[Permission]:
    """What a role of a file grants, permission by permission."""
    role = next(
        each
        for each in yaml.safe_load_all(file.read_text())
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    return {
        Permission(verb, resource, group, which, namespace)
        for rule in role["rules"]
        for group, resource, verb, which in itertools.product(
            rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames", [""])
        )
    }
