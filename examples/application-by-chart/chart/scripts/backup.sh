#!/bin/bash
# Velero's hook before the copy. /dump/all.sql is always a whole one: it is on disk before it gets that name.
set -Eeuo pipefail
export PATH=/usr/lib/postgresql/17/bin:$PATH
rm -f /dump/all.sql
setpriv --reuid=postgres --regid=postgres --init-groups pg_dumpall -h /run/postgresql -U postgres >/dump/partial
chown postgres:postgres /dump/partial
sync /dump/partial
mv /dump/partial /dump/all.sql
