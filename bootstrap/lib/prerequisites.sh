# shellcheck shell=bash
# Tools that must be there. Debian packages are installed when we are root, or may become root without a
# password; on other systems the error names what to install.

readonly go_minimum=1.21 # from there on, Go itself fetches the version that go.mod names
readonly rust_minimum=1.95

# version_at_least HAVE WANT
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# need_packages COMMAND:PACKAGE...: a Debian package for each command that lacks.
need_packages() {
    local pair packages=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
    done
    ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
}

# install_packages PACKAGE...
install_packages() {
    local root=() log
    if ! command -v apt-get >/dev/null; then
        fail "these are needed and not installed: $*" "Those are Debian's names; install them with your system's package manager."
    fi
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            fail "these packages are needed and not installed: $*" "sudo apt-get install $*"
        fi
        root=(sudo -n)
    fi
    say "installing $*"
    mkdir -p "$MOORING_CACHE"
    log=$MOORING_CACHE/apt.log
    if ! { "${root[@]}" apt-get update -q && "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "failed to install $*" "See $log, or install them by hand."
    fi
}

need_linux() {
    [[ $(uname -s) == Linux ]] ||
        fail "Mooring's own cluster runs on Linux, this is $(uname -s)" "Name a cluster that you have: --context NAME"
}

need_git() { need_packages git:git; }

need_go() {
    local have
    need_packages flock:util-linux go:golang-go
    have=$(cd / && go env GOVERSION)
    have=${have#go}
    version_at_least "$have" "$go_minimum" ||
        fail "Go $have is too old, $go_minimum or newer is needed" "Install it from https://go.dev/dl, or set KUBEBUILDER_ASSETS, or name a cluster with --context."
}

# need_rust: the toolchain, and what the bindings of libgit2 and libssh2 compile with.
need_rust() {
    local have
    command -v cargo >/dev/null ||
        fail "cargo is not installed" "Install Rust $rust_minimum or newer from https://rustup.rs, or set MOORING_BIN to a mooring binary."
    have=$(cargo --version)
    have=${have#cargo } have=${have%% *}
    version_at_least "$have" "$rust_minimum" ||
        fail "Rust $have is too old, $rust_minimum or newer is needed" "rustup update stable"
    need_packages cc:build-essential make:build-essential pkg-config:pkg-config
    pkg-config --exists openssl || install_packages libssl-dev
    openssl_within
}

# openssl_within: programs hold the parts of OpenSSL that they use. As a library of its own it is relocated at each start, which
# takes more memory than rendering a small chart.
openssl_within() {
    local system folder=$MOORING_CACHE/openssl
    system=$(pkg-config --variable=libdir openssl)
    [[ -e $system/libcrypto.a ]] || return 0
    # A folder of their own: build.rs links mooring with archives alone, and the system's folder has shared libraries, too.
    mkdir -p "$folder"
    ln -sf "$system/libcrypto.a" "$system/libssl.a" "$folder/"
    export OPENSSL_STATIC=1 OPENSSL_LIB_DIR=$folder
    OPENSSL_INCLUDE_DIR=$(pkg-config --variable=includedir openssl)
    export OPENSSL_INCLUDE_DIR
}
