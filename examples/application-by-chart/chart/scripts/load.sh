#!/bin/bash
# Helm's hook after the install: what a new stock begins with.
set -euo pipefail
exec /usr/lib/postgresql/17/bin/psql -X -q -v ON_ERROR_STOP=1 -v articles="$ARTICLES" -U postgres -1 -f - <<'SQL'
CREATE TABLE article (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, price numeric(10, 2) NOT NULL);
CREATE INDEX article_name ON article (name);
INSERT INTO article (name, price) SELECT 'Article ' || n, n % 900 + 0.99 FROM generate_series(1, :articles) n;
SQL
