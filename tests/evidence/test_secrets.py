"""No secret of a drill is in any file of its run, in whatever way it is written; and what is kept is not too much."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import os
import re
import shlex
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness import reports
from harness.backups.object_store import ObjectStore
from harness.clusters import diagnostics as of_cluster
from harness.clusters.docker import Docker
from harness.clusters.kind import KindCluster
from harness.clusters.network import PacketCounts
from harness.core import process
from harness.core.clock import Clock
from harness.core.errors import HarnessError, ToolFailed
from harness.core.kubernetes import Kubectl
from harness.core.model import Event, Json
from harness.core.redaction import redact_bytes, redact_document
from harness.evidence import journal, support_bundle
from harness.evidence.journal import Journal
from harness.selftest.runner import in_memory_self_test
from harness.workflows import runner
from harness.workflows.drill import assembly
from harness.workflows.progress import Progress
from harness.workflows.run_options import RunOptions
from harness.workflows.session import Session
from harness.workloads import custos
from harness.workloads.deployment import generate

ROOM = 50_000


def written(secret: str) -> Iterator[bytes]:
    """A secret as files show it: plain, in a Secret's data, in that of a Secret within, in a URL, in a header."""
    yield secret.encode()
    yield base64.b64encode(secret.encode())
    yield base64.b64encode(base64.b64encode(secret.encode()))
    yield urllib.parse.quote(secret, safe="").encode()
    for user in ("u", "us", "use"):
        yield base64.b64encode(f"{user}:{secret}\n".encode())
        yield base64.urlsafe_b64encode(f"{user}:{secret}\n".encode())


def shows(text: bytes, secret: str) -> bool:
    """Whether somebody who looks for it finds the secret, with his own means."""
    plain = secret.encode()
    if plain in text or urllib.parse.quote(secret, safe="").encode() in text:
        return True
    for word in text.replace(b'"', b" ").replace(b"\\n", b" ").split():
        for padded in (word + b"=" * pad for pad in range(3)):
            for decode in (base64.b64decode, base64.urlsafe_b64decode):
                try:
                    seen = decode(padded)
                except ValueError:
                    continue
                if plain in seen or base64.b64encode(plain) in seen:
                    return True
    return False


class Site(assembly.DrillSession):
    """A site with secrets of all stores and of the object store, as a real one has, and nothing else."""

    def __init__(self) -> None:
        super().__init__(in_memory_self_test)
        self._credentials = {
            name: generate(kind.secret_keys, getattr(kind, "secret_kinds", {}))
            for name, kind in custos.DATASTORES.items()
        }
        store = ObjectStore("http://in", "http://out", "velero", os.urandom(8).hex(), os.urandom(20).hex())
        self._cluster = cast(
            "KindCluster", SimpleNamespace(store=store, collect=self.logs, packet_counts=self.packet_counts)
        )

    def logs(self, into: Path) -> None:
        for number, secret in enumerate(sorted(self.secrets())):
            (into / f"{number}.log").write_bytes(b"\n".join(written(secret)))
        raise ToolFailed(["kubectl"], 1, " ".join(self.secrets()))

    def packet_counts(self) -> None:
        raise HarnessError("nothing is counted here")


def test_no_file_of_a_run_shows_a_secret_of_the_drill(tmp_path: Path) -> None:
    site, told = Site(), list[Event]()
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    log = Journal(run / "journal.jsonl", Clock(), told.append, site.secrets)
    everything = [form.decode() for secret in site.secrets() for form in written(secret)]
    assert site._cluster is not None
    with site.collect(log, {"cluster": site.logs, "tool": site.logs}):
        log.append("note", text=f"hook after up: kubectl get secrets: {' '.join(everything)}")
        log.append("damage", fault="x", what={str(at): form for at, form in enumerate(everything)})
        try:
            process.run(["/bin/sh", "-c", 'printf "%s\\n" "$@"; exit 1', "sh", *everything])
        except ToolFailed as error:
            log.append("error", type="ToolFailed", message=error.tail, step="up")
            runner.keep_traceback(run, site.secrets())
    log.close()
    reports.render(run)
    assert len(site.secrets()) == 8
    assert len(journal.read(run / "journal.jsonl")) == len(told) == 5
    files = [path for path in run.rglob("*") if path.is_file()]
    assert len(files) > 20
    for secret in site.secrets():
        assert shows(b" ".join(written(secret)), secret)
        for path in files:
            assert not shows(path.read_bytes(), secret), path
        assert not shows(repr(told).encode(), secret)


@pytest.mark.parametrize(
    "way_out", [None, ToolFailed(["kind"], 1, "no node came up"), KeyError("x"), KeyboardInterrupt()]
)
def test_logs_come_home_on_every_way_out(tmp_path: Path, way_out: BaseException | None) -> None:
    def logs(into: Path) -> None:
        (into / "some.log").write_text("all is told")

    def broken(_: Path) -> None:
        raise RuntimeError("an answer that nobody thought of")

    site = assembly.DrillSession(dict)
    site._cluster = cast(
        "KindCluster", SimpleNamespace(store=ObjectStore("", "", "", "", ""), packet_counts=lambda: PacketCounts(1, 0))
    )
    log = Journal(tmp_path / "journal.jsonl", Clock())
    with (
        pytest.raises(type(way_out)) if way_out else contextlib.nullcontext(),
        site.collect(log, {"cluster": broken, "tool": logs}),
    ):
        if way_out:
            raise way_out
    assert (tmp_path / "bundle" / "tool" / "some.log").read_text() == "all is told"
    assert "nobody thought of" in (tmp_path / "bundle" / "cluster" / "not-collected.txt").read_text()
    log.close()
    assert [event.kind for event in journal.read(tmp_path / "journal.jsonl")] == ["run", "fence", "end"]


@given(st.binary(max_size=9), st.text(min_size=12, max_size=40), st.binary(max_size=9))
def test_a_secret_amid_other_base64_is_found(before: bytes, secret: str, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert b"[redacted]" in redact_bytes(encode(before + secret.encode() + after), frozenset({secret}))


def test_what_is_no_secret_is_left_as_it_is() -> None:
    secrets = frozenset({"s3cretS3cretS3cret", ""})
    told: Mapping[str, Json] = {"a": [1, None, "s3cret", "\ud800"], "b": {"ü": 1.5}}
    assert redact_document(told, secrets) == told
    assert redact_document({"x": "s3cretS3cretS3cret!"}, secrets) == {"x": "[redacted]!"}
    assert redact_bytes(b"nothing", frozenset()) == b"nothing"
    assert redact_bytes(b"nothing", secrets) == b"nothing"


_LINES = [base64.b64encode(bytes(range(first, first + 48))).decode() for first in (1, 50, 99)]
PEM = "\n".join(("-----BEGIN PRIVATE KEY-----", *_LINES, "-----END PRIVATE KEY-----", ""))
NASTY = (
    'quo"te-and-more',
    "back\\slash-and-more",
    '\\"\\\\""\\',
    "tab\tand\nnewline\r\nhere",
    "sp ace+plus%41&<>'",
    "postgres://u:p@ss/w?rd#x",
    "ünïcödé-🔑-key",
    "bell\x07-and-\x7f-and-\x1b[0m",
    "long" * 100 + '"' + "x" * 200,
    PEM,
)


def quoted(secret: str) -> Iterator[str]:
    """A secret as programs write it."""
    yield secret
    yield json.dumps(secret)
    yield json.dumps(secret, ensure_ascii=False)
    yield json.dumps(json.dumps({"password": secret}))
    yield json.dumps(json.dumps(json.dumps(secret, ensure_ascii=False)))
    yield json.dumps(secret).replace("<", "\\u003c").replace(">", "\\u003E").replace("&", "\\u0026")  # Go's
    yield repr(secret)
    yield ascii(secret)
    yield repr(secret.encode())
    yield shlex.quote(secret)
    yield html.escape(secret)
    yield yaml.safe_dump({"password": secret}, width=10_000)
    yield yaml.safe_dump({"password": secret}, allow_unicode=True, default_style='"', width=10_000)
    for safe in ("", "/", "/:@", "~!*()'"):
        yield urllib.parse.quote(secret, safe=safe)
        yield urllib.parse.quote(secret, safe=safe).lower() if secret.islower() else ""
    yield urllib.parse.quote_plus(secret)
    yield urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe="")
    yield f"postgres://user:{urllib.parse.quote(secret, safe='')}@db:5432/shop?sslmode=require"
    yield base64.b64encode(f"user:{secret}".encode()).decode()
    yield json.dumps(base64.b64encode(secret.encode()).decode()).replace("/", "\\/").replace("+", "\\u002b")


@pytest.mark.parametrize("secret", NASTY)
def test_a_nasty_secret_is_found_however_it_is_quoted(secret: str) -> None:
    words = set(re.findall(r"[A-Za-z0-9]{5,}", secret)) - {"BEGIN", "PRIVATE", "postgres"}  # what else may have
    for form in filter(None, quoted(secret)):
        clean = redact_bytes(form.encode(), frozenset({secret}))
        assert b"[redacted]" in clean, form
        assert secret.encode() not in clean
        assert not any(word.encode() in clean for word in words), (form, clean)


@pytest.mark.parametrize("secret", NASTY)
def test_no_file_shows_a_nasty_secret(tmp_path: Path, secret: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    log = Journal(run / "journal.jsonl", Clock(), secrets=lambda: [secret])
    log.append("note", text=f"it is {secret}, or {json.dumps(secret)}", more=[{"deep": secret}, {"list": [secret]}])
    log.append("error", type="ToolFailed", message="\n".join(quoted(secret)), step="up")
    log.close()
    try:
        process.run(["/bin/sh", "-c", 'printf "%s\n" "$@"; exit 1', "sh", *quoted(secret)])
    except ToolFailed:
        runner.keep_traceback(run, frozenset({secret}))
    told = journal.read(run / "journal.jsonl")[1].data
    assert told == {"text": told["text"], "more": [{"deep": "[redacted]"}, {"list": ["[redacted]"]}]}

    def logs(into: Path) -> None:
        (into / "x.log").write_text("\n".join(quoted(secret)))

    support_bundle.collect(run / "bundle", {"cluster": logs}, {secret})
    reports.render(run)
    for path in (file for file in run.rglob("*") if file.is_file()):
        text = path.read_bytes()
        assert secret.encode() not in text
        assert json.dumps(secret)[1:-1].encode() not in text
        assert json.dumps(secret, ensure_ascii=False)[1:-1].encode() not in text
        assert urllib.parse.quote(secret, safe="").encode() not in text
        assert base64.b64encode(secret.encode()) not in text


@pytest.mark.parametrize("word", ["true", "null", "1", "text", "ok"])
def test_a_password_that_is_a_word_of_json_changes_no_structure(word: str) -> None:
    told: Mapping[str, Json] = {"ok": True, "text": None, "1": 1, "true": [1.5, False]}
    assert redact_document(told, {word}) == told


def test_a_password_that_names_a_field_does_not_take_the_field_away(tmp_path: Path) -> None:
    """Without its field `unchecked`, a check that was not done would pass."""
    log = Journal(tmp_path / "journal.jsonl", Clock(), secrets=lambda: ["unchecked", "damaged"])
    log.append("sound", sound=2, damaged=[], unchecked=["no amcheck"], notes=[])
    log.close()
    told = journal.read(tmp_path / "journal.jsonl")[1].data
    assert told == {"sound": 2, "damaged": [], "unchecked": ["no amcheck"], "notes": []}


def test_a_line_of_a_long_secret_is_hidden_alone_and_a_word_in_it_is_not() -> None:
    secrets = frozenset({f"postgres\n{_LINES[0]}\nCompleted"})
    assert (
        redact_bytes(f"12:00 {_LINES[0]} postgres Completed".encode(), secrets)
        == b"12:00 [redacted] postgres Completed"
    )


def test_of_two_secrets_the_longer_goes_first() -> None:
    secrets = frozenset({"abcdefgh", 'abcdefgh"ijklmnop'})
    assert redact_bytes(json.dumps('abcdefgh"ijklmnop').encode(), secrets) == b'"[redacted]"'


def test_many_backslashes_take_no_time() -> None:
    assert redact_bytes(b"\\" * 20_000, frozenset({'\\"' * 9})) == b"\\" * 20_000


# ---------------------------------------------------------------- size


def test_the_bundle_is_bounded_and_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_bundle, "MAX_BYTES", ROOM)

    def much(into: Path) -> None:
        for number in range(9):
            (into / f"{number}.log").write_bytes(b"x" * (1000 + 2000 * number))

    support_bundle.collect(tmp_path, {"cluster": much}, ())
    left = sorted(path.name for path in (tmp_path / "cluster").iterdir())
    assert left == [f"{number}.log" for number in range(7)]
    assert (tmp_path / "left-out.txt").read_text().splitlines() == [
        "cluster/7.log: 15000 bytes",
        "cluster/8.log: 17000 bytes",
    ]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < ROOM


class Talkative:
    """kubectl or docker, which say a great deal."""

    def __init__(self, write: Callable[[tuple[str, ...]], None] = lambda _: None) -> None:
        self.write = write

    def __call__(self, *args: str, **_: object) -> str:
        self.write(args)
        return "x" * 3_000_000 + "the end"


def test_no_file_of_a_cluster_is_larger_than_its_bound(tmp_path: Path) -> None:
    def dump(args: tuple[str, ...]) -> None:
        for arg in args:
            if arg.startswith("--output-directory="):
                folder = Path(arg.partition("=")[2]) / "custos" / "mysql-0"
                folder.mkdir(parents=True)
                (folder / "logs.txt").write_text("y" * 3_000_000 + "the end")

    kubectl, docker = cast("Kubectl", Talkative(dump)), cast("Docker", Talkative())
    of_cluster.collect(kubectl, docker, ("node-1",), tmp_path / "home", tmp_path / "into")
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "into").rglob("*") if path.is_file()}
    assert sizes["logs.txt"] == sizes["node-1.log"] == sizes["pods.txt"] == of_cluster.MAX_BYTES
    assert (tmp_path / "into" / "dump" / "custos" / "mysql-0" / "logs.txt").read_text().endswith("the end")
    assert max(sizes.values()) == of_cluster.MAX_BYTES
    assert "kind.log" in (tmp_path / "into" / "missing.txt").read_text()


def test_nodes_are_asked_for_logs_where_no_api_server_answers(tmp_path: Path) -> None:
    def dead(*args: str, **_: object) -> str:
        raise ToolFailed(["kubectl", *args], 1, "connection refused")

    asked: list[tuple[str, ...]] = []
    docker = cast("Docker", Talkative(asked.append))
    of_cluster.collect(cast("Kubectl", dead), docker, ("node-1",), tmp_path / "home", tmp_path / "into")
    assert (tmp_path / "into" / "node-1-pods.log").stat().st_size == of_cluster.MAX_BYTES
    (pods,) = (args for args in asked if "/var/log/pods" in args)
    assert pods[:2] == ("exec", "node-1")
    here = tmp_path / "pods" / "kube-system_etcd" / "etcd"
    here.mkdir(parents=True)
    for number, text in enumerate(("before the last start", "x" * of_cluster.POD_BYTES + "the end")):
        (here / f"{number}.log").write_text(text)
    (here / "other.txt").write_text("not a log")
    told = process.run([str(here.parents[1]) if arg == "/var/log/pods" else arg for arg in pods[2:]]).stdout
    assert "before the last start" in told
    assert told.count("the end") == 1
    assert "not a log" not in told
    assert len(told) < of_cluster.POD_BYTES + 1000
    assert "objects.yaml: " in (tmp_path / "into" / "missing.txt").read_text()


def test_a_journal_with_secrets_is_chained_as_it_is_written(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal.jsonl", Clock(), secrets=lambda: ["hunter2hunter2"])
    log.append("note", text="the password is hunter2hunter2")
    log.close()
    events = journal.read(tmp_path / "journal.jsonl")
    assert events[1].data == {"text": "the password is [redacted]"}
    assert json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[1])["data"] == events[1].data


class OfHooks(Session[RunOptions]):
    """A session that makes no cluster."""

    def drill(self, options: RunOptions, progress: Progress) -> Path:
        raise NotImplementedError


def test_a_password_in_a_users_command_is_in_no_record_of_the_run(tmp_path: Path) -> None:
    session = OfHooks(lambda: {"noticed": 1, "missed": []})
    session._hidden = frozenset({"correct horse", "after"})
    hook: dict[str, Json] = {"when": "after", "step": "restore", "command": "load --password='correct horse'"}
    with session.record(tmp_path, "prove", {"hooks": [hook], "summary": "s"}, lambda _: None) as made:
        written = json.loads((made.path.parent / "run.json").read_text())
    assert written["hooks"] == [{**hook, "command": "load --password='[redacted]'"}]
    assert written["summary"] == "s"
