#!/bin/bash
# Starts one member. An empty volume of the primary is filled from the dump of a backup, if there is one, else from
# schema.sql; that of a replica with a clone of the primary. So no replica is in a backup.
set -euo pipefail
trap 'exit 143' TERM INT

PRIMARY=orders-db-0.orders-db
PRIVATE=/run/mysqld/private.sock
SERVER=(mysqld --no-defaults --user=mysql --innodb-buffer-pool-size=128M --mysqlx=OFF --skip-name-resolve
	--gtid-mode=ON --enforce-gtid-consistency=ON --log-bin=binlog --relay-log=relay --relay-log-recovery=ON
	--plugin-load-add=mysql_clone.so)
case $HOSTNAME in
orders-db-0) SERVER+=(--server-id=1) ;;
*) SERVER+=("--server-id=$((2 + ${HOSTNAME##*-}))" --super-read-only=ON) ;;
esac

say() { echo "start.sh: $*" >&2; }
sql() { mysql --no-defaults --socket="$PRIVATE" --user=root "$@"; }
initialise() { "${SERVER[@]}" "--datadir=$1" --initialize-insecure --skip-log-bin; }

# A server on the directory $1 that nobody else reaches.
open_private() {
	"${SERVER[@]}" "--datadir=$1" "--socket=$PRIVATE" --skip-networking --skip-log-bin --skip-replica-start \
		--read-only=OFF --super-read-only=OFF &
	until mysqladmin --no-defaults --socket="$PRIVATE" ping >/dev/null 2>&1; do
		kill -0 $! || exit 1
		sleep 0.2
	done
}
close_private() { kill $!; wait $!; }

fill_primary() {
	initialise /data/new
	open_private /data/new
	if [ -s /dump/all.sql ]; then
		say "an empty volume; loading the dump"
		sql </dump/all.sql
	else
		say "an empty volume and no dump; a new shop"
		sql <<-SQL
			ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
			CREATE USER root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
			GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
			CREATE USER replication@'%' IDENTIFIED BY '$MYSQL_REPLICATION_PASSWORD';
			GRANT REPLICATION SLAVE, BACKUP_ADMIN ON *.* TO replication@'%';
		SQL
		MYSQL_PWD=$MYSQL_ROOT_PASSWORD sql </scripts/schema.sql
	fi
	close_private
}

fill_replica() {
	say "an empty volume; cloning $PRIMARY"
	initialise /data/scratch
	open_private /data/scratch
	until sql <<-SQL
		SET GLOBAL clone_valid_donor_list = '$PRIMARY:3306';
		CLONE INSTANCE FROM replication@'$PRIMARY':3306 IDENTIFIED BY '$MYSQL_REPLICATION_PASSWORD'
		  DATA DIRECTORY = '/data/new';
	SQL
	do
		rm -rf /data/new
		sleep 1 # it is not up yet, or another replica clones it
	done
	close_private
	rm -rf /data/scratch
	open_private /data/new
	MYSQL_PWD=$MYSQL_ROOT_PASSWORD sql <<-SQL
		CHANGE REPLICATION SOURCE TO SOURCE_HOST = '$PRIMARY', SOURCE_USER = 'replication',
		  SOURCE_PASSWORD = '$MYSQL_REPLICATION_PASSWORD', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1,
		  SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 0, SOURCE_HEARTBEAT_PERIOD = 2;
	SQL
	close_private
}

install -d -o mysql -g mysql /run/mysqld
chown mysql:mysql /data
if [ ! -d /data/mysql ]; then
	rm -rf /data/new /data/scratch
	if [ "$HOSTNAME" = orders-db-0 ]; then fill_primary; else fill_replica; fi
	mv -T /data/new /data/mysql
fi
exec "${SERVER[@]}" --datadir=/data/mysql --socket=/run/mysqld/mysqld.sock
