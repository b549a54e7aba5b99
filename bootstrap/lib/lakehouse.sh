# shellcheck shell=bash disable=SC2154 # local.sh sets me, say.sh the colours
# The lakehouse on our own node: its images, the agent in the cluster by install.sh, and ways to what people look at.

lakehouse_folder=$MOORING_STATE/lakehouse
lakehouse_size=$lakehouse_folder/preset
# What people look at: its name here, the Service and its port, which is the port on this machine too where it is free.
readonly lakehouse_ways=('superset superset 8088' 'trino trino 8080' 'minio minio 9001')
# Whose words are whose: name, Secret, keys of user and password.
readonly lakehouse_logins=('Superset superset-admin' 'MinIO minio-root')

is_lakehouse() { [[ -e $lakehouse_size ]]; }

# start_lakehouse PRESET FROM: needs start_cluster before it.
start_lakehouse() {
    local preset=$1 from=$2 images
    if is_lakehouse && [[ $(<"$lakehouse_size") != "$preset" ]]; then
        fail "this lakehouse began with --preset $(<"$lakehouse_size")" "Its sizes are in its git remote now: change environments/local/values and push." \
            "'$me reset' forgets it, data included."
    fi
    # It imports what the nodes do not have.
    mapfile -t images < <(lakehouse_images)
    "$BOOTSTRAP/image/build.sh" "${images[@]}" --engine none >/dev/null || exit 1
    mkdir -p "$lakehouse_folder"
    printf '%s\n' "$preset" >"$lakehouse_size"
    size_environment "$preset" "$from" "$lakehouse_folder/begin"
    KUBECONFIG=$KUBE_CONFIG PATH=$CLUSTER_BIN:$PATH "$BOOTSTRAP/install.sh" --context "$(run_kubectl config current-context)" --local-git \
        --from "$lakehouse_folder/begin" --timeout 1800 --set log.format=text >"$lakehouse_folder/install.log" ||
        fail "the lakehouse is not ready" "$me kubectl -n lakehouse get pods" "$me kubectl -n mooring-system logs -l app.kubernetes.io/name=mooring"
}

# lakehouse_images: the names of all, one a line.
lakehouse_images() { (cd "$BOOTSTRAP/image" && printf '%s\n' */ | tr -d /); }

# size_environment PRESET FROM INTO: the environments and components that its git remote begins with.
size_environment() {
    local file=$3/environments/local/environment.yaml sizes=values/$1 one name
    rm -rf -- "$3"
    mkdir -p "$3"
    cp -R "$2/environments" "$2/components" "$3/"
    for one in "$3/environments/local/$sizes"/*.yaml; do
        [[ -e $one ]] || continue
        name=$(basename -- "$one")
        sed -i "s|^\( *values: \[values/$name\)\]|\1, $sizes/$name]|" "$file"
    done
}

# open_ways: a port of this machine for each, kept up until close_ways.
open_ways() {
    local way name service port here
    for way in "${lakehouse_ways[@]}"; do
        read -r name service port <<<"$way"
        if [[ -n $(running_pid "$lakehouse_folder/$name.pid") ]]; then continue; fi
        here=$port
        # Somebody listens there: another is as good.
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then here=$(free_port); fi
        printf '%s' "$here" >"$lakehouse_folder/$name.port"
        keep_forward "service/$service" "$here:$port" </dev/null >"$lakehouse_folder/$name.log" 2>&1 8>&- &
        write_pid_file "$lakehouse_folder/$name.pid" $!
    done
}

# keep_forward WHAT PORTS: again whenever it ends, as it does when the pod behind it is replaced.
keep_forward() {
    local forward=''
    trap '' HUP
    trap 'kill "$forward" 2>/dev/null; exit 0' TERM
    while true; do
        run_kubectl --namespace lakehouse port-forward "$1" "$2" &
        forward=$!
        wait "$forward" || true
        sleep 1
    done
}

close_ways() {
    local way
    for way in "${lakehouse_ways[@]}"; do end_process "$lakehouse_folder/${way%% *}.pid" "the way to ${way%% *}"; done
}

# way NAME: its address.
way() { printf 'http://127.0.0.1:%s' "$(<"$lakehouse_folder/$1.port")"; }

# show_logins: the passwords, once; later, how to read them.
show_logins() {
    local login name secret
    for login in "${lakehouse_logins[@]}"; do
        read -r name secret <<<"$login"
        if [[ -e $lakehouse_folder/shown ]]; then
            printf '  %-8s %s\n' "$name" "$me kubectl -n lakehouse get secret $secret -o 'jsonpath={.data.password}' | base64 -d"
        else
            printf '  %-8s user %s, password %s\n' "$name" "$(secret_key "$secret" user)" "$(secret_key "$secret" password)"
        fi
    done
    if [[ ! -e $lakehouse_folder/shown ]]; then
        note "the passwords are not shown again; they are in the Secrets superset-admin and minio-root"
        touch "$lakehouse_folder/shown"
    fi
}

secret_key() { run_kubectl --namespace lakehouse get secret "$1" -o "jsonpath={.data.$2}" | base64 -d; }

show_lakehouse() {
    cat <<END

${bold}The lakehouse runs.${plain} Every minute the producers send a window of orders and clicks; a little later it is in every layer.

  look     $(way superset)/dashboard/list/   the dashboards
           $(way trino)   Trino's own page; any user name
           $(way minio)   MinIO's console
END
    show_logins
    cat <<END

  ask      trino --server $(way trino) --execute 'SELECT currency, sum(amount) FROM iceberg.gold.revenue_by_minute GROUP BY 1'
  state    $MOORING_BIN status local --kubeconfig $KUBE_CONFIG
  change   $me kubectl -n mooring-system port-forward service/git 8418:80
           git clone http://mooring@127.0.0.1:8418/git/lakehouse.git   its password:
           $me kubectl -n mooring-system get secret mooring-git -o 'jsonpath={.data.token}' | base64 -d
  break    $me kubectl -n lakehouse scale deployment trino-coordinator --replicas 0     and read below who did it
  config   export KUBECONFIG=$KUBE_CONFIG
END
}

# follow_lakehouse: what the agents say, also when an upgrade replaces them.
follow_lakehouse() {
    local since=--tail=20
    while true; do
        run_kubectl --namespace mooring-system logs -l app.kubernetes.io/name=mooring --follow "$since" --max-log-requests 10 2>/dev/null || true
        since=--since=2s
        sleep 1
    done
}

lakehouse_is_ready() { [[ $(run_kubectl get environment local -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]; }

# status_lakehouse: the agent, and the ways; fails where the environment is not ready.
status_lakehouse() {
    local one name ended=0 word=ready
    if ! lakehouse_is_ready; then ended=1 word='not ready'; fi
    printf '%-20s %s\n' agent "in the cluster, namespace mooring-system; the environment local is $word"
    for one in "${lakehouse_ways[@]}"; do
        name=${one%% *} word=closed
        if [[ -n $(running_pid "$lakehouse_folder/$name.pid") ]]; then word=$(way "$name"); else ended=1; fi
        printf '%-20s %s\n' "$name" "$word"
    done
    return "$ended"
}

# ways_json: the address of each, null where it is closed.
ways_json() {
    local one name word text=''
    for one in "${lakehouse_ways[@]}"; do
        name=${one%% *} word=null
        if [[ -n $(running_pid "$lakehouse_folder/$name.pid") ]]; then word="\"$(way "$name")\""; fi
        text+=",\"$name\":$word"
    done
    printf '{%s}' "${text#,}"
}
