# shellcheck shell=bash
# The control plane that the local agent works on: ours, or the one that the user named by its context.
# Nothing here ever looks at the current context of the user's own kubeconfig.

# use_context NAME: an existing cluster instead of ours.
use_context() {
    KUBE_CONTEXT=$1
    KUBE_CONFIG=${KUBECONFIG:-$HOME/.kube/config} # a list of files, where the user has one
}

# start_cluster [FLAG OF 'mooring-cluster up']...: sets KUBE_CONFIG. A cluster that runs is left as it is.
start_cluster() {
    mkdir -p "$MOORING_STATE"
    if [[ -n ${KUBE_CONTEXT:-} ]]; then
        printf '%s\n' "$KUBE_CONTEXT" >"$MOORING_STATE/context"
        run_kubectl get --raw /version >/dev/null ||
            fail "the cluster of the context $KUBE_CONTEXT does not answer" "Its kubeconfig: $KUBE_CONFIG"
        return
    fi
    rm -f "$MOORING_STATE/context"
    ensure_cluster_binaries
    KUBE_CONFIG=$MOORING_STATE/cluster/kubeconfig
    if cluster_is_running; then return; fi
    local assets=()
    if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then assets=(--assets "$KUBEBUILDER_ASSETS"); fi
    # Descriptor 8 is the lock of the script: not to be kept by what outlives it.
    "$CLUSTER_BIN/mooring-cluster" up --dir "$MOORING_STATE/cluster" --detach "${assets[@]}" "$@" >/dev/null 8>&- ||
        fail "the control plane does not start" "Its logs: $MOORING_STATE/cluster/*.log" \
            "If its data is damaged, '$(basename -- "$0") reset' begins anew."
}

# find_cluster: what start_cluster sets, for a state that an earlier run made; starts and builds nothing.
find_cluster() {
    if [[ -r $MOORING_STATE/context ]]; then
        use_context "$(<"$MOORING_STATE/context")"
    elif [[ -d $MOORING_STATE/cluster ]]; then
        KUBE_CONFIG=$MOORING_STATE/cluster/kubeconfig
        ensure_cluster_binaries
    else
        return 1
    fi
}

cluster_is_running() { "$CLUSTER_BIN/mooring-cluster" status --dir "$MOORING_STATE/cluster" >/dev/null 2>&1; }

stop_cluster() {
    if [[ -z ${KUBE_CONTEXT:-} && -n ${CLUSTER_BIN:-} ]]; then
        "$CLUSTER_BIN/mooring-cluster" down --dir "$MOORING_STATE/cluster"
    fi
}

# run_kubectl ARGUMENT...: on this cluster and no other. Ours is the kubectl of the same Kubernetes.
run_kubectl() {
    local kubectl
    if [[ -n ${KUBE_CONTEXT:-} ]]; then
        kubectl=$(command -v kubectl) || fail "kubectl is needed for --context, and is not installed"
        KUBECONFIG=$KUBE_CONFIG "$kubectl" --context "$KUBE_CONTEXT" "$@"
    elif [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/kubectl ]]; then
        "$KUBEBUILDER_ASSETS/kubectl" --kubeconfig "$KUBE_CONFIG" "$@"
    else
        "$CLUSTER_BIN/kubectl" --kubeconfig "$KUBE_CONFIG" "$@"
    fi
}
