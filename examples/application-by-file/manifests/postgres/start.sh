#!/bin/bash
# Starts the server. An empty volume is filled from the dump of a backup, if there is one, else from schema.sql, as most
# images do. So a restore that brings nothing ends in a stock that is new, empty and Ready: a drill is what tells.
set -Eeuo pipefail
export PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/data/pg PGHOST=/run/postgresql LC_ALL=C
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
sql() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -U postgres "$@" >/dev/null; }

chown postgres:postgres /data /dump
install -d -o postgres -g postgres -m 3775 "$PGHOST"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	new=/data/new
	rm -rf "$new"
	as_postgres initdb -D "$new" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --data-checksums \
		--encoding=UTF8 --locale=C >&2
	echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
	as_postgres pg_ctl -D "$new" -w start -o "-c listen_addresses= -c unix_socket_directories=$PGHOST" >&2
	if [ -s /dump/all.sql ]; then
		echo "start.sh: an empty volume; loading the dump" >&2
		sed '/^CREATE ROLE postgres;$/d' /dump/all.sql | sql -d postgres # initdb has made this one already
	else
		echo "start.sh: an empty volume and no dump; a new stock" >&2
		sql -d postgres <<-'SQL'
			\getenv password POSTGRES_PASSWORD
			ALTER ROLE postgres PASSWORD :'password';
			CREATE DATABASE stock;
		SQL
		sql -d stock -f - </scripts/schema.sql
	fi
	as_postgres pg_ctl -D "$new" -w -m fast stop >&2
	mv -T "$new" "$PGDATA"
fi
unset POSTGRES_PASSWORD
exec setpriv --reuid=postgres --regid=postgres --init-groups \
	postgres -D "$PGDATA" -c "listen_addresses=*" -c "unix_socket_directories=$PGHOST"
