#!/bin/bash
# Velero's pre-hook. /dump/all.sql is always a whole one: it is on disk before it gets that name.
set -Eeuo pipefail
export PATH=/usr/lib/postgresql/17/bin:$PATH
setpriv --reuid=postgres --regid=postgres --init-groups pg_dumpall -h /run/postgresql -U postgres >/dump/partial
chown postgres:postgres /dump/partial
sync /dump/partial
mv /dump/partial /dump/all.sql
