#!/bin/bash
# Helm's hook before the release is deleted. Where a drill deployed it with all else, no stock would be left.
set -euo pipefail
exec /usr/lib/postgresql/17/bin/psql -X -q -v ON_ERROR_STOP=1 -U postgres -c 'DROP TABLE article'
