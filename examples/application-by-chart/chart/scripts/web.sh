#!/bin/bash
# Shows how many articles there are, twice a minute.
set -euo pipefail
trap 'exit 143' TERM INT
while :; do
	/usr/lib/postgresql/17/bin/psql -X -A -t -U postgres -c 'SELECT count(*) FROM article' || true
	sleep 30 &
	wait $!
done
