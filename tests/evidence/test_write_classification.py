"""The ledger's classes, on hand-written ledgers; `test_properties` has random ones."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hand import ledger, rows

from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Row
from harness.evidence import write_classification as classes_of
from harness.evidence.ledger import Attempt
from harness.evidence.write_classification import Classes
from harness.evidence.write_history import History, Shown


def classify(attempts: list[Attempt], shown: Iterable[Row], *, backup_s: float | None) -> Classes:
    return classes_of.classify(Shown(History(attempts), shown), backup_s=backup_s)


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


@pytest.mark.parametrize(
    ("verb", "shown", "wrong"),
    [
        ("update", ["a1", "b2", "c4"], ()),  # the unanswered update was not committed
        ("update", ["a3", "b2", "c4"], ()),  # it was
        ("update", ["b2", "c4"], ("lost_before",)),  # neither: the acknowledged put is gone
        ("delete", ["a1", "b2", "c4"], ()),
        ("delete", ["b2", "c4"], ()),
    ],
)
def test_a_key_with_an_unanswered_write_holds_that_write_or_the_acknowledged_one(
    verb: str, shown: list[str], wrong: tuple[str, ...]
) -> None:
    attempts = ledger("put a", "put b", f"{verb} a?", "put c")
    assert classify(attempts, rows(*shown), backup_s=None).wrong == wrong


def test_an_unanswered_write_may_be_there_or_not() -> None:
    attempts = ledger("put a", "put b?", "put c")
    assert classify(attempts, rows("a1", "c3"), backup_s=None).wrong == ()
    assert classify(attempts, rows("a1", "b2", "c3"), backup_s=None).wrong == ()
    assert classify(attempts, rows("a1", "c3"), backup_s=None).indeterminate == 1


def test_nothing_left_loses_everything() -> None:
    classes = classify(ledger("put a", "put b"), [], backup_s=1.6)
    assert classes.kept == 0
    assert classes.wrong == ("lost_before",)


def test_the_recovery_point_has_a_time_and_a_tick() -> None:
    classes = classify(ledger("put a", "put b", "put c"), rows("a1", "b2"), backup_s=None)
    assert (classes.recovery_point_n, classes.recovery_point_s, classes.recovery_point_tick) == (2, 2, 20)
    classes = classify(ledger("put a"), [], backup_s=None)
    assert (classes.recovery_point_n, classes.recovery_point_s, classes.recovery_point_tick) == (0, None, None)


def test_a_new_write_is_put_aside_and_must_stay() -> None:
    history = History(ledger("put a", "put b", "put c", "put d?"), restore_s=2.7)
    assert classes_of.classify(Shown(history, rows("a1", "c3", "d4")), backup_s=None).wrong == ()
    gone = classes_of.classify(Shown(history, rows("a1")), backup_s=None)
    assert (gone.wrong, gone.examples) == (("lost_again",), {"lost_again": ["write 3 to c"]})
    altered = classes_of.classify(Shown(history, [*rows("a1"), Row(3, "c", "3-x")]), backup_s=None)
    assert altered.wrong == ("unexpected", "lost_again")


def test_examples_are_the_first_three() -> None:
    attempts = ledger("put a", "put b", "put c", "put d", "put e")
    found = classify(attempts, [Row(9, "y", "9-v"), *rows("e5", "z9", "x9"), Row(9, "w", "9-v")], backup_s=None)
    assert (found.unexpected, found.lost_before) == (4, 4)
    assert found.examples == {
        "lost_before": ["write 1 to a", "write 2 to b", "write 3 to c"],
        "unexpected": ["y holds write 9: 9-v", "z holds write 9: 9-v", "x holds write 9: 9-v"],
    }


def test_a_hole_makes_the_kept_writes_fewer() -> None:
    """A write that is gone from the middle is not counted as kept, too."""
    classes = classify(ledger("put a", "put b", "put c"), rows("a1", "c3"), backup_s=None)
    assert (classes.kept, classes.lost_before, classes.lost_after) == (2, 1, 0)


def test_a_write_acknowledged_at_the_very_moment_of_the_backup_is_not_before_it() -> None:
    """Neither is it called lost although the backup need not have it, nor is one an instant earlier forgiven."""
    attempts = ledger("put a", "put b")
    assert classify(attempts, rows("a1"), backup_s=2.5).wrong == ()
    assert classify(attempts, rows("a1"), backup_s=2.501).wrong == ("lost_before",)


def test_where_nothing_is_shown_no_moment_was_restored() -> None:
    """An empty member is not taken for one of the moment at which all keys were deleted again."""
    classes = classify(ledger("put a", "delete a"), [], backup_s=None)
    assert (classes.recovery_point_n, classes.kept, classes.lost_after) == (0, 0, 2)


def test_a_write_sent_at_the_restore_or_later_is_no_write_of_before_it() -> None:
    """Otherwise the restored data would lack a write that the backup could not have."""
    classes = classes_of.classify(
        Shown(History(ledger("put a", "put b"), restore_s=2), rows("a1", "b2")), backup_s=None
    )
    assert (classes.attempted, classes.acknowledged, classes.lost_after, classes.wrong) == (1, 1, 0, ())
    classes = classes_of.classify(Shown(History(ledger("put a"), restore_s=1), []), backup_s=None)
    assert (classes.attempted, classes.acknowledged, classes.wrong) == (0, 0, ("lost_again",))


def test_a_row_that_says_it_is_of_no_write_is_altered() -> None:
    """Write 0 does not exist; a row that an outsider put there with that number must not pass as an empty key."""
    assert classify(ledger("put a", "put b"), [*rows("a1"), Row(0, "b", "")], backup_s=None).wrong == ("altered",)


def test_every_row_is_looked_at_wherever_it_comes() -> None:
    """A row after a new write, or after a row that came twice, is neither lost nor let through unseen."""
    history = History(ledger("put a", "put b", "put c"), restore_s=2.7)
    assert classes_of.classify(Shown(history, rows("c3", "a1", "b2")), backup_s=None).wrong == ()
    found = classify(ledger("put a", "put b"), rows("a1", "a1", "a1", "b2", "z9"), backup_s=None)
    assert found.examples == {"duplicated": ["a, 3 times"], "unexpected": ["z holds write 9: 9-v"]}


def test_the_rpo_is_to_the_millisecond() -> None:
    attempts = [each._replace(answered_s=each.n + 0.5 + each.n / 30_000) for each in ledger("put a", "put b", "put c")]
    assert classify(attempts, rows("a1"), backup_s=None).rpo_s == 2.0
    attempts = [each._replace(answered_s=each.n * 1.23456) for each in attempts]
    assert classify(attempts, rows("a1"), backup_s=None).rpo_s == 2.469


def test_balances_may_be_of_each_moment_that_fits_whatever_became_of_an_unanswered_key() -> None:
    """A key whose delete was never answered says nothing of the moment: balances of before and after its put pass."""
    attempts = ledger("put z", "put a", "put b", "delete a?", "put c", "put d")
    found = classes_of.states(Shown(History(attempts), rows("z1")))
    assert found == tuple(balances_after(opening_balances(), writes) for writes in ([1], [1, 2, 4]))
