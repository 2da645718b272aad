#!/bin/bash
# Starts the server. An empty volume is filled from the dump of a backup, if there is one, else from schema.sql, as most
# images do. So a restore that brings nothing ends in a shop that is new, empty and Ready: a drill is what tells.
set -euo pipefail

SERVER=(mysqld --no-defaults --user=mysql --innodb-buffer-pool-size=128M --mysqlx=OFF)
PRIVATE=/run/mysqld/private.sock

sql() { mysql --no-defaults --socket="$PRIVATE" --user=root "$@"; }

install -d -o mysql -g mysql /run/mysqld
chown mysql:mysql /data
if [ ! -d /data/mysql ]; then
	rm -rf /data/new
	"${SERVER[@]}" --datadir=/data/new --initialize-insecure
	"${SERVER[@]}" --datadir=/data/new --socket="$PRIVATE" --skip-networking --skip-log-bin &
	until mysqladmin --no-defaults --socket="$PRIVATE" ping >/dev/null 2>&1; do
		kill -0 $! || exit 1
		sleep 0.2
	done
	if [ -s /dump/all.sql ]; then
		echo "start.sh: an empty volume; loading the dump" >&2
		sql </dump/all.sql
	else
		echo "start.sh: an empty volume and no dump; a new shop" >&2
		sql <<-SQL
			ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
			CREATE USER root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
			GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
		SQL
		MYSQL_PWD=$MYSQL_ROOT_PASSWORD sql </scripts/schema.sql
	fi
	kill $!
	wait $!
	mv -T /data/new /data/mysql
fi
exec "${SERVER[@]}" --datadir=/data/mysql --socket=/run/mysqld/mysqld.sock
