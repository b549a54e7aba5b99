# shellcheck shell=bash
# What is built from this checkout, once, into the cache.

# ensure_cluster_binaries: sets CLUSTER_BIN to the folder of mooring-cluster, kubectl (and kwok), built
# when this checkout's bootstrap/cluster was not built before.
ensure_cluster_binaries() {
    need_linux
    need_go
    # shellcheck disable=SC2034 # cluster.sh uses it
    CLUSTER_BIN=$("$BOOTSTRAP/cluster/build.sh") || exit 1
}

# ensure_agent: sets MOORING_BIN to the mooring binary: the user's, or this checkout's, built.
ensure_agent() {
    if [[ -n ${MOORING_BIN:-} ]]; then
        [[ -x $MOORING_BIN ]] || fail "MOORING_BIN is not an executable file: $MOORING_BIN"
        return
    fi
    need_rust
    local target=$MOORING_CACHE/target
    [[ -x $target/release/mooring ]] || say "building the agent: some minutes the first time"
    (cd "$CHECKOUT" && CARGO_TARGET_DIR=$target cargo build --release --locked --quiet --bin mooring) >&2 ||
        fail "the agent does not build" "Its compiler's words are above."
    MOORING_BIN=$target/release/mooring
}
