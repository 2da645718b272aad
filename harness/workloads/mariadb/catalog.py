"""The statements and catalogs of MariaDB."""

from pathlib import Path

from harness.workloads.mysql.catalog import Dialect

MARIADB = Dialect.of(Path(__file__).parent)

NOT_READ_ALONE = (
    (
        "indexes of Aria, MyISAM and other engines, of system-versioned tables, with a prefix of a column, or IGNORED",
        "the same",
    ),
)
"""Which indexes are not read alone, besides `mysql.indexes.EXCLUDED`; CHECK TABLE reads them."""
