# shellcheck shell=bash disable=SC2034,SC2154 # build.sh uses all of it, lib.sh sets the rest
repository=ghcr.io/mooring-dev/spark
packages=("${java_packages[@]}" python3 bash coreutils)
# Of what the others leave out, libraries that Python's modules load. It has no TLS and no terminal.
left_out=("${java_left_out[@]}" media-types readline-common 'lib\(db5\|ncursesw6\|nsl2\|readline8\|tirpc\)[^_]*')
for library in bz2 expat ffi lzma; do left_out=("${left_out[@]//"$library\|"/}"); done
options=(--user 185:185 --workdir /opt/spark/work-dir --env JAVA_HOME=/opt/java/openjdk --env LANG=C.UTF-8 --env SPARK_HOME=/opt/spark
    --env PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint /opt/entrypoint.sh)
# PySpark's package brings all of Spark; here it lies as in Spark's own archive.
files() {
    local jars spark=$1/opt/spark
    java_home "$1"
    pyspark 4.1.1
    mkdir -p "$spark"/{python/lib,work-dir}
    cp -Rl "$cached"/pyspark/{jars,bin,sbin} "$spark/"
    cp "$cached"/pyspark/python/lib/*.zip "$spark/python/lib/"
    mapfile -t jars <"$BOOTSTRAP/image/spark/jars"
    maven "$spark/jars" "${jars[@]/%/@jar}"
    put "$BOOTSTRAP/image/spark/entrypoint.sh" "$1" opt/entrypoint.sh
    mkdir -p "$1/etc"
    # Hadoop asks for the user's name.
    printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin spark:x:185:185:spark:/nonexistent:/usr/sbin/nologin >"$1/etc/passwd"
    printf '%s\n' root:x:0: spark:x:185: >"$1/etc/group"
}

# pyspark VERSION: sets cached to a folder with the package.
pyspark() {
    local log=$images_cache/pip.log
    if once "pip/pyspark-$1"; then return; fi
    need_packages python3:python3 pip3:python3-pip
    : >"$log"
    with_progress "fetching pyspark $1 (half a GB, once)" 0 "$log" pip3 install --no-input --no-deps --no-compile \
        --target "$filling" "pyspark==$1" || {
        rm -rf "$filling"
        tail -n 5 "$log" >&2
        fail "failed to fetch pyspark $1" "The whole output: $log"
    }
    keep
}
