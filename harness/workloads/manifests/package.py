"""An application in two files that need nothing beside them: for a pod that has neither the folder nor helm."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import Misconfigured
from harness.core.model import Json
from harness.workloads.manifests import inventory, spec
from harness.workloads.manifests.load import TargetCluster, load, rendered

FILE, MANIFESTS = "application.toml", "manifests.json"

_RENDERED = ("manifests", "chart", "values", "leave_out")
"""Keys whose effect is in the rendered manifests."""


@dataclass(frozen=True)
class Package:
    files: Mapping[str, str]  # FILE and MANIFESTS, by name
    secret: bool  # whether a Secret is among the manifests

    @property
    def size_bytes(self) -> int:
        return sum(len(name) + len(content.encode()) for name, content in self.files.items())


def package(path: Path, where: TargetCluster) -> Package:
    """The application that a file describes. Misconfigured if it cannot be drilled there."""
    load(path, where)
    objects = rendered(spec.read(path, where.namespace), None).objects
    described = tomllib.loads(path.read_text(encoding="utf-8"))
    settings = {"manifests": MANIFESTS, **{key: value for key, value in described.items() if key not in _RENDERED}}
    listed: Json = {"apiVersion": "v1", "kind": "List", "items": [*objects]}
    files = {
        FILE: "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in settings.items()),
        MANIFESTS: json.dumps(listed, ensure_ascii=False, separators=(",", ":")),
    }
    return Package(files, secret=bool(inventory.secrets(objects)))


def require_fits(path: Path, packed: Package, limit: int) -> None:
    """Misconfigured if a ConfigMap cannot hold it."""
    if packed.size_bytes > limit:
        raise Misconfigured(
            f"{path}: the application takes {packed.size_bytes:,} bytes, and a ConfigMap holds {limit:,}; leave out "
            "what the drill does not need (leave_out), or use `schedule systemd`"
        )


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
