"""The health of a MariaDB member and of its replication, which no table shows before 11.6."""

from collections.abc import Iterable, Mapping

from pymysql.cursors import Cursor

from harness.core.model import Health
from harness.core.reason import Reason
from harness.workloads.health import Problem, health_of
from harness.workloads.mariadb.catalog import MARIADB
from harness.workloads.mysql.health import LAG_S
from harness.workloads.sql_store import one

Channel = Mapping[str, str]


def primary_health(sql: Cursor) -> Health:
    """The primary takes writes, replicates from nobody, logs all databases, and has its events enabled."""
    number, closed, _ = map(str, one(sql, MARIADB.queries["member"]))
    left = str(one(sql, MARIADB.queries["left_open"])[0])
    followed = channels(sql)
    sql.execute("SHOW BINLOG STATUS")
    # The third and fourth column: the only databases in it, or those that are not.
    withheld = ", ".join(str(name) for row in sql.fetchall() for name in row[2:4] if name)
    sql.execute("SELECT event_name FROM information_schema.events WHERE status = 'SLAVESIDE_DISABLED'")
    asleep = [str(name) for (name,) in sql.fetchall()]
    return health_of(
        (
            Problem(closed != "0", Reason.ClosedToWrites, "it is closed to writes"),
            Problem(bool(followed), Reason.FollowsAnother, "it replicates from another server"),
            Problem(
                left != "0",
                Reason.TransactionLeftOpen,
                f"{left} transactions without a session hold locks (see XA RECOVER)",
            ),
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
        identity=number,
    )


def replica_health(sql: Cursor, primary: Cursor) -> Health:
    """A replica is closed to writes, receives everything of this primary at once, and applies it without an error.

    It has all transactions of the primary, and no others.
    """
    source, position = map(str, one(primary, "SELECT @@server_id, @@GLOBAL.gtid_current_pos"))
    late = one(sql, "SELECT MASTER_GTID_WAIT(%s, %s)", position, LAG_S)[0] != 0
    followed = channels(sql)
    number, closed, executed = map(str, one(sql, MARIADB.queries["member"]))
    errant = ", ".join(lacking(executed, str(one(primary, MARIADB.queries["member"])[2])))
    one_of = followed[0] if followed else {}
    receives, applies = (one_of.get(f"Slave_{each}_Running", "absent") for each in ("IO", "SQL"))
    follows, delay = one_of.get("Master_Server_Id", ""), one_of.get("SQL_Delay", "0")
    filters = tuple(
        f"filter {name} {value}" for each in followed for name, value in each.items() if _is_filter(name) and value
    )
    errors = "; ".join(error for each in followed for error in (each["Last_IO_Error"], each["Last_SQL_Error"]) if error)
    return health_of(
        (
            Problem(closed != "1", Reason.OpenToWrites, "it is open to writes"),
            Problem(len(followed) > 1, Reason.ExtraChannels, f"it has {len(followed)} channels"),
            Problem(
                receives != "Yes", Reason.ReplicationStopped, f"its receiver is {receives}", (f"receiver {receives}",)
            ),
            Problem(applies != "Yes", Reason.ReplicationStopped, f"its applier is {applies}", (f"applier {applies}",)),
            Problem(
                follows != source,
                Reason.FollowsAnother,
                f"it replicates from the server {follows or 'nobody'}, the primary is {source}",
            ),
            Problem(number == source, Reason.DuplicateServerIdentity, "it has the primary's server_id"),
            Problem(delay != "0", Reason.ReplicationDelayed, f"it is delayed by {delay} s", (f"delay {delay} s",)),
            Problem(bool(filters), Reason.ReplicationFiltered, f"it filters: {', '.join(filters)}", filters),
            Problem(
                late,
                Reason.ReplicationLagging,
                f"it lacks transactions that the primary had {LAG_S} s before: {position}",
            ),
            Problem(bool(errant), Reason.AheadOfPrimary, f"it has transactions that the primary lacks: {errant}"),
            Problem(bool(errors), Reason.ReplicationFailed, errors),
        ),
        good=f"follows {source}, has all its transactions",
        role="replica",
        identity=number,
    )


def channels(sql: Cursor) -> list[Channel]:
    """The servers from which this one replicates, as SHOW ALL REPLICAS STATUS has them."""
    sql.execute("SHOW ALL REPLICAS STATUS")
    names = [str(column[0]) for column in sql.description or ()]
    return [
        {name: "" if value is None else str(value) for name, value in zip(names, row, strict=True)}
        for row in sql.fetchall()
    ]


def lacking(executed: str, known: str) -> list[str]:
    """The positions in `executed` up to which `known` does not go: of each domain, for each server that wrote there.

    Both are lists of DOMAIN-SERVER-NUMBER.
    """
    reached: dict[str, int] = {}
    for writer, number in _positions(known):
        reached[writer] = max(number, reached.get(writer, 0))
    return [f"{writer}-{number}" for writer, number in _positions(executed) if number > reached.get(writer, 0)]


def _positions(text: str) -> Iterable[tuple[str, int]]:
    for each in filter(None, text.replace("\n", "").split(",")):
        writer, _, number = each.strip().rpartition("-")
        yield writer, int(number)


def _is_filter(name: str) -> bool:
    return name.startswith("Replicate_")
