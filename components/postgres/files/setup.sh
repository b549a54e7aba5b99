#!/bin/bash
# Makes what lacks and sets the rest to what the values say; what is there already is left. Needs bash and psql, nothing else.
set -eu

export PGUSER=$ROOT_USER PGPASSWORD=$ROOT_PASSWORD PGCONNECT_TIMEOUT=5
# What is there already is no news.
export PGOPTIONS='-c client_min_messages=warning'
psql() { command psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }

for ((tries = 0; ; tries++)); do
    if psql --dbname postgres --command 'SELECT 1' >/tmp/words 2>&1; then break; fi
    if ((tries == 150)); then
        echo "PostgreSQL does not answer at $PGHOST:$PGPORT: $(</tmp/words)" >&2
        exit 1
    fi
    sleep 2
done

# database NAME: nobody has a right in it but who is given one.
database() {
    if [[ $(psql --dbname postgres --command "SELECT count(*) FROM pg_database WHERE datname = '$1'") == 0 ]]; then
        psql --dbname postgres --command "CREATE DATABASE \"$1\""
        echo "made the database $1"
    fi
    psql --dbname postgres --command "REVOKE ALL ON DATABASE \"$1\" FROM PUBLIC"
}

# account USER PASSWORD
account() {
    psql --dbname postgres --set user="$1" --set password="$2" <<'END'
SELECT format('CREATE ROLE %I LOGIN', :'user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user')
\gexec
ALTER ROLE :"user" LOGIN PASSWORD :'password';
END
}

# owns USER DATABASE
owns() {
    psql --dbname "$2" --set user="$1" --set database="$2" <<'END'
GRANT ALL ON DATABASE :"database" TO :"user";
GRANT ALL ON SCHEMA public TO :"user";
END
}

# reads USER DATABASE: what is there, and what is made later by whom sets this up.
reads() {
    psql --dbname "$2" --set user="$1" --set database="$2" <<'END'
GRANT CONNECT ON DATABASE :"database" TO :"user";
GRANT USAGE ON SCHEMA public TO :"user";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"user";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO :"user";
END
}

# reference DATABASE FILE...: each whole or not at all, and only if it is not there as it is now.
reference() {
    local name file digest
    psql --dbname "$1" --command 'CREATE TABLE IF NOT EXISTS reference_files (name text PRIMARY KEY, digest text NOT NULL)'
    for file in "${@:2}"; do
        name=${file##*/}
        read -r digest _ < <(sha256sum "$file")
        if [[ $(psql --dbname "$1" --command "SELECT digest FROM reference_files WHERE name = '$name'") == "$digest" ]]; then continue; fi
        {
            cat "$file"
            printf "INSERT INTO reference_files VALUES ('%s', '%s') ON CONFLICT (name) DO UPDATE SET digest = excluded.digest;\n" "$name" "$digest"
        } | psql --dbname "$1" --single-transaction
        echo "loaded $name"
    done
}
