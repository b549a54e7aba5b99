#!/usr/bin/env bash
# PostgreSQL with its reference data and Superset with its dashboards over an empty Trino, as pods of the level restricted: who may do
# what, what is imported when, and what is there after a kill. Each test is a function whose name is its sentence; each goes on where
# the one before ended.
#
#   tests/node/superset.sh
set -euo pipefail
readonly all=(
    postgres_and_superset_get_ready_under_the_level_restricted
    reference_data_is_loaded_once_and_again_when_it_changed
    an_account_reads_its_database_and_nothing_else
    the_administrator_logs_in_and_nobody_else
    dashboards_are_imported_once
    a_changed_dashboard_is_imported_and_one_taken_out_goes
    another_password_counts_after_the_push
    a_killed_superset_comes_back_with_its_dashboards
    a_killed_postgres_comes_back_with_its_data
    two_pods_share_metadata_in_postgres
    with_a_certificate_it_talks_https_and_trino_is_asked_so
)
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly images=(minio iceberg-catalog postgres trino superset)
in_lakehouse() { kube --namespace lakehouse "$@"; }

# chart NAME [FLAG OF 'mooring template']...: from a copy, which tests edit.
chart() { (cd "$work/charts" && "$MOORING_BIN" template "$1" "$1" --namespace lakehouse "${@:2}"); }

# install NAME [FLAG]...: rendered once into a file: what is made up would be new at each rendering.
install() { chart "$@" >"$work/$1.yaml" && in_lakehouse apply --server-side --filename "$work/$1.yaml"; }

# job CHART PREFIX: the name of the Job of the rendering in $work.
job() {
    local name
    name=$(grep -o "name: $2-[0-9a-f]\{8\}\$" "$work/$1.yaml" | head -n 1) && printf 'job/%s' "${name#name: }"
}
done_job() { in_lakehouse wait "$(job "$@")" --for=condition=Complete --timeout=300s; }
job_says() { in_lakehouse logs "$(job "$@")" | grep -v '^[0-9-]* [0-9:]*,'; }

install_superset() {
    install superset --set secretKey.existingSecret=superset-key --set "admin.password=$password" "$@" && in_lakehouse rollout status deployment/superset --timeout=400s
}

# With one coordinator that works, as on a laptop: Superset asks Trino for its catalogs when it imports.
install_trino() {
    install trino --values "$CHECKOUT/environments/local/values/trino.yaml" "$@" && in_lakehouse rollout status deployment/trino-coordinator --timeout=300s
}

# secret NAME KEY
secret() { in_lakehouse get secret "$1" -o "jsonpath={.data.$2}" | base64 -d; }

# psql USER DATABASE SQL: over the network, with the password of that user's Secret.
psql() {
    local given
    given=$(secret "postgres-$1" password) && in_lakehouse exec postgres-0 -- env "PGPASSWORD=$given" psql --no-psqlrc --tuples-only --no-align --host 127.0.0.1 \
        --username "$(secret "postgres-$1" user)" --dbname "$2" --command "$3"
}

# with_superset COMMAND...: with its address in SUPERSET.
with_superset() {
    local port status=0
    port=$(free_port)
    forward lakehouse service/superset "$port:8088"
    eventually 60 healthy "$port" && SUPERSET=http://127.0.0.1:$port "$@" || status=1
    kill "$forwarder"
    return "$status"
}

healthy() { [[ $(http_status "$1" /health) == 200 ]]; }

# log_in PASSWORD: the status of the answer.
log_in() {
    curl -s -o "$work/token" -w '%{http_code}' -H 'Content-Type: application/json' "$SUPERSET/api/v1/security/login" \
        --data "{\"username\":\"admin\",\"password\":\"$1\",\"provider\":\"db\"}"
}
logs_in() { [[ $(log_in "$1") == 200 ]]; }
refused() { [[ $(log_in "$1") == 401 ]]; }

# dashboards: their addresses, in order.
dashboards() { log_in "$password" && python3 -c '
import json, os, sys, urllib.request
token = json.load(open(sys.argv[1]))["access_token"]
request = urllib.request.Request(os.environ["SUPERSET"] + "/api/v1/dashboard/", headers={"Authorization": f"Bearer {token}"})
print(*sorted(each["slug"] for each in json.load(urllib.request.urlopen(request, timeout=60))["result"]))' "$work/token"; }
dashboards_are() { [[ $(with_superset dashboards) == "200$1" ]]; }

# pod NAME: of a component.
pod() { in_lakehouse get pods -l "app.kubernetes.io/name=$1" --field-selector status.phase=Running -o 'jsonpath={.items[0].metadata.name}'; }
restarts() { in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].restartCount}'; }
back() { (($(restarts "$1") > $2)) && [[ $(in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].ready}') == true ]]; }

# killed POD WORD: the container's first process, as the kernel kills.
killed() {
    local uid process before
    before=$(restarts "$1") && uid=$(in_lakehouse get pod "$1" -o 'jsonpath={.metadata.uid}')
    for process in /proc/[0-9]*; do
        if grep -q "pod${uid//-/[-_]}" "$process/cgroup" 2>/dev/null && tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "$2" &&
            [[ $(awk '/^NSpid:/ { print $NF }' "$process/status") == 1 ]]; then
            kill -KILL "${process#/proc/}" && eventually 240 back "$1" "$before"
            return
        fi
    done
    return 1
}

postgres_and_superset_get_ready_under_the_level_restricted() {
    local name archive began
    for name in "${images[@]}"; do
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && cluster load --dir "$work/first" "$archive" || return
        echo "$name: $(stat -c %s "$archive") bytes"
    done
    rm -rf "$work/charts" && mkdir -p "$work/charts" && cp -R "$CHECKOUT"/components/{minio,iceberg-catalog,postgres,trino,superset} "$work/charts/" || return
    password=first-password
    began=$SECONDS
    kube create namespace lakehouse && kube label namespace lakehouse pod-security.kubernetes.io/enforce=restricted &&
        in_lakehouse create secret generic superset-key --from-literal=secret-key=0123456789012345678901234567890123456789012345 &&
        install minio && install iceberg-catalog && install postgres && in_lakehouse rollout status statefulset/postgres --timeout=120s &&
        done_job postgres postgres-setup && install_trino && install_superset &&
        echo "ready after $((SECONDS - began)) s" && done_job superset superset-dashboards && echo "dashboards after $((SECONDS - began)) s"
}

# Other values make another Job, which finds the files as they were, but for the one that changed.
reference_data_is_loaded_once_and_again_when_it_changed() {
    [[ $(psql root lakehouse 'SELECT per_euro FROM currencies ORDER BY code LIMIT 1') == 1.6500 ]] || return
    sed -i "s/'Australian dollar', 1.6500/'Australian dollar', 1.7000/" "$work/charts/postgres/files/reference/currencies.sql"
    # Secrets stay as they are: only what the chart's files make is applied again.
    chart postgres >"$work/postgres.yaml" && python3 - "$work/postgres.yaml" <<'END' && in_lakehouse apply --server-side --filename "$work/postgres.yaml" && done_job postgres postgres-setup || return
import re, sys
documents = open(sys.argv[1]).read().split("\n---\n")
open(sys.argv[1], "w").write("\n---\n".join(each for each in documents if not re.search("^kind: Secret$", each, re.M)))
END
    [[ $(job_says postgres postgres-setup) == $'loaded currencies.sql\n2 databases and 2 accounts are as the values say' ]] &&
        [[ $(psql root lakehouse "SELECT per_euro FROM currencies WHERE code = 'AUD'") == 1.7000 ]] && [[ $(restarts postgres-0) == 0 ]]
}

an_account_reads_its_database_and_nothing_else() {
    [[ $(psql trino lakehouse 'SELECT count(*) > 20 FROM countries') == t ]] && ! psql trino lakehouse 'DELETE FROM countries' && ! psql trino lakehouse 'CREATE TABLE mine (one int)' &&
        ! psql trino superset 'SELECT 1' && psql superset superset 'CREATE TABLE mine (one int); DROP TABLE mine' && ! psql superset lakehouse 'SELECT 1'
}

the_administrator_logs_in_and_nobody_else() { with_superset logs_in "$password" && with_superset refused no-such-password; }

# The Job made anew by hand finds them as they are.
dashboards_are_imported_once() {
    dashboards_are 'data-quality platform sales-live' && job_says superset superset-dashboards | grep -q '^imported 3 dashboards' &&
        in_lakehouse delete "$(job superset superset-dashboards)" && in_lakehouse apply --server-side --filename "$work/superset.yaml" && done_job superset superset-dashboards &&
        job_says superset superset-dashboards | grep '^3 dashboards are there as they are in git'
}

# What somebody else made stays; the server goes on meanwhile.
a_changed_dashboard_is_imported_and_one_taken_out_goes() {
    local before folder=$work/charts/superset/dashboards
    before=$(pod superset)
    sed -i 's/^dashboard_title: .*/dashboard_title: Sales of today/' "$folder/dashboards/sales-live.yaml" && rm "$folder/dashboards/platform.yaml" "$folder"/charts/platform-* &&
        install_superset && done_job superset superset-dashboards && job_says superset superset-dashboards &&
        job_says superset superset-dashboards | grep -q '^imported 2 dashboards' && dashboards_are 'data-quality sales-live' && [[ $(pod superset) == "$before" ]]
}

another_password_counts_after_the_push() {
    password=another-password
    install_superset && with_superset logs_in another-password && with_superset refused first-password && done_job superset superset-dashboards &&
        job_says superset superset-dashboards | grep -q '^2 dashboards are there'
}

a_killed_superset_comes_back_with_its_dashboards() {
    killed "$(pod superset)" gunicorn && dashboards_are 'data-quality sales-live'
}

a_killed_postgres_comes_back_with_its_data() {
    killed postgres-0 postgres && [[ $(psql trino lakehouse "SELECT per_euro FROM currencies WHERE code = 'AUD'") == 1.7000 ]]
}

# Both at once, on an empty database.
two_pods_share_metadata_in_postgres() {
    install_superset --set metadata.postgres.enabled=true --set replicas=2 && done_job superset superset-dashboards && dashboards_are 'data-quality sales-live' &&
        [[ $(psql superset superset 'SELECT count(*) FROM dashboards') == 2 ]] && in_lakehouse get poddisruptionbudget superset
}

with_a_certificate_it_talks_https_and_trino_is_asked_so() {
    local port status=0
    port=$(free_port)
    make_certificates superset trino && in_lakehouse create secret generic superset-tls --from-file="$work/tls" &&
        in_lakehouse create secret generic trino-tls --from-file="$work/tls" && install_trino --set tls.secret=trino-tls &&
        install_superset --set metadata.postgres.enabled=true --set tls.secret=superset-tls --set trino.tls.secret=trino-tls --set trino.port=8443 \
            --set 'networkPolicy.egressPorts={8443,5432}' &&
        done_job superset superset-dashboards && job_says superset superset-dashboards | grep '^imported 2 dashboards' &&
        psql superset superset 'SELECT sqlalchemy_uri, extra FROM dbs' | tee /dev/stderr | grep ':8443/.*"http_scheme": "https".*"verify": "/run/secrets/trino/ca.crt"' &&
        in_lakehouse exec deployment/superset --container superset -- head -n 1 /run/secrets/trino/ca.crt || return
    forward lakehouse service/superset "$port:8088"
    eventually 60 encrypted "$port" && ! curl -sS --fail "http://127.0.0.1:$port/health" || status=1
    kill "$forwarder"
    return "$status"
}
encrypted() { curl -sS --fail --cacert "$work/tls/ca.crt" --connect-to "superset:8088:127.0.0.1:$1" https://superset:8088/health; }

# Each goes on where the one before ended.
chained=yes
need_packages curl:curl openssl:openssl python3:python3
need_nodes 1
ensure_agent
say 'starting a node'
up "$work/first"
run_tests "$@"
