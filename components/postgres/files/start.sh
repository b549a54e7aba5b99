#!/bin/bash
# The server with the settings of its command line; the first time it makes its files. Needs bash and PostgreSQL, nothing else.
set -eu

# Half a cluster of a start that was killed is none: it is made aside, and moved whole.
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    rm -rf "$PGDATA" "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --username="$ROOT_USER" --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256
    printf 'host all all all scram-sha-256\n' >>"$PGDATA.new/pg_hba.conf"
    mv "$PGDATA.new" "$PGDATA"
fi
# The Secret is what counts: whoever changed it starts this anew.
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "$ROOT_USER" "${ROOT_PASSWORD//\'/\'\'}" | postgres --single -D "$PGDATA" postgres >/dev/null
exec postgres -D "$PGDATA" "$@"
