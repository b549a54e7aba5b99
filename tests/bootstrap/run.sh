#!/usr/bin/env bash
# bootstrap/minikube.sh and bootstrap/image/build.sh with stand-ins for what is not here: minikube, docker and a cluster. They record
# what was called. Each test is a function whose name is its sentence.
#
#   tests/bootstrap/run.sh [TEST...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../bootstrap/lib.sh"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM HUP

readonly all=(
    start_makes_a_cluster_builds_the_images_into_it_and_installs
    sizes_and_options_of_the_installation_are_passed_on
    a_start_that_fails_installs_nothing
    reset_asks_first
    what_lacks_is_told_with_how_to_get_it
    wrong_arguments_are_named
    an_engine_that_answers_builds_from_the_containerfile
    an_engine_that_does_not_answer_is_not_used
    an_image_that_others_publish_is_pulled
    every_image_has_a_containerfile_and_a_recipe_that_agree
)

# stand_in NAME [STATUS]: a program that notes its name and arguments, one line a call.
stand_in() {
    mkdir -p "$work/bin"
    printf '#!/bin/bash\nprintf "%%s\\n" "%s $*" >>"%s/called"\nexit %d\n' "$1" "$work" "${2:-0}" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# begin: no calls yet, and a checkout in which install.sh is a stand-in too.
begin() {
    rm -rf "${work:?}"/{bin,checkout,called}
    : >"$work/called"
    mkdir -p "$work/checkout"
    cp -R "$CHECKOUT"/{bootstrap,Cargo.toml} "$work/checkout/"
    stand_in minikube
    stand_in kubectl
    stand_in install.sh
    cp "$work/bin/install.sh" "$work/checkout/bootstrap/install.sh"
}

minikube_sh() { PATH=$work/bin:$PATH "$work/checkout/bootstrap/minikube.sh" "$@" </dev/null >"$work/said" 2>&1; }
build_sh() { PATH=$work/bin:$PATH "$work/checkout/bootstrap/image/build.sh" "$@" </dev/null >"$work/said" 2>"$work/words"; }

# called EXPECTED: these very calls, in this order.
called() { diff <(printf '%s\n' "$1") "$work/called"; }
called_nothing() { [[ ! -s $work/called ]]; }

start_makes_a_cluster_builds_the_images_into_it_and_installs() {
    local version
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$CHECKOUT/Cargo.toml" | head -n 1)
    begin && minikube_sh start && called "minikube start --cpus 4 --memory 10g --disk-size 40g
minikube image build -t ghcr.io/mooring-dev/mooring:$version -f bootstrap/image/agent/Containerfile .
minikube image build -t ghcr.io/mooring-dev/mooring-producer:$version -f bootstrap/image/producer/Containerfile .
minikube image build -t ghcr.io/mooring-dev/git:$version -f bootstrap/image/git/Containerfile .
minikube image build -t ghcr.io/mooring-dev/spark:$version -f bootstrap/image/spark/Containerfile .
minikube image build -t ghcr.io/mooring-dev/superset:$version -f bootstrap/image/superset/Containerfile .
install.sh --context mooring --local-git"
}

sizes_and_options_of_the_installation_are_passed_on() {
    begin && MINIKUBE_PROFILE=mine minikube_sh start --cpus 2 --memory 6g --driver kvm2 -- --environment dev &&
        grep -qx 'minikube start --cpus 2 --memory 6g --disk-size 40g --driver kvm2' "$work/called" &&
        grep -qx 'install.sh --context mine --local-git --environment dev' "$work/called"
}

a_start_that_fails_installs_nothing() {
    begin && stand_in minikube 1 && ! minikube_sh start && called 'minikube start --cpus 4 --memory 10g --disk-size 40g' &&
        grep -q 'Minikube does not start' "$work/said"
}

reset_asks_first() {
    begin && ! minikube_sh reset && called_nothing && minikube_sh reset --yes && called 'minikube delete'
}
what_lacks_is_told_with_how_to_get_it() {
    begin && rm "$work/bin/minikube" && ! minikube_sh start && grep -q 'minikube is needed and not installed' "$work/said" &&
        grep -q 'minikube.sigs.k8s.io\|brew install' "$work/said"
}

wrong_arguments_are_named() {
    begin && ! minikube_sh begin && grep -q 'no such command or option: begin' "$work/said" && ! minikube_sh start --cpus &&
        grep -q -- '--cpus needs a value' "$work/said" && ! build_sh nothing && grep -q 'no such image or option: nothing' "$work/words" &&
        ! build_sh agent --engine lxc && grep -q -- '--engine lxc' "$work/words" && ! build_sh agent --tag 'a b' && called_nothing
}

an_engine_that_answers_builds_from_the_containerfile() {
    begin && stand_in docker && build_sh agent --tag try && [[ $(<"$work/said") == ghcr.io/mooring-dev/mooring:try ]] && called "docker info
docker build --tag ghcr.io/mooring-dev/mooring:try --file $work/checkout/bootstrap/image/agent/Containerfile $work/checkout"
}

# A docker client without an engine, as many machines have it; podman is asked next.
an_engine_that_does_not_answer_is_not_used() {
    begin && stand_in docker 1 && stand_in podman && build_sh producer --tag try && called "docker info
podman info
podman build --tag ghcr.io/mooring-dev/mooring-producer:try --file $work/checkout/bootstrap/image/producer/Containerfile $work/checkout"
}

an_image_that_others_publish_is_pulled() {
    begin && stand_in docker && build_sh trino --engine docker --tag try && [[ $(<"$work/said") == docker.io/trinodb/trino:476 ]] &&
        called 'docker pull docker.io/trinodb/trino:476'
}

# recipe NAME VARIABLE: one word a line.
recipe() { bash -euc 'java_packages=() java_left_out=(); . "$1"; declare -n value=$2; printf "%s\n" "${value[@]}"' bash "$CHECKOUT/bootstrap/image/$1/recipe.sh" "$2"; }

# after FLAG: the words that follow that flag.
after() { grep -A 1 -x -e "$1" | grep -vx -e "$1" -e -- || true; }

every_image_has_a_containerfile_and_a_recipe_that_agree() {
    local folder name file user entrypoint
    for folder in "$CHECKOUT"/bootstrap/image/*/; do
        name=$(basename "$folder") file=$folder/Containerfile
        # One that others publish is pulled, and has no Containerfile here.
        if grep -q '^upstream=' "$folder/recipe.sh"; then
            [[ ! -e $file ]] || return
            continue
        fi
        user=$(recipe "$name" options | after --user) && entrypoint=$(recipe "$name" options | after --entrypoint) || return
        echo "$name: $user $entrypoint"
        grep -qx "USER $user" "$file" && grep -qFx "ENTRYPOINT [\"$entrypoint\"]" "$file" || return
    done
}

passed=0 failed=0 verdict=ok tests=("$@")
((${#tests[@]})) || tests=("${all[@]}")
for test in "${tests[@]}"; do
    # In a condition 'set -e' is asleep for all that is called: the tests join their steps with &&.
    if "$test" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$test"
    else
        failed=$((failed + 1)) verdict=FAILED
        printf 'FAILED  %s\n' "$test"
        tail -n 30 "$work/log" "$work/said" 2>/dev/null | sed 's/^/        /'
    fi
done
printf 'test result: %s. %d passed; %d failed\n' "$verdict" "$passed" "$failed"
((failed == 0))
