#!/usr/bin/env bash
# Every check and every test of this repository, for people and for continuous integration.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=bootstrap/lib.sh
. bootstrap/lib.sh

usage() {
    cat <<END
Every check and every test of this repository.

Usage: tests/run.sh [CLASS... [--smoke]]

Classes, in the order in which they run; without a name, all but the last two, and pipeline with --smoke:
  lint      formatting, commit messages, shellcheck, gofmt and go vet, clippy, docs, the floors of the house
  unit      the tests in src/, of the command line, in bootstrap/, and in the documentation
  golden    rendering against what the real Helm wrote, cron against robfig/cron, encrypted files against sops
  producer  mooring-producer: files, a mock cluster with faults, a real Kafka and fifty kills
  cluster   the agent against a real Kubernetes control plane on loopback
  node      pods that really run, the agent among them, on nodes without Docker (Linux, root; skipped, and said so, where
            that cannot be had)
  demo      bootstrap/local.sh --demo, the whole story
  pipeline  the whole lakehouse on a real node, deployed by the agent and counted from the producer to SQL and the dashboards;
            with --smoke only that it comes up and a window is counted (Linux, root; skipped, and said so, where that cannot be)
  charts    the lakehouse's charts one by one on a real node: rights, settings, what is made anew when (the same)
  oracle    records the golden cases again with the real Helm and sops, and fails where one changed (builds both: 12 minutes
            once)

What is built and logged is kept in ${MOORING_CACHE/#$HOME/\~} (MOORING_CACHE).
END
}

readonly default_classes=(lint unit golden producer cluster node demo pipeline)
readonly all_classes=("${default_classes[@]}" charts oracle)
readonly logs=$MOORING_CACHE/test-logs
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$MOORING_CACHE/target} CARGO_TERM_COLOR=never
# A build of Go that notes its git state would differ in every checkout.
export GOFLAGS=-buildvcs=false

class=''
declare -A passed=() failed=()
builder='' # pid of the control plane's build

# step NAME COMMAND...: one check. Its output goes to a log; of a failure, the end of it is shown. All of it where aloud is set.
step() {
    local name=$1 began=$SECONDS ended=0 log
    shift
    log=$logs/$class-${name// /-}.log
    say "$class: $name"
    if [[ -n ${aloud:-} ]]; then
        "$@" </dev/null 2>&1 | tee "$log" >&2 || ended=$?
    else
        "$@" >"$log" 2>&1 </dev/null || ended=$?
    fi
    count "$log" "$ended"
    if ((ended == 0)); then
        note "ok, $((SECONDS - began)) s"
        return
    fi
    if [[ -z ${aloud:-} ]]; then tail -n 60 "$log" | sed 's/^/    /' >&2; fi
    warn "$class: $name failed after $((SECONDS - began)) s; all of its output: $log"
}

# count LOG STATUS: adds what a run of cargo's tests says of itself; any other check counts as one test.
count() {
    local line ok=0 bad=0
    while read -r line; do
        [[ $line =~ ([0-9]+)\ passed\;\ ([0-9]+)\ failed ]] || continue
        ok=$((ok + BASH_REMATCH[1]))
        bad=$((bad + BASH_REMATCH[2]))
    done < <(grep -a '^test result: ' "$1" || true)
    # A check without such lines, or one that failed otherwise: it did not build, or it crashed.
    if (($2 == 0 && ok == 0 && bad == 0)); then ok=1; fi
    if (($2 != 0 && bad == 0)); then bad=1; fi
    passed[$class]=$((${passed[$class]:-0} + ok))
    failed[$class]=$((${failed[$class]:-0} + bad))
}

run_lint() {
    need_rust
    need_packages shellcheck:shellcheck npm:npm node:nodejs go:golang-go
    step 'rust formatting' cargo fmt --check -- --color never
    step 'go formatting' check_gofmt
    step 'shell scripts' check_shell
    step 'commit messages' check_commits
    step clippy cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' step documentation cargo doc --locked --no-deps --document-private-items
    step 'floors of the house' cargo test --locked --test architecture
    step 'go vet' check_go_vet
}

# tracked PATTERN...: files of the checkout, those not committed yet included.
tracked() { git ls-files --cached --others --exclude-standard -- "$@"; }

check_shell() {
    local files
    mapfile -t files < <(tracked '*.sh' .ci/run)
    shellcheck --external-sources "${files[@]}"
}

check_gofmt() {
    local files unformatted
    mapfile -t files < <(tracked '*.go')
    unformatted=$(gofmt -l "${files[@]}") || return
    if [[ -n $unformatted ]]; then
        printf 'gofmt -w %s\n' "$unformatted"
        return 1
    fi
}

# The launcher's flavour compiles in seconds; the rest of the module is vetted by its own build's compiler.
check_go_vet() {
    go -C bootstrap/cluster vet -tags=launcher ./... &&
        go -C tests/cluster/gitserver vet ./... &&
        go -C tests/golden/cron-oracle vet ./... &&
        go -C tests/golden/sops-oracle vet ./... &&
        go -C tests/golden/yaml-oracle vet ./...
}

# check_commits: every commit of the branch, as .husky/commit-msg checks each new one.
check_commits() {
    local tool
    tool=$MOORING_CACHE/commitlint/$(cat package.json package-lock.json | sha256sum | cut -c 1-16)
    if [[ ! -e $tool/ready ]]; then
        mkdir -p "$tool" && cp package.json package-lock.json commitlint.config.js "$tool/" || return
        (cd "$tool" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || return
        touch "$tool/ready"
    fi
    cp commitlint.config.js "$tool/" || return
    "$tool/node_modules/.bin/commitlint" --config "$tool/commitlint.config.js" --to HEAD
}

run_unit() {
    need_rust
    need_go
    need_packages git:git gpg:gnupg ssh-keygen:openssh-client
    step 'library and program' cargo test --locked --lib --bins
    step 'command line' cargo test --locked --test cli
    step 'examples in the documentation' cargo test --locked --doc
    step 'local control plane' go -C bootstrap/cluster test -tags=launcher ./...
    step 'scripts with stand-ins' tests/bootstrap/run.sh
}

run_golden() {
    need_rust
    step 'helm, yaml, cron and sops' cargo test --locked --test golden --test golden-yaml --test cron --test sops
}

# Kafka is fetched and started by the first test that needs it.
run_producer() {
    need_rust
    step 'build the tests' cargo test --locked --test producer --no-run
    step 'kafka for tests' tests/producer/kafka/fetch.sh
    step 'files, faults and kills' cargo test --locked --test producer
}

# start_building: the control plane, beside what needs no cluster; its compiler gives way to ours.
start_building() {
    need_linux
    need_go
    nice -n 5 bootstrap/cluster/build.sh >"$logs/cluster-bin" 2>"$logs/cluster-build.log" </dev/null &
    builder=$!
}

# finish_building: sets CLUSTER_BIN.
finish_building() {
    local ended=0
    wait "$builder" || ended=$?
    builder=''
    cat "$logs/cluster-build.log"
    return "$ended"
}

# What of the cluster's tests must be built is built while the control plane is, too.
run_cluster() {
    need_rust
    need_packages git:git ssh-keygen:openssh-client
    step 'build the tests' cargo test --locked --test cluster --no-run
    step 'build the control plane' finish_building
    MOORING_CLUSTER_BIN=$(<"$logs/cluster-bin")
    export MOORING_CLUSTER_BIN
    step 'agent and control plane' cargo test --locked --test cluster
}

# Pods that really run.
run_node() {
    need_linux
    need_go
    step 'build the node' bootstrap/cluster/build.sh --node
    step 'pods and what they leave' tests/node/run.sh
    step 'the agent as a pod' tests/node/agent.sh
    # Aloud: a step's output is in its log.
    grep -h 'SKIPPED' "$logs"/node-*.log >&2 || true
}

# The whole lakehouse: some minutes, and each sentence is said when it was found true.
run_pipeline() {
    need_linux
    need_go
    step 'build the node' bootstrap/cluster/build.sh --node
    if ((${#pipeline_flags[@]} == 0)); then step 'the stream as a process' components/spark/tests/run.sh; fi
    aloud=yes step 'the lakehouse' tests/pipeline/run.sh "${pipeline_flags[@]}"
}

run_charts() {
    need_linux
    need_go
    step 'build the node' bootstrap/cluster/build.sh --node
    step 'store, Kafka and catalog' tests/node/store.sh
    step 'Trino' tests/node/query.sh
    step 'Superset' tests/node/superset.sh
}

# The demo in a state of its own, with the program that the tests were built with.
run_demo() {
    need_rust
    # Building a test builds the program too, with the same features of the same crates.
    step 'build the program' cargo test --locked --test cluster --no-run
    if [[ -n $builder ]]; then step 'build the control plane' finish_building; fi
    demo_state=$(mktemp -d)
    MOORING_STATE=$demo_state MOORING_BIN=$CARGO_TARGET_DIR/debug/mooring step 'the story' bootstrap/local.sh --demo
    rm -rf -- "$demo_state"
}

# Helm's own packages are built here, and nowhere else.
run_oracle() {
    need_go
    step "helm's cases" go -C tests/golden/oracle run . check
    step "the environments' charts" compare_environments
    step 'go vet' go -C tests/golden/oracle vet ./...
    step "robfig's cases" check_cron_cases
    step "go-yaml's cases" check_yaml_cases
    step "sops' cases" go -C tests/golden/sops-oracle run . check
}

# compare_environments: what is rendered of each environment with what Helm makes of its charts and values.
compare_environments() {
    ensure_program mooring && go -C tests/golden/oracle run . environments "$PROGRAM"
}

check_cron_cases() { go -C tests/golden/cron-oracle run . | diff - tests/golden/cron/cases.jsonl; }

check_yaml_cases() { go -C tests/golden/yaml-oracle run . check <tests/golden/yaml/cases.jsonl; }

clean_up() {
    if [[ -n $builder ]]; then kill "$builder" 2>/dev/null || true; fi
    if [[ -n ${demo_state:-} ]]; then rm -rf -- "$demo_state"; fi
}

# summary: totals in the words of cargo's tests, one line a class; fails when anything did.
summary() {
    local one ok=0 bad=0 word
    printf '\n'
    for one in "$@"; do
        word=ok
        if ((failed[$one] > 0)); then word=FAILED; fi
        printf '%-8s test result: %s. %d passed; %d failed\n' "$one" "$word" "${passed[$one]}" "${failed[$one]}"
        ok=$((ok + passed[$one]))
        bad=$((bad + failed[$one]))
    done
    printf '%d passed, %d failed\n' "$ok" "$bad"
    ((bad == 0))
}

classes=() pipeline_flags=()
for argument in "$@"; do
    case $argument in
        -h | --help | help)
            usage
            exit
            ;;
        --smoke)
            pipeline_flags=(--smoke)
            continue
            ;;
        *) [[ " ${all_classes[*]} " == *" $argument "* ]] || fail "no such class: $argument" "tests/run.sh --help" ;;
    esac
    classes+=("$argument")
done
if ((${#classes[@]} == 0)); then
    classes=("${default_classes[@]}") pipeline_flags=(--smoke)
fi

mkdir -p "$logs"
claim_target "$CARGO_TARGET_DIR"
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
[[ " ${classes[*]} " != *' cluster '* && " ${classes[*]} " != *' demo '* ]] || start_building
for class in "${classes[@]}"; do "run_$class"; done
summary "${classes[@]}"
