"""The ledger's classes, on hand-written ledgers and on random ones."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.classify import classify
from harness.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt, Workload
from harness.model import Operation, Row


def ledger(*texts: str) -> list[Attempt]:
    """`put a`, `update a`, `delete a`, each with `?` (unanswered) or `!` (refused) at the end if not acknowledged."""
    attempts = []
    for n, text in enumerate(texts, 1):
        answer = {"?": UNANSWERED, "!": REFUSED}.get(text[-1], ACKNOWLEDGED)
        verb, key = text.rstrip("?!").split()
        value = "" if verb == "delete" else f"{n}-v"
        attempts.append(Attempt(Operation(n, verb, key, value), n, answer, n + 0.5))
    return attempts


def rows(*texts: str) -> list[Row]:
    """`a1` is key a as write 1 left it."""
    return [Row(int(text[1:]), text[0], f"{text[1:]}-v") for text in texts]


def test_a_prefix_is_kept_and_the_rest_is_the_rpo() -> None:
    classes = classify(ledger("put a", "put b", "put c", "put d"), rows("a1", "b2"), backup_s=2.6)
    assert (classes.kept, classes.lost_after, classes.recovery_point_n, classes.wrong) == (2, 2, 2, ())
    assert classes.rpo_s == 2.0


def test_a_hole_is_lost_before() -> None:
    classes = classify(ledger("put a", "put b", "put c"), rows("a1", "c3"), backup_s=None)
    assert (classes.lost_before, classes.wrong) == (1, ("lost_before",))


def test_an_older_backup_is_lost_before() -> None:
    classes = classify(ledger("put a", "put b", "put c"), rows("a1"), backup_s=2.7)
    assert classes.wrong == ("lost_before",)
    assert classes.lost_before == 1


def test_an_update_undone_is_lost_before() -> None:
    classes = classify(ledger("put a", "update a", "put b"), rows("a1", "b3"), backup_s=None)
    assert classes.wrong == ("lost_before",)


def test_a_deleted_row_that_is_back_is_resurrected() -> None:
    classes = classify(ledger("put a", "delete a", "put b"), rows("a1", "b3"), backup_s=None)
    assert classes.wrong == ("resurrected",)


def test_a_delete_just_before_the_backup_is_not_to_be_undone_either() -> None:
    classes = classify(ledger("put a", "put b", "delete a"), rows("a1", "b2"), backup_s=4)
    assert classes.wrong == ("lost_before",)


def test_a_delete_that_is_seen_moves_the_recovery_point() -> None:
    classes = classify(ledger("put a", "put b", "delete a", "put c"), rows("b2"), backup_s=3.6)
    assert (classes.recovery_point_n, classes.lost_after, classes.wrong) == (3, 1, ())


def test_a_put_that_was_deleted_again_leaves_no_trace_and_is_not_lost() -> None:
    classes = classify(ledger("put a", "put b", "delete b", "put c"), rows("a1"), backup_s=3.6)
    assert (classes.recovery_point_n, classes.lost_after, classes.wrong) == (3, 1, ())


def test_duplicated_altered_and_unexpected() -> None:
    attempts = ledger("put a", "put b")
    assert classify(attempts, rows("a1", "a1", "b2"), backup_s=None).wrong == ("duplicated",)
    assert classify(attempts, [Row(1, "a", "1-x"), *rows("b2")], backup_s=None).wrong == ("altered",)
    assert classify(attempts, rows("a1", "b2", "z9"), backup_s=None).wrong == ("unexpected",)


def test_a_refused_write_that_is_there_is_not_ours() -> None:
    assert classify(ledger("put a", "put b!"), rows("a1", "b2"), backup_s=None).wrong == ("unexpected",)


def test_an_unanswered_write_may_be_there_or_not() -> None:
    attempts = ledger("put a", "put b?", "put c")
    assert classify(attempts, rows("a1", "c3"), backup_s=None).wrong == ()
    assert classify(attempts, rows("a1", "b2", "c3"), backup_s=None).wrong == ()
    assert classify(attempts, rows("a1", "c3"), backup_s=None).indeterminate == 1


def test_nothing_left_loses_everything() -> None:
    classes = classify(ledger("put a", "put b"), [], backup_s=1.6)
    assert classes.kept == 0
    assert classes.wrong == ("lost_before",)


def replay(attempts: list[Attempt], point: int) -> dict[str, Row]:
    holds: dict[str, Row] = {}
    for attempt in attempts[:point]:
        operation = attempt.operation
        if operation.verb == "delete":
            holds.pop(operation.key, None)
        else:
            holds[operation.key] = Row(operation.n, operation.key, operation.value)
    return holds


def workload(seed: int, length: int) -> list[Attempt]:
    source = Workload(seed, "store")
    attempts = []
    for n in range(1, length + 1):
        operation = source.next()
        source.answered(operation, ACKNOWLEDGED)
        attempts.append(Attempt(operation, n, ACKNOWLEDGED, n + 0.5))
    return attempts


@settings(max_examples=300)
@given(st.integers(0, 1000), st.integers(1, 120), st.data())
def test_any_moment_restored_whole_has_nothing_wrong(seed: int, length: int, data: st.DataObject) -> None:
    attempts = workload(seed, length)
    point = data.draw(st.integers(1, length))
    shown = data.draw(st.permutations(list(replay(attempts, point).values())))
    classes = classify(attempts, shown, backup_s=None)
    assert classes.wrong == ()
    assert classes.lost_after <= length - point
    assert classes.kept + classes.lost_after == length


@given(st.integers(0, 1000), st.integers(15, 120), st.data())
def test_any_single_change_is_seen(seed: int, length: int, data: st.DataObject) -> None:
    attempts = workload(seed, length)
    holds = replay(attempts, length)
    victim = data.draw(st.sampled_from(sorted(holds)))
    row = holds.pop(victim)
    change = data.draw(st.sampled_from(["gone", "altered", "twice", "another number"]))
    shown = list(holds.values())
    if change == "altered":
        shown.append(Row(row.n, row.key, row.value[:-1] + "x"))
    elif change == "twice":
        shown += [row, row]
    elif change == "another number":
        shown.append(Row(row.n + 1, row.key, row.value))
    # All was acknowledged before the backup, so that there is no "lost after" for a loss to hide in.
    assert classify(attempts, shown, backup_s=length + 1).wrong
