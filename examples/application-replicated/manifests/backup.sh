#!/bin/bash
# Velero's hook on the primary, before the copy. /dump/all.sql is always a whole one: it is on disk before it gets that name.
set -euo pipefail
rm -f /dump/all.sql
MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysqldump --no-defaults --socket=/run/mysqld/mysqld.sock --user=root \
	--all-databases --routines --triggers --events --hex-blob --flush-privileges --single-transaction \
	--set-gtid-purged=ON >/dump/partial
tail -n 1 /dump/partial | grep '^-- Dump completed'
sync /dump/partial
mv /dump/partial /dump/all.sql
