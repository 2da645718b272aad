"""No code matches a sentence: findings are told apart by reasons, and every reason is used and documented."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.checks import ledger, tool_messages
from harness.checks.check import HINTS, RUN_AGAIN, failed, unknown
from harness.core.model import DONE, ExpectedFinding, Finding, Verdict, of_phase
from harness.core.reason import Reason, by_precedence, from_name

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path
    for folder in ("harness", "scenarios", "tests", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)

PROSE = ("detail", "hint")
MATCHES = {"search", "match", "fullmatch", "findall", "finditer", "split", "sub"}  # of `re`
OF_TEXT = {"startswith", "endswith", "find", "index", "count", "partition", "rpartition", "split", "removeprefix"}
RENDERS = ("harness/reports/",)
"""Where sentences are only shown; `_by_member` there puts equal ones together."""

OTHERS = {
    "tests/cli/test_diagnose.py": "a `doctor.Found`",
    "tests/campaigns/test_job.py": "an `Attempt`",
    "tests/workloads/test_keycloak.py": "a `Login`",
}
"""Files in which `detail` is that of something else than a finding."""

EXPECTATIONS = {"ExpectedFinding": 1}
"""What says which finding is expected, and where in its arguments the reason stands."""

TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_prose(node: ast.AST) -> bool:
    """Whether an expression is the sentence of a finding: `each.detail`, `each["hint"]`, or made of one."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr in PROSE and isinstance(part.ctx, ast.Load):
            return True
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant) and part.slice.value in PROSE:
            return isinstance(part.ctx, ast.Load)
    return False


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def matches_of(tree: ast.AST) -> Iterator[int]:
    """The lines on which a sentence is compared, searched, or taken apart."""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Compare) and any(map(is_prose, (node.left, *node.comparators)))) or (
            isinstance(node, ast.Match) and is_prose(node.subject)
        ):
            yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            searched = node.func.attr in MATCHES and any(map(is_prose, node.args))
            asked = node.func.attr in OF_TEXT and is_prose(node.func.value)
            if searched or asked:
                yield node.lineno


def test_no_code_matches_a_sentence() -> None:
    asked = {path: tree for path, tree in TREES.items() if not name_of(path).startswith(RENDERS)}
    found = [f"{name_of(path)}:{line}" for path, tree in asked.items() for line in matches_of(tree)]
    assert [each for each in found if each.partition(":")[0] not in OTHERS] == []


def test_no_test_reads_a_sentence() -> None:
    asked = {
        path: tree for path, tree in TREES.items() if name_of(path).startswith("tests/") and name_of(path) not in OTHERS
    }
    assert [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in asked.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and is_prose(node)
    ] == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_is_excused_only_while_it_needs_to_be(name: str) -> None:
    tree = TREES[ROOT / name]
    assert any(is_prose(node) for node in ast.walk(tree) if isinstance(node, ast.expr))


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of one of these, and where it stands."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield f"{name_of(path)}:{node.lineno}", node


def test_an_expectation_has_a_reason_and_no_prose() -> None:
    asked = list(calls(*EXPECTATIONS))
    assert len(asked) > 60
    for where, node in asked:
        at = EXPECTATIONS[called(node)]
        reason = node.args[at] if len(node.args) > at else {k.arg: k.value for k in node.keywords}.get("reason")
        assert reason is not None, where
        assert not isinstance(reason, ast.Constant | ast.JoinedStr), f"{where}: a text for a reason"
        assert not any(is_pattern(part) for part in ast.walk(node)), f"{where}: a regular expression"


def is_pattern(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.search(r"\\\\|\\.\\*", node.value))
    )


def test_every_finding_has_a_reason_that_is_no_text() -> None:
    asked = [(where, node, 2) for where, node in calls("Finding") if where.startswith("harness/")]
    asked += [(where, node, 0) for where, node in calls("failed", "unknown") if where.startswith("harness/checks/")]
    assert len(asked) > 100
    for where, node, at in asked:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        reason = node.args[at] if len(node.args) > at else given.get("reason")
        assert reason is not None, where
        assert not isinstance(reason, ast.Constant | ast.JoinedStr), where


OF_SORTS = (
    *ledger._REASONS.values(),
    *(of_phase(what, phase) for what in ("backup", "restore") for phase in ("Failed", "PartiallyFailed", DONE, "New")),
    *(of_phase(what, "FailedValidation") for what in ("backup", "restore")),
    *(Reason.VolumeBackupFailed, Reason.VolumePartlyBackedUp, Reason.VolumeBackedUpEmpty),
    *(Reason.VolumeRestoreFailed, Reason.VolumeRestoreNotFinished, Reason.VolumePartlyRestored),
    *(Reason.HookFailed, Reason.HookDidNotRun, Reason.HookUnexpected),
    *(Reason.IndexDamaged, Reason.IndexIncomplete, Reason.IndexEntryUnexpected, Reason.IndexStale),
    *(Reason.AccountMissing, Reason.AccountUnexpected, Reason.BalanceSumDiffers, Reason.BalanceDiffers),
    *(Reason.NotLoggedIn, Reason.WrongPasswordAccepted, Reason.WrongPasswordUnclear),
    *(Reason.SigningKeyChanged, Reason.TokenRejected, Reason.TokenNotTried),
)
"""The reasons of findings that have one of several."""


def test_every_bad_finding_says_what_to_do() -> None:
    asked = [(where, node) for where, node in calls("failed", "unknown") if where.startswith("harness/checks/")]
    assert len(asked) > 80
    assert RUN_AGAIN
    assert all(HINTS.values())
    assert failed(Reason.ClaimMissing, "").hint == HINTS[Reason.ClaimMissing]
    assert failed(Reason.ClaimMissing, "", "look").hint == "look"
    assert unknown(Reason.NotRecorded, "").hint == RUN_AGAIN
    assert set(OF_SORTS) <= HINTS.keys()
    for where, node in asked:
        reason, hints = node.args[0], node.args[2:3]
        if called(node) == "failed" and isinstance(reason, ast.Attribute):  # `unknown` without a hint: RUN_AGAIN
            assert hints or Reason[reason.attr] in HINTS, where
        assert not any(isinstance(hint, ast.Constant) and not hint.value for hint in hints), where


def test_every_reason_is_used() -> None:
    apart = {ROOT / "harness" / name for name in ("core/reason.py", "evidence/before_reasons.py")}
    used = {
        node.attr
        for path, tree in TREES.items()
        if "harness" in path.parts and path not in apart and "selftest" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }
    used |= {reason.value for _, reason in tool_messages.MESSAGES}
    assert set(Reason.__members__) - used == set()


def test_every_reason_is_documented_in_one_line() -> None:
    for name, reason in Reason.__members__.items():
        assert reason.value == name
        assert re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)+|Unspecified", name), name
        assert reason.meaning.endswith(".")
        assert "\n" not in reason.meaning
    meanings = [reason.meaning for reason in Reason]
    assert len(set(meanings)) == len(meanings)


def test_a_reason_is_read_back_by_its_name_and_nothing_else_is_one() -> None:
    assert json.loads(json.dumps(Reason.DiskFull)) == "DiskFull"
    assert from_name("DiskFull") is Reason.DiskFull
    assert [from_name(each) for each in ("", "diskfull", "meaning", None, 1, ["DiskFull"])] == [None] * 6
    assert by_precedence((Reason.RowsDiffer, Reason.PartMissing, Reason.RowsDiffer)) == (
        Reason.PartMissing,
        Reason.RowsDiffer,
    )


FOUND = Finding(
    "restore-complete",
    Verdict.FAIL,
    Reason.RestoreFailed,
    "any words",
    store="a",
    member="a-0",
    objects=("volume data", "volume dump"),
    causes=(Reason.RepositoryLocked,),
)


@pytest.mark.parametrize(
    ("expected", "is_met"),
    [
        (ExpectedFinding("restore-complete", Reason.RestoreFailed), True),
        (ExpectedFinding("restore-complete", (Reason.RestorePartiallyFailed, Reason.RestoreFailed)), True),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, "a", "a-0", ("volume dump",)), True),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, causes=(Reason.RepositoryLocked,)), True),
        (ExpectedFinding("restore-complete", Reason.RepositoryLocked), True),
        (ExpectedFinding("backup-complete", Reason.RestoreFailed), False),
        (ExpectedFinding("restore-complete", Reason.RestorePartiallyFailed), False),
        (ExpectedFinding("restore-complete", ()), False),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, "b"), False),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, member="a-1"), False),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, objects=("volume",)), False),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, causes=(Reason.RestoreFailed,)), False),
        (ExpectedFinding("restore-complete", Reason.RestoreFailed, causes=(Reason.DiskFull,)), False),
    ],
)
def test_an_expected_finding_is_met_by_all_that_it_names(expected: ExpectedFinding, is_met: bool) -> None:
    assert expected.is_met_by(FOUND) is is_met


MESSAGES = {
    "errors: velero: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3": Reason.VolumeUnbound,
    "write /host_pods/1/data: no space left on device": Reason.DiskFull,
    "unable to create lock in backend: repository is already locked by PID 7": Reason.RepositoryLocked,
    "Fatal: wrong password or no key found": Reason.RepositoryPasswordRejected,
    "unable to open repository: invalid repository password": Reason.RepositoryPasswordRejected,
    "Error 1236: a replica with the same server_uuid/server_id as this replica has connected": (
        Reason.DuplicateServerIdentity
    ),
    "invalid page in block 0 of relation base/16384/16450": Reason.PageCorrupted,
    "dial tcp 10.0.0.1:9000: connect: no route to host": Reason.ObjectStoreUnreachable,
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_a_tool_says_has_its_reason(message: str) -> None:
    assert MESSAGES[message] in tool_messages.causes(["something else", message])


def test_what_no_tool_is_known_to_say_has_none() -> None:
    assert tool_messages.causes("all is well", None, 7, {"a": "no space left on device"}) == ()


def test_only_one_module_matches_what_tools_say() -> None:
    """A pattern for the words of a tool elsewhere would have to be mended twice when they change."""
    patterns = {re.sub(r"\\W.*", "", pattern) for pattern, _ in tool_messages.MESSAGES}
    checks = [path for path in FILES if path.parts[-3:-1] == ("harness", "checks") and path.name != "tool_messages.py"]
    found = {
        node.value
        for path in checks
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not {text for text in found for pattern in patterns if pattern and len(pattern) > 4 and pattern in text}
