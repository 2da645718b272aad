#!/bin/bash
# Starts the server. An empty volume is filled from the dump of a backup, if there is one; else the database is empty.
set -Eeuo pipefail
export PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/data/pg PGHOST=/run/postgresql LC_ALL=C
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
sql() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres "$@" >/dev/null; }

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
		sed '/^CREATE ROLE postgres;$/d' /dump/all.sql | sql # initdb has made this one already
	else
		sql <<-'SQL'
			\getenv password POSTGRES_PASSWORD
			\getenv database POSTGRES_DB
			ALTER ROLE postgres PASSWORD :'password';
			CREATE DATABASE :"database";
		SQL
	fi
	as_postgres pg_ctl -D "$new" -w -m fast stop >&2
	mv -T "$new" "$PGDATA"
fi
unset POSTGRES_PASSWORD
exec setpriv --reuid=postgres --regid=postgres --init-groups \
	postgres -D "$PGDATA" -c "listen_addresses=*" -c "unix_socket_directories=$PGHOST"
