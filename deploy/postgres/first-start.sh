#!/bin/sh
# Run by the image of PostgreSQL when it has made its cluster: see compose.yaml.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$(cat /run/secrets/owner_password)" \
  -v app_password="$(cat /run/secrets/app_password)" \
  -v backup_password="$(cat /run/secrets/backup_password)" \
  -f /deploy/roles.sql
# The rule for databases does not hold for replication.
echo "host replication wholesale_backup all scram-sha-256" >>"$PGDATA/pg_hba.conf"
