"""The health of a MySQL member and of its replication."""

from pymysql.cursors import Cursor

from harness.core.model import Health
from harness.core.reason import Reason
from harness.workloads.health import Problem, health_of
from harness.workloads.mysql.catalog import MYSQL
from harness.workloads.sql_store import one

LAG_S = 2
"""Seconds that a healthy replica may take to apply what the primary has."""


def primary_health(sql: Cursor) -> Health:
    """The primary takes writes, replicates from nobody, logs all databases, and has its events enabled."""
    uuid, closed, channels, filters, left = map(str, one(sql, MYSQL.queries["primary_health"]))
    sql.execute("SHOW BINARY LOG STATUS")
    # The third and fourth column: the only databases in it, or those that are not.
    withheld = ", ".join(str(name) for row in sql.fetchall() for name in row[2:4] if name)
    sql.execute("SELECT event_name FROM information_schema.events WHERE status = 'REPLICA_SIDE_DISABLED'")
    asleep = [str(name) for (name,) in sql.fetchall()]
    held = f"{left} transactions without a session hold locks (see XA RECOVER)"
    return health_of(
        (
            Problem(closed != "0", Reason.ClosedToWrites, "it is closed to writes"),
            Problem(channels != "0", Reason.FollowsAnother, "it replicates from another server"),
            Problem(bool(filters), Reason.ReplicationFiltered, f"it filters: {filters}", _filtered(filters)),
            Problem(left != "0", Reason.TransactionLeftOpen, held),
            Problem(
                bool(withheld),
                Reason.ReplicationFiltered,
                f"its binary log does not contain all databases: {withheld}",
                (f"binary log {withheld}",),
            ),
            *(
                Problem(True, Reason.EventDisabled, f"event {e} is disabled as on a replica", (f"event {e}",))
                for e in asleep
            ),
        ),
        good="takes writes",
        role="primary",
        identity=uuid,
    )


def replica_health(sql: Cursor, primary: Cursor) -> Health:
    """A replica is closed to writes, receives everything of this primary at once, and applies it without an error.

    It has all transactions of the primary, and no others.
    """
    source, transactions = map(str, one(primary, "SELECT @@server_uuid, @@GLOBAL.gtid_executed"))
    late = one(sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", transactions, LAG_S)[0]
    told = map(str, one(sql, MYSQL.queries["replica_health"]))
    uuid, closed, executed, receives, applies, follows, delay, channels, filters, errors = told
    errant = one(primary, "SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", executed)[0]
    lacking = f"it lacks transactions that the primary had {LAG_S} s before: {transactions}"
    another = f"it replicates from {follows or 'nobody'}, the primary is {source}"
    return health_of(
        (
            Problem(closed != "1", Reason.OpenToWrites, "it is open to writes"),
            Problem(int(channels) > 1, Reason.ExtraChannels, f"it has {channels} channels"),
            Problem(
                receives != "ON", Reason.ReplicationStopped, f"its receiver is {receives}", (f"receiver {receives}",)
            ),
            Problem(applies != "ON", Reason.ReplicationStopped, f"its applier is {applies}", (f"applier {applies}",)),
            Problem(follows != source, Reason.FollowsAnother, another),
            Problem(uuid == source, Reason.DuplicateServerIdentity, "it has the primary's identity"),
            Problem(delay != "0", Reason.ReplicationDelayed, f"it is delayed by {delay} s", (f"delay {delay} s",)),
            Problem(bool(filters), Reason.ReplicationFiltered, f"it filters: {filters}", _filtered(filters)),
            Problem(bool(late), Reason.ReplicationLagging, lacking),
            Problem(bool(errant), Reason.AheadOfPrimary, f"it has transactions that the primary lacks: {errant}"),
            Problem(bool(errors), Reason.ReplicationFailed, errors),
        ),
        good=f"follows {source}, has all its transactions",
        role="replica",
        identity=uuid,
    )


def _filtered(filters: str) -> tuple[str, ...]:
    return tuple(f"filter {each}" for each in filters.split("; ") if each)
