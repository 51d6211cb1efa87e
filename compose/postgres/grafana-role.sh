#!/bin/sh
# Makes Grafana's role, once the coordinator has made its tables: runs grafana-role.sql beside it.
# PGHOST, PGUSER and PGDATABASE say where; PGPASSWORD_FILE and GRAFANA_PASSWORD_FILE are files.
set -eu
PGPASSWORD=$(cat "$PGPASSWORD_FILE")
export PGPASSWORD

ready() {
    [ "$(psql --no-psqlrc --tuples-only --no-align --command "
        SELECT count(*) = 6 FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)
        AND relname IN ('interactions', 'outcomes', 'route_attempts', 'spend', 'knowledge_items', 'jobs')
    ")" = t ]
}

tries=0
until ready; do
    tries=$((tries + 1))
    if [ "$tries" -ge "${GRAFANA_ROLE_TRIES:-60}" ]; then
        echo "the coordinator's tables are not there: look at its log" >&2
        exit 1
    fi
    sleep 2
done
exec psql --no-psqlrc --quiet --single-transaction --file "$(dirname "$0")/grafana-role.sql"
