"""Debian packages of any suite, fetched from the machine's mirror and unpacked, never installed.

apt does the work, with its own configuration below one folder: it checks signatures with Debian's keyring and leaves
the machine's package state alone. No root is needed.
"""

import fnmatch
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.lock import Lock
from harness.core.errors import Misconfigured
from harness.core.process import run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

LISTS_FOR_S = 86400
"""How long a suite's package lists stay current."""


def release() -> dict[str, str]:
    """The fields of /etc/os-release; empty where it does not exist."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines) if value}


def mirror() -> str:
    """The address of this machine's Debian mirror. Misconfigured if it does not run Debian."""
    codename = release().get("VERSION_CODENAME", "")
    if release().get("ID") == "debian" and shutil.which("apt-get") and KEYRING.exists():
        targets = run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
        )
        for line in targets.stdout.splitlines():
            if line.split()[1:] == [codename, "main"]:
                return line.split()[0].rstrip("/")
    raise Misconfigured(
        "images can be built only on Debian, from its package sources; use --images pull, with --mirror HOST if the "
        "official registries cannot be reached"
    )


@dataclass(frozen=True)
class Suite:
    """One Debian suite; `home` keeps its package lists and what was downloaded."""

    name: str
    home: Path

    def resolve(self, packages: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
        """The names of `packages` and their dependencies, except those that match `without`."""
        self._update()
        simulated = self._apt("install", "--simulate", "--no-install-recommends", *packages)
        names = [line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")]
        return tuple(name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in without))

    def fetch(self, packages: Sequence[str], into: Path) -> tuple[Path, ...]:
        """Download exactly `packages` into the folder `into`; signatures and sums are checked."""
        self._update()
        into.mkdir(parents=True, exist_ok=True)
        self._apt("download", *packages, cwd=into)
        return tuple(sorted(into.glob("*.deb")))

    def _update(self) -> None:
        """Get the suite's lists, once a day and by one process at a time."""
        for part in ("lists/partial", "cache/archives/partial", "etc"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        stamp = self.home / "updated"
        with Lock(self.home / "lock").waiting():
            source = f"deb [signed-by={KEYRING} check-valid-until=no] {mirror()} {self.name} main\n"
            fresh = stamp.exists() and stamp.read_text() == source
            if fresh and stamp.stat().st_mtime + LISTS_FOR_S > time.time():
                return
            (self.home / "sources.list").write_text(source)
            self._apt("update", "-o", "APT::Update::Error-Mode=any")
            stamp.write_text(source)

    def _apt(self, *args: str, cwd: Path | None = None) -> str:
        places = {
            "Dir::Etc::sourcelist": self.home / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": self.home,
            "Dir::State::lists": self.home / "lists",
            "Dir::State::status": "/dev/null",  # nothing is installed: dependencies are taken in full
            "Dir::Cache": self.home / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Sandbox::User": "",
            "APT::Get::Assume-Yes": "true",
        }
        options = [word for key, value in places.items() for word in ("-o", f"{key}={value}")]
        return run(["apt-get", *options, *args], within_s=900, cwd=cwd).stdout
