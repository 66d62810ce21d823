#!/bin/sh
# Understands what the official image does of the variables that are used here: MYSQL_ROOT_PASSWORD, MYSQL_DATABASE,
# MYSQL_USER and MYSQL_PASSWORD, and arguments for mysqld. An existing data directory is used as it is.
set -eu
data=/var/lib/mysql
if [ "${1:-}" = mysqld ]; then shift; fi

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/['\\\\]/\\\\&/g")"; }

if [ ! -d "$data/mysql" ]; then
  cp -a /usr/share/mysql-template/. "$data/"
  chown mysql:mysql "$data"
  {
    root=$(quoted "$MYSQL_ROOT_PASSWORD")
    echo "ALTER USER root@localhost IDENTIFIED BY $root;"
    echo "CREATE USER root@'%' IDENTIFIED BY $root;"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    if [ -n "${MYSQL_DATABASE:-}" ]; then echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"; fi
    if [ -n "${MYSQL_USER:-}" ] && [ "$MYSQL_USER" != root ]; then
      user=$(quoted "$MYSQL_USER")
      echo "CREATE USER $user@'%' IDENTIFIED BY $(quoted "${MYSQL_PASSWORD:-}");"
      echo "GRANT ALL ON *.* TO $user@'%' WITH GRANT OPTION;"
    fi
  } >/run/mysqld/first-start.sql
  chown mysql:mysql /run/mysqld/first-start.sql
  chmod 600 /run/mysqld/first-start.sql
  set -- --init-file=/run/mysqld/first-start.sql "$@"
fi
exec mysqld --user=mysql --datadir="$data" --performance-schema=OFF --innodb-buffer-pool-size=64M \
  --innodb-redo-log-capacity=32M --innodb-flush-log-at-trx-commit=2 --skip-log-bin "$@"
