# shellcheck shell=bash
# Long work, told about while it goes on: a line that moves on a terminal, in a pipe a line every 15 s.

worker='' # pid of the work, for the trap of an interrupted script

# with_progress WHAT TOTAL LOG COMMAND...: runs it with its output in LOG, whose lines name the packages
# that are done or fetched; TOTAL 0 when nobody knows how many there will be.
with_progress() {
    local what=$1 total=$2 log=$3 began=$SECONDS every=15 told=0 ended=0
    shift 3
    [[ -t 2 ]] && every=1
    "$@" >>"$log" 2>&1 9>&- & # descriptor 9: the lock of a build is not the worker's to keep
    worker=$!
    while kill -0 "$worker" 2>/dev/null; do
        if ((SECONDS - began >= told + every)); then
            told=$((SECONDS - began))
            say_progress "$what: ${told} s$(how_far "$total" "$log")"
        fi
        sleep 0.2
    done
    wait "$worker" || ended=$?
    worker=''
    say_progress
    return "$ended"
}

# how_far TOTAL LOG: how many packages are done, and the latest name.
how_far() {
    local latest packages
    latest=$(tail -n 1 "$2" 2>/dev/null)
    packages=$(grep -cv '^go: \|^#\|^ *Download' "$2" || true)
    if (($1 > 0)); then
        printf ', %d of %d packages' "$packages" "$1"
    elif ((packages > 0)); then
        printf ', %d packages' "$packages"
    fi
    latest=${latest#go: downloading }
    latest=${latest#"${latest%%[! ]*}"} # cargo indents its lines
    if [[ -n $latest ]]; then printf ', %s' "$latest"; fi
}

end_worker() {
    if [[ -n $worker ]]; then kill "$worker" 2>/dev/null || true; fi
}
