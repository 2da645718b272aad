"""The images that pods use."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.json import items, text
from harness.core.kubernetes import Object


def wanted(pods: Iterable[Object]) -> dict[str, str]:
    """The full name of every image of these pods, with a pod that uses it."""
    return {
        full_name(text(container, "image")): f"{text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
        for pod in pods
        for kind in ("initContainers", "containers")
        for container in items(pod, "spec", kind)
    }


def full_name(image: str) -> str:
    """`postgres` is short for `docker.io/library/postgres:latest`."""
    first, slash, _ = image.partition("/")
    has_host = slash and ("." in first or ":" in first or first == "localhost")
    name = image if has_host else f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return name if "@" in name or ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
