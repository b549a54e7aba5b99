# shellcheck shell=bash disable=SC2034,SC2154 # build.sh uses all of it, lib.sh sets the rest
repository=ghcr.io/mooring-dev/superset
# What comes as wheels brings its own libraries, but for C++'s.
packages=(python3 libstdc++6 bash coreutils)
left_out=(media-types readline-common gcc-12-base 'lib\(db5\|ncursesw6\|nsl2\|readline8\|tirpc\)[^_]*')
options=(--user 1000:1000 --workdir /app --env PATH=/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8
    --env HOME=/app/superset_home --env SUPERSET_HOME=/app/superset_home --env SUPERSET_ENV=production --env PYTHONPATH=/app/pythonpath
    --env 'FLASK_APP=superset.app:create_app()' --env SUPERSET_PORT=8088 --entrypoint /app/.venv/bin/superset)
# As in the official image: a virtual environment in /app/.venv.
files() {
    local venv=$1/app/.venv name module version
    need_packages python3:python3 pip3:python3-pip
    version=$(python3 -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')
    superset_packages "$BOOTSTRAP/image/superset/requirements.txt" "$version"
    mkdir -p "$venv/bin" "$venv/lib/python$version/site-packages" "$1"/app/{pythonpath,superset_home} "$1/etc"
    cp -Rl "$cached/." "$venv/lib/python$version/site-packages/"
    printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$venv/pyvenv.cfg"
    for name in python python3; do ln -s "/usr/bin/python$version" "$venv/bin/$name"; done
    while read -r name module; do
        printf '#!/app/.venv/bin/python\nimport sys\nfrom %s import %s\nsys.exit(%s())\n' "${module%:*}" "${module#*:}" "${module#*:}" >"$venv/bin/$name"
        chmod 755 "$venv/bin/$name"
    done <<'END'
superset superset.cli.main:superset
gunicorn gunicorn.app.wsgiapp:run
END
    printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin superset:x:1000:1000:superset:/app/superset_home:/usr/sbin/nologin >"$1/etc/passwd"
    printf '%s\n' root:x:0: superset:x:1000: >"$1/etc/group"
}

# superset_packages FILE VERSION: sets cached to a folder with the packages that the file names, without what no server needs: source
# maps, tests, headers, examples' data, texts of translations before they are compiled. Compiled, as nobody can write there later.
superset_packages() {
    local log=$images_cache/pip.log
    if once "pip/superset-$(key "$2" "$(<"$1")" "$(declare -f superset_packages)")"; then return; fi
    : >"$log"
    with_progress "fetching Superset and what it needs (some minutes, once)" 0 "$log" pip3 install --no-input --no-deps --no-compile \
        --target "$filling" --requirement "$1" || {
        rm -rf "$filling"
        tail -n 5 "$log" >&2
        fail "failed to fetch Superset" "The whole output: $log"
    }
    rm -rf "${filling:?}/bin" "$filling"/{numpy,pandas,pyarrow}/tests "$filling"/pyarrow/{include,src} "$filling"/selenium/webdriver/common/{linux,macos,windows}
    find "$filling" -type f \( -name '*.map' -o -name '*.po' -o -name '*.a' -o -name '*.parquet' \) -delete
    # Some packages bring templates and examples that no Python understands.
    nice -n 10 python3 -m compileall -q --invalidation-mode unchecked-hash -s "$filling" -p "/app/.venv/lib/python$2/site-packages" "$filling" >>"$log" 2>&1 || true
    keep
}
