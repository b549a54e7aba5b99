# shellcheck shell=bash
# Background processes. A pid alone may be anybody's by the time that it is read, so a pid file holds
# the pid and the process' start time, and nothing is done to a process whose start time differs.

# start_time PID: in clock ticks after boot (field 22 of /proc/PID/stat); nothing when it is gone, or dead
# and not yet reaped.
start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    stat=${stat##*) } # the name before it, in parentheses, may hold anything
    # shellcheck disable=SC2086
    set -- $stat
    [[ $1 == [ZX] ]] || printf '%s' "${20}"
}

# write_pid_file FILE PID
write_pid_file() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$1"; }

# running_pid FILE: the pid in the file when that very process still runs, else nothing.
running_pid() {
    local pid started
    [[ -r $1 ]] && read -r pid started <"$1" || return 0
    if [[ -n $started && $(start_time "$pid") == "$started" ]]; then printf '%s' "$pid"; fi
}

# end_process FILE NAME [SECONDS]: SIGTERM, and SIGKILL when that did not do within 10 s (or SECONDS).
end_process() {
    local pid tenths=$((${3:-10} * 10))
    pid=$(running_pid "$1")
    if [[ -n $pid ]]; then
        kill -TERM "$pid" 2>/dev/null || true # it may have ended just now
        while [[ -n $(running_pid "$1") ]] && ((tenths-- > 0)); do sleep 0.1; done
        if [[ -n $(running_pid "$1") ]]; then
            warn "$2 (pid $pid) did not end in time and is killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f -- "$1"
}

# free_port: a port of loopback on which nobody listens, below the range of outgoing connections.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((16000 + RANDOM % 16000))
        # Nobody answers there: nobody listens.
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    fail "found no free port on 127.0.0.1 between 16000 and 32000"
}

# http_status PORT PATH: the status code that a server on loopback answers, 000 when none does.
http_status() {
    local answer=''
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || {
        printf 000
        return
    }
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
    read -r -t 5 answer <&3 || true
    exec 3>&-
    [[ $answer =~ ^HTTP/[0-9.]+\ ([0-9]{3}) ]] && printf '%s' "${BASH_REMATCH[1]}" || printf 000
}
