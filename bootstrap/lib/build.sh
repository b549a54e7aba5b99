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
    ensure_program mooring
    MOORING_BIN=$PROGRAM
}

# ensure_program NAME: sets PROGRAM to a program of this checkout, in a release build.
ensure_program() {
    need_rust
    local target=$MOORING_CACHE/target log=$MOORING_CACHE/cargo.log
    mkdir -p "$MOORING_CACHE"
    : >"$log"
    claim_target "$target"
    # Every time: cargo knows in a moment whether something changed.
    with_progress "building $1 (some minutes the first time)" 0 "$log" cargo_build "$target" "$1" || {
        grep -v '^ *\(Compiling\|Downloaded\|Downloading\)' "$log" | tail -n 40 >&2
        fail "$1 does not build" "The whole output: $log"
    }
    # shellcheck disable=SC2034 # the images' recipes use it
    PROGRAM=$target/release/$1
}

# claim_target FOLDER: this checkout builds into it from now on. Cargo knows the files by their path in the checkout and their
# time alone, and would take the build of another one that was made later for this one's.
claim_target() {
    local claim=$1/checkout
    if [[ -e $claim && $(<"$claim") == "$CHECKOUT" ]]; then return; fi
    mkdir -p "$1"
    touch "$CHECKOUT/src/lib.rs"
    printf '%s' "$CHECKOUT" >"$claim"
}

# cargo_build TARGET_FOLDER PROGRAM
cargo_build() (
    cd "$CHECKOUT" && CARGO_TARGET_DIR=$1 CARGO_TERM_COLOR=never exec cargo build --release --locked --bin "$2"
)
