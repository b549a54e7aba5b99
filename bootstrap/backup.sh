#!/usr/bin/env bash
# The lakehouse's tables and metadata: saved elsewhere, and brought back.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/lib.sh"
me=bootstrap/backup.sh

usage() {
    cat <<END
The lakehouse's tables and metadata: saved elsewhere, and brought back (docs/backup.md).

Usage:
  $me save --context NAME --into DIR [--store URL --secret SECRET]
  $me restore --context NAME --from DIR [--store URL --secret SECRET]

save goes on while data flows: where each table's metadata lies and Superset's own data go into DIR, and then all buckets
to another store. restore stops the stream, brings the buckets back, registers the tables, forgets checkpoints, and lets the
stream go on: it takes what Kafka still has of later, each record once.

Options:
  --context NAME     the cluster, by its context in your kubeconfig
  --into, --from DIR a folder
  --store URL        another store, as the pods reach it; without it buckets are left alone, for a store that keeps versions itself
  --secret SECRET    with its keys: 'user' and 'password'
  --namespace NAME   of the lakehouse (default: lakehouse)
  -h, --help         this text

Example, with a second MinIO in the cluster:
  kubectl create namespace backup
  mooring template backup components/minio --namespace backup | kubectl apply --namespace backup -f -
  kubectl -n lakehouse create secret generic backup-store --from-literal=user=lakehouse --from-literal=password=...
  $me save --context minikube --into ~/backup --store http://backup-minio.backup:9000 --secret backup-store
END
}

parse() {
    command='' context='' folder='' store='' secret='' namespace=lakehouse
    while (($#)); do
        case $1 in
            save | restore) command=$1 ;;
            -h | --help | help)
                usage
                exit
                ;;
            --context | --into | --from | --store | --secret | --namespace)
                (($# > 1)) || fail "$1 needs a value" "$me --help"
                case $1 in
                    --context) context=$2 ;;
                    --into | --from) folder=$2 ;;
                    --store) store=$2 ;;
                    --secret) secret=$2 ;;
                    --namespace) namespace=$2 ;;
                esac
                shift
                ;;
            *) fail "no such option: $1" "$me --help" ;;
        esac
        shift
    done
    [[ -n $command ]] || fail "save or restore?" "$me --help"
    [[ -n $context ]] || fail "which cluster? name it: --context NAME" "Contexts that you have: kubectl config get-contexts -o name"
    [[ -n $folder ]] || fail "which folder? name it: --into DIR, or --from DIR"
    [[ -n $store && -n $secret || -z $store$secret ]] || fail "--store and --secret belong together"
    [[ $command == save || -r $folder/tables.json ]] || fail "--from $folder: there is no tables.json in it"
}

kube() { kubectl --context "$context" --namespace "$namespace" "$@"; }
has() { kube get "$1" --ignore-not-found -o name | grep -q .; }

# with_catalog COMMAND: of catalog.py.
with_catalog() {
    local port status=0 tenths=300
    port=$(free_port)
    kube port-forward service/iceberg-catalog "$port:8181" >"$work/forward" 2>&1 &
    forwarder=$!
    until [[ $(http_status "$port" /v1/config) == 200 ]]; do
        if ((tenths-- == 0)) || ! kill -0 "$forwarder" 2>/dev/null; then
            cat "$work/forward" >&2
            fail "the catalog does not answer" "kubectl -n $namespace get pods"
        fi
        sleep 0.1
    done
    python3 "$here/catalog.py" "$1" "http://127.0.0.1:$port" || status=$?
    kill "$forwarder"
    forwarder=''
    return "$status"
}

# superset PROGRAM: run by the Superset that runs, where its metadata is a file of its own.
superset() { kube exec --stdin deployment/superset -- python -c "$1"; }
in_a_file() { has deployment/superset && superset 'import os, sys; sys.exit(not os.path.exists(os.environ["SUPERSET_HOME"] + "/superset.db"))' </dev/null; }

readonly save_superset='
import os, sqlite3, sys
with sqlite3.connect(os.environ["SUPERSET_HOME"] + "/superset.db") as live, sqlite3.connect("/tmp/backup.db") as copy:
    live.backup(copy)
sys.stdout.buffer.write(open("/tmp/backup.db", "rb").read())
os.remove("/tmp/backup.db")'
readonly restore_superset='
import os, sqlite3, sys
open("/tmp/backup.db", "wb").write(sys.stdin.buffer.read())
with sqlite3.connect("/tmp/backup.db") as copy, sqlite3.connect(os.environ["SUPERSET_HOME"] + "/superset.db") as live:
    copy.backup(live)
os.remove("/tmp/backup.db")'

# mirror FROM FROM_SECRET TO TO_SECRET: all buckets, by a Job in the cluster. Checkpoints go nowhere: they would be of another moment
# than the tables, and the stream does without.
mirror() {
    local image
    image=$(kube get statefulset minio -o 'jsonpath={.spec.template.spec.containers[0].image}')
    kube delete job backup-mirror --ignore-not-found >/dev/null
    kube apply -f - >/dev/null <<END
apiVersion: batch/v1
kind: Job
metadata: {name: backup-mirror}
spec:
  backoffLimit: 2
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext: {runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: mirror
          image: $image
          command:
            - bash
            - -ceu
            - |
              export MC_CONFIG_DIR=/tmp/mc
              mc --quiet alias set from "$1" "\$FROM_USER" "\$FROM_PASSWORD"
              mc --quiet alias set to "$3" "\$TO_USER" "\$TO_PASSWORD"
              while read -r line; do
                  bucket=\${line##* }
                  mc --quiet mb --ignore-existing "to/\$bucket"
                  mc --quiet mirror --overwrite --remove --exclude 'checkpoints/*' "from/\$bucket" "to/\${bucket%/}"
              done < <(mc ls from)
              mc rm --quiet --recursive --force to/warehouse/checkpoints/ || true
          env:
            - {name: FROM_USER, valueFrom: {secretKeyRef: {name: $2, key: user}}}
            - {name: FROM_PASSWORD, valueFrom: {secretKeyRef: {name: $2, key: password}}}
            - {name: TO_USER, valueFrom: {secretKeyRef: {name: $4, key: user}}}
            - {name: TO_PASSWORD, valueFrom: {secretKeyRef: {name: $4, key: password}}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 512Mi}}
          volumeMounts: [{name: tmp, mountPath: /tmp}]
      volumes: [{name: tmp, emptyDir: {}}]
END
    local began=$SECONDS done=''
    while true; do
        done=$(kube get job backup-mirror -o 'jsonpath={.status.conditions[?(@.status=="True")].type}')
        case $done in
            *Complete*) break ;;
            *Failed*)
                kube logs job/backup-mirror --tail=20 >&2
                fail "the buckets were not copied" "Its last words are above: kubectl -n $namespace logs job/backup-mirror"
                ;;
        esac
        if ((SECONDS - began >= 2)); then say_progress "copying buckets: $((SECONDS - began)) s"; fi
        sleep 1
    done
    say_progress
    note "$(kube logs job/backup-mirror --tail=-1 | grep -c -- '->') objects"
}

save() {
    umask 077
    mkdir -p "$folder"
    # First: whatever this names is in the store by now, and stays until maintenance expires it.
    say "tables"
    with_catalog save >"$work/tables.json"
    mv -- "$work/tables.json" "$folder/tables.json"
    note "$(grep -c '\.metadata\.json' "$folder/tables.json" || true) tables in $folder/tables.json"
    if in_a_file; then
        say "Superset's metadata"
        superset "$save_superset" </dev/null >"$work/superset.db"
        mv -- "$work/superset.db" "$folder/superset.db"
    fi
    if [[ -n $store ]]; then
        say "buckets to $store"
        mirror http://minio:9000 minio-root "$store" "$secret"
    fi
}

restore() {
    local job
    say "stopping the stream"
    # The agent lets it be meanwhile.
    kube annotate --overwrite deployment spark-stream mooring.dev/hold='a backup is being restored' >/dev/null
    kube scale deployment spark-stream --replicas 0 >/dev/null
    kube wait --for=delete pod -l app.kubernetes.io/name=spark,app.kubernetes.io/component=stream --timeout=180s >/dev/null
    if [[ -n $store ]]; then
        if has statefulset/minio; then
            # Deleted, the agent makes it again, and it makes what lacks: buckets, accounts, rights.
            say "buckets and accounts"
            job=$(kube get jobs -l app.kubernetes.io/instance=minio -o name | head -n 1)
            kube delete "$job" >/dev/null
            kube wait "$job" --for=create --timeout=60s >/dev/null
            kube wait "$job" --for=condition=Complete --timeout=300s >/dev/null
        fi
        say "buckets from $store"
        mirror "$store" "$secret" http://minio:9000 minio-root
    fi
    say "tables"
    with_catalog restore <"$folder/tables.json"
    if has persistentvolumeclaim/spark-checkpoints; then
        say "forgetting checkpoints"
        kube delete persistentvolumeclaim spark-checkpoints --timeout=120s >/dev/null
        kube wait persistentvolumeclaim/spark-checkpoints --for=create --timeout=60s >/dev/null
    fi
    if [[ -r $folder/superset.db ]] && in_a_file; then
        say "Superset's metadata"
        superset "$restore_superset" <"$folder/superset.db"
        kube delete pod -l app.kubernetes.io/name=superset --field-selector status.phase=Running --wait=false >/dev/null
    fi
    say "letting the stream go on"
    kube annotate deployment spark-stream mooring.dev/hold- >/dev/null
    kube wait deployment/spark-stream --for=jsonpath='{.spec.replicas}'=1 --timeout=60s >/dev/null
    kube rollout status deployment/spark-stream --timeout=300s >/dev/null
}

parse "$@"
for tool in kubectl python3; do command -v "$tool" >/dev/null || fail "$tool is not here, and is needed"; done
work=$(mktemp -d)
forwarder=''
trap 'rm -rf -- "$work"; if [[ -n $forwarder ]]; then kill "$forwarder" 2>/dev/null || true; fi' EXIT
trap 'exit 130' INT TERM HUP
"$command"
say "done"
