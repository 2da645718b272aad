"""Hostile files from outside: one clear line or a verdict, in at most 10 s of processor time and 500 MB of memory.

    make fuzz

Each command runs in a process of its own, which the kernel ends after these seconds: minutes, but no cluster.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from harness.core import process
from harness.core.errors import ToolFailed
from harness.evidence.signing.files import Bundle

OLD = Path(__file__).parent.parent / "evidence" / "old_runs" / "proof.zip"
MEGABYTES = 500
CHILD = """
import resource, sys
from harness.cli.__main__ import main
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
code = 0
try:
    code = main()
except SystemExit as ended:
    code = ended.code
status = dict(line.split(":", 1) for line in open("/proc/self/status"))  # ru_maxrss counts the parent before the exec
print("used", int(status["VmHWM"].split()[0]) // 1000, file=sys.stderr)
sys.exit(code)
"""


def _yaml_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


MANIFESTS = {
    "aliases of aliases": _yaml_bomb(),
    "a long list": b"a: [" + b"x, " * 1_600_000 + b"]",
    "deep": b"[" * 200_000,
    "many documents": b"a: 1\n---\n" * 500_000,
    "a long word": b"a: " + b"x" * 80_000_000,
    "no text": bytes(range(256)) * 300_000,
}
RUN_FILES = {
    "a long line": b'{"seq": 1, "x": "' + b"x" * 90_000_000 + b'"}\n',
    "many values": b'{"seq": 1, "data": {"x": [' + b"[]," * 12_000_000 + b"[]]}}\n",
    "deep": b'{"x": ' + b"[" * 2_000_000 + b"\n",
    "many lines": b'{"seq": 1}\n' * 3_000_000,
    "no text": bytes(range(256)) * 400_000,
}


def used(*words: str | Path) -> tuple[int, str]:
    """The megabytes that a command took, and what it said. Its exit code is 0, 1, 2 or 64."""
    argv = [sys.executable, "-c", CHILD, *words]
    code = 0
    try:
        said = process.run(argv, within_s=120).stderr
    except ToolFailed as error:
        code, said = error.exit_code, error.tail
    assert code in {0, 1, 2, 64}, said
    before, _, megabytes = said.rpartition("used ")
    assert "Traceback" not in before
    assert "internal error" not in before
    return int(megabytes), before


@pytest.mark.parametrize("what", MANIFESTS)
@pytest.mark.parametrize("file", ["manifests.yaml", "shop.toml"])
def test_a_hostile_manifest_or_application_file_costs_little(tmp_path: Path, what: str, file: str) -> None:
    path = tmp_path / file
    path.write_bytes(MANIFESTS[what])
    words = ("detect", path) if path.suffix == ".yaml" else ("plan", "namespace_loss", "--application", path)
    megabytes, said = used(*words)
    assert megabytes < MEGABYTES
    assert len(said.strip().splitlines()) == 1, said


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    Bundle(OLD).unpack(folder)
    return next(each.parent for each in folder.rglob("journal.jsonl"))


@pytest.mark.parametrize("what", RUN_FILES)
@pytest.mark.parametrize("file", ["journal.jsonl", "run.json", "findings.json"])
def test_a_hostile_run_costs_little(good: Path, tmp_path: Path, what: str, file: str) -> None:
    run = Path(shutil.copytree(good, tmp_path / "20261130T192901Z-prove"))
    (run / file).write_bytes(RUN_FILES[what])
    for words in (("recheck", run), ("verify", run), ("runs", "--runs", tmp_path)):
        megabytes, _ = used(*words)
        assert megabytes < MEGABYTES, words


BUNDLES = {
    "a journal that unpacks to much": {"run/journal.jsonl": b"0" * 900_000_000},
    "many files": {f"run/{n}": b"" for n in range(60_000)},
    "deep JSON": {"run/run.json": b"[" * 5_000_000},
}


@pytest.mark.parametrize("what", BUNDLES)
def test_a_hostile_bundle_costs_little(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in BUNDLES[what].items():
            file.writestr(name, content)
    megabytes, _ = used("verify", path)
    assert megabytes < MEGABYTES
