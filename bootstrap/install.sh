#!/usr/bin/env bash
# Mooring in a cluster that you have: its definition, its rights, its chart, and what it reads git with.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/lib.sh"
# shellcheck source=bootstrap/lib/localgit.sh
. "$here/lib/localgit.sh"
me=bootstrap/install.sh

usage() {
    cat <<END
Mooring in a cluster that you have. Run again, it upgrades.

Usage:
  $me --context NAME --repo URL [options]     install or upgrade, and wait until the first revision is applied
  $me --context NAME --local-git [options]    the same with a git remote of its own, in the cluster
  $me --context NAME --uninstall [options]    take it out again; what it applied stays

Options:
  --context NAME         the cluster, by its context in your kubeconfig; no other is touched
  --repo URL             the git remote that holds environments/ and components/
  --local-git            instead: a git remote in the cluster, which begins with this checkout's environments/ and
                         components/; agent and remote become components of the environment, upgraded by a push
  --from DIR             for --local-git: begin with DIR's environments/ and components/
  --git-image NAME:TAG   for --local-git: another image of the remote
  --new-token            for --local-git: change the remote's token
  --branch NAME          the branch to follow (default: main)
  --environment NAME     which of environments/ to keep (default: local)
  --namespace NAME       where the agent runs (default: mooring-system)
  --profile PROFILE      cluster (default), or namespaced: rights in --namespaces alone
  --namespaces A,B       the namespaces that the environment names, for --profile namespaced
  --age-keys FILE        age keys that open what sops encrypted (docs/secrets.md)
  --verify-keys FILE     ssh or OpenPGP public keys: commits that none of them signed are refused (docs/signatures.md)
  --image NAME:TAG       another image of the agent
  --set KEY=VALUE        any other value of components/mooring; may be given again
  --timeout SECONDS      how long to wait (default: 300)
  --dry-run              print what would be applied, credentials left out, and change nothing
  --export DIR           write the manifests into DIR instead, for those who install by other means
  --uninstall            remove the agent, its rights and its Environment
  -h, --help             this text

Credentials for the remote, never echoed and never on a command line; asked for on a terminal where the URL needs them:
  https   MOORING_GIT_TOKEN or --token-file FILE, and MOORING_GIT_USERNAME where the host wants one
  ssh     --ssh-key FILE and --known-hosts FILE
  webhook MOORING_WEBHOOK_SECRET

Examples:
  $me --context minikube --local-git
  $me --context minikube --repo https://git.example.org/lakehouse.git
  $me --context prod --repo ssh://git@git.example.org/lakehouse.git --ssh-key ~/.ssh/deploy --known-hosts hosts \\
      --profile namespaced --namespaces lakehouse
  $me --context minikube --uninstall
END
}

# parse ARGUMENT...
parse() {
    repo='' branch=main environment=local namespace=mooring-system profile=cluster namespaces='' image='' timeout=300
    dry_run='' export_to='' uninstall='' token_file='' ssh_key='' known_hosts='' context='' values=()
    local_git='' from=$CHECKOUT git_image='' new_token='' pushed='' arguments=() age_keys='' verify_keys=''
    while (($#)); do
        case $1 in
            --dry-run) dry_run=yes ;;
            --uninstall) uninstall=yes ;;
            --local-git) local_git=yes ;;
            --new-token) new_token=yes ;;
            -h | --help | help)
                usage
                exit
                ;;
            --*)
                (($# > 1)) || fail "$1 needs a value" "$me --help"
                parse_option "$1" "$2"
                shift
                ;;
            *) fail "no such option: $1" "$me --help" ;;
        esac
        shift
    done
    [[ -n $context || -n $export_to ]] || fail "which cluster? name it: --context NAME" "Contexts that you have: kubectl config get-contexts -o name"
    [[ -n $repo || -n $local_git || -n $uninstall ]] || fail "which git remote? name it: --repo URL, or --local-git for one in the cluster"
    [[ -z $repo || -z $local_git ]] || fail "--repo and --local-git exclude each other"
    [[ -n $local_git || -z $new_token$git_image && $from == "$CHECKOUT" ]] || fail "--from, --git-image and --new-token belong to --local-git"
    [[ -z $verify_keys || -z $local_git ]] || fail "--verify-keys and --local-git exclude each other: what this script pushes is not signed"
    [[ $profile != namespaced || -n $namespaces ]] || fail "--profile namespaced needs --namespaces: those that the environment names"
    [[ $timeout =~ ^[0-9]+$ ]] || fail "--timeout $timeout: a number of seconds"
}

# parse_option NAME VALUE
parse_option() {
    case $1 in
        --context) context=$2 ;;
        --repo) repo=$2 ;;
        --branch) branch=$2 ;;
        --environment) environment=$2 ;;
        --namespace) namespace=$2 ;;
        --profile)
            [[ $2 == cluster || $2 == namespaced ]] || fail "--profile $2: there is cluster and namespaced"
            profile=$2
            ;;
        --namespaces) namespaces=$2 ;;
        --image) image=$2 ;;
        --age-keys) age_keys=$2 ;;
        --verify-keys) verify_keys=$2 ;;
        --git-image) git_image=$2 ;;
        --from)
            [[ -d $2/environments ]] || fail "--from $2: there is no folder $2/environments"
            from=$(cd -- "$2" && pwd)
            ;;
        --set) values+=("$2") ;;
        --timeout) timeout=$2 ;;
        --export) export_to=$2 ;;
        --token-file) token_file=$2 ;;
        --ssh-key) ssh_key=$2 ;;
        --known-hosts) known_hosts=$2 ;;
        *) fail "no such option: $1" "$me --help" ;;
    esac
}

kube() { kubectl --context "$context" "$@"; }

# readable FILE OPTION
readable() { [[ -r $1 ]] || fail "$2 $1: there is no such file, or it may not be read"; }

# collect_credentials: into files of a folder that only we can read, as the agent's Secret has them.
collect_credentials() {
    mkdir -p "$credentials"
    case $repo in
        ssh://* | *@*:*)
            [[ -n $ssh_key && -n $known_hosts ]] ||
                fail "a remote over ssh needs --ssh-key FILE and --known-hosts FILE" \
                    "A key without a passphrase: ssh-keygen -t ed25519 -N '' -f deploy" \
                    "The host's keys: ssh-keyscan HOST > hosts, compared with what the host publishes."
            readable "$ssh_key" --ssh-key
            readable "$known_hosts" --known-hosts
            cp -- "$ssh_key" "$credentials/ssh-key"
            cp -- "$known_hosts" "$credentials/known_hosts"
            ;;
        https://*)
            local token=${MOORING_GIT_TOKEN:-}
            if [[ -n $token_file ]]; then
                readable "$token_file" --token-file
                IFS= read -r token <"$token_file" || [[ -n $token ]] || fail "--token-file $token_file is empty"
            elif [[ -z $token && -t 0 && -t 2 && -z $dry_run && -z $export_to ]]; then
                printf 'Token for %s (nothing for a public repository): ' "$repo" >&2
                IFS= read -rs token || true
                printf '\n' >&2
            fi
            if [[ -n $token ]]; then printf '%s' "$token" >"$credentials/token"; fi
            if [[ -n ${MOORING_GIT_USERNAME:-} ]]; then printf '%s' "$MOORING_GIT_USERNAME" >"$credentials/username"; fi
            ;;
        http://* | git://*) warn "$repo: what is read there is neither secret nor safe from change on its way" ;;
        *) warn "$repo: a pod must be able to read it" ;;
    esac
    if [[ -n ${MOORING_WEBHOOK_SECRET:-} ]]; then
        mkdir -p "$work/webhook"
        printf '%s' "$MOORING_WEBHOOK_SECRET" >"$work/webhook/secret"
    fi
}

# collect_keys: those that are not the remote's, each kind into a folder.
collect_keys() {
    mkdir -p "$work/sops" "$work/verify"
    if [[ -n $age_keys ]]; then
        readable "$age_keys" --age-keys
        grep -q '^AGE-SECRET-KEY-1' "$age_keys" || fail "--age-keys $age_keys: it holds no private key of age" "age-keygen -o keys.txt makes one."
        cp -- "$age_keys" "$work/sops/keys.agekey"
    fi
    if [[ -n $verify_keys ]]; then
        readable "$verify_keys" --verify-keys
        cp -- "$verify_keys" "$work/verify/keys"
    fi
}

has_files() { [[ -d $1 && -n $(ls -A "$1") ]]; }

# chart_arguments: adds what the options say to arguments.
chart_arguments() {
    local value
    arguments+=(--set-string "repo=$repo" --set-string "branch=$branch" --set-string "environment=$environment" --set-string "rbac.profile=$profile")
    if [[ -n $namespaces ]]; then arguments+=(--set "rbac.namespaces={$namespaces}"); fi
    if [[ -n $image ]]; then image_arguments --image "$image" arguments; fi
    if has_files "$work/credentials"; then arguments+=(--set-string git.secret=mooring-git); fi
    if has_files "$work/sops"; then arguments+=(--set-string sops.secret=mooring-sops); fi
    if has_files "$work/verify"; then arguments+=(--set-string verify.secret=mooring-verify --set-string verify.mode=require); fi
    if has_files "$work/webhook"; then arguments+=(--set-string webhook.secret=mooring-webhook); fi
    for value in "${values[@]}"; do arguments+=(--set "$value"); done
}

# image_arguments OPTION NAME:TAG ARRAY: adds the values that name an image.
image_arguments() {
    local -n add_to=$3
    [[ ${2##*/} == *:* ]] || fail "$1 $2: a tag is missing, as in name:1.0"
    add_to+=(--set-string "image.repository=${2%:*}" --set-string "image.tag=${2##*:}")
}

# values_of ARGUMENT...: the values that arguments of 'template' set, as a file of values says them.
values_of() {
    local chart=$work/values-of
    mkdir -p "$chart/templates"
    printf 'apiVersion: v2\nname: values\nversion: 0.1.0\n' >"$chart/Chart.yaml"
    printf '{{ toYaml .Values }}\n' >"$chart/templates/values.yaml"
    # Without the two lines that say where a document comes from.
    "$MOORING_BIN" template values "$chart" "$@" | sed '1,2d'
}

# render: the chart, with those values.
render() {
    "$MOORING_BIN" template mooring "$CHECKOUT/components/mooring" --namespace "$namespace" -f "$work/mooring.yaml" ||
        fail "the chart does not render" "The reason is above."
}

# apply_manifests: those on standard input.
apply_manifests() {
    kube apply --server-side --force-conflicts --field-manager=mooring-install -f - >"$work/applied" ||
        fail "not everything could be applied" "The reasons are above. Your own rights must cover what the agent gets."
    note "$(wc -l <"$work/applied") objects"
}

# namespace_manifest NAME LEVEL: with the level of pod security that is enforced in it.
namespace_manifest() {
    cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: $1
  labels:
    pod-security.kubernetes.io/enforce: $2
END
}

# all_manifests: namespaces first; those of the environment must be there for the agent's rights.
all_manifests() {
    local one names=()
    namespace_manifest "$namespace" restricted
    IFS=, read -ra names <<<"$namespaces"
    for one in "${names[@]}"; do
        printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n' "$one"
    done
    if [[ -n $local_git ]]; then render_git; fi
    cat "$work/chart.yaml"
}

# apply_secret NAME FOLDER
apply_secret() {
    has_files "$2" || return 0
    kube create secret generic "$1" --namespace "$namespace" --from-file="$2" --dry-run=client -o yaml |
        kube apply --server-side --force-conflicts --field-manager=mooring-install -f - >/dev/null
    note "Secret $1"
}

# condition FIELD: of the Environment's Ready.
condition() {
    kube get environments.mooring.dev "$environment" --ignore-not-found \
        -o "jsonpath={range .status.conditions[?(@.type==\"Ready\")]}{.$1}{end}" 2>/dev/null || true
}

# is_ready: the Environment, at what was pushed if we pushed something.
is_ready() {
    [[ $(condition status) == True ]] || return 1
    [[ -z $pushed || $(kube get environments.mooring.dev "$environment" -o 'jsonpath={.status.revision}') == "$pushed" ]]
}

# wait_until_ready: the agent's pods, then the Environment; what is waited for is told.
wait_until_ready() {
    local began=$SECONDS message told=-15
    until is_ready; do
        ((SECONDS - began < timeout)) || agent_failed "the environment $environment is not ready"
        if [[ -t 2 ]] || ((SECONDS - began - told >= 15)); then
            told=$((SECONDS - began))
            message=$(condition message)
            say_progress "waiting for the first revision: $told s${message:+, $message}"
        fi
        sleep 1
    done
    say_progress
    # All replicas are of this version, and ready.
    kube --namespace "$namespace" rollout status deployment/mooring --timeout "$((timeout - (SECONDS - began) + 1))s" >/dev/null ||
        agent_failed "not all of the agent's pods are ready"
    say "the environment $environment is ready after $((SECONDS - began)) s"
}

# agent_failed WHAT
agent_failed() {
    say_progress
    note "$(condition message)"
    kube --namespace "$namespace" get pods -l app.kubernetes.io/instance=mooring >&2 || true
    kube --namespace "$namespace" logs -l app.kubernetes.io/instance=mooring --tail 3 >&2 || true
    fail "$1 after $timeout s" \
        "What the agent says: kubectl --context $context -n $namespace logs -l app.kubernetes.io/instance=mooring --tail 50" \
        "What is not ready:   kubectl --context $context get environments -o wide" \
        "It goes on by itself; nothing has to be installed again."
}

install() {
    credentials=$work/credentials
    if [[ -n $local_git ]]; then start_local_git; else collect_credentials; fi
    collect_keys
    chart_arguments
    values_of "${arguments[@]}" >"$work/mooring.yaml"
    render >"$work/chart.yaml"
    if [[ -n $export_to ]]; then
        export_manifests
        return
    fi
    if [[ -n $dry_run ]]; then
        all_manifests
        return
    fi
    say "installing into $context"
    if [[ -n $local_git ]]; then push_start; fi
    if [[ -z $local_git ]] || ! keeps_itself; then all_manifests | apply_manifests; fi
    if [[ -z $local_git ]]; then apply_secret mooring-git "$credentials"; fi
    apply_secret mooring-webhook "$work/webhook"
    apply_secret mooring-sops "$work/sops"
    apply_secret mooring-verify "$work/verify"
    wait_until_ready
    cat <<END

${bold}Mooring keeps $environment as git says.${plain}

  change   push to $branch of $repo
  look     kubectl --context $context get environments
  log      kubectl --context $context -n $namespace logs -l app.kubernetes.io/instance=mooring --follow
  upgrade  run this script again, or put components/mooring into the environment: then a push does it
  remove   $me --context $context --uninstall
END
    if [[ -n $local_git ]]; then show_local_git; fi
}

# export_manifests: what would be applied, as a file of the user's.
export_manifests() {
    mkdir -p "$export_to"
    all_manifests >"$export_to/mooring.yaml"
    say "written: $export_to/mooring.yaml"
    if [[ -n $local_git ]]; then
        note "the Secret mooring-git in $namespace is yours to make, with the keys: token username users"
    elif has_files "$credentials"; then
        note "the Secret mooring-git in $namespace is yours to make, with the keys: $(cd "$credentials" && echo *)"
    fi
}

# stop_agents: before anything is deleted, or one that keeps its own chart puts it back.
stop_agents() {
    [[ -n $(kube --namespace "$namespace" get deployment mooring --ignore-not-found -o name) ]] || return 0
    kube --namespace "$namespace" patch deployment mooring --type merge \
        -p '{"metadata":{"annotations":{"mooring.dev/hold":"it is being removed"}},"spec":{"replicas":0}}' >/dev/null
    kube --namespace "$namespace" wait --for=delete pod -l app.kubernetes.io/name=mooring --timeout 60s >/dev/null ||
        fail "the agent does not end" "kubectl --context $context -n $namespace get pods"
}

# remove: everything of the agent and nothing of what it applied.
remove() {
    say "removing the agent from $context"
    local left
    if [[ -n $dry_run ]]; then
        note "the namespace $namespace, the ClusterRole and its binding, the Environment $environment, its definition if no other is left"
        return
    fi
    stop_agents
    if [[ -n $(kube --namespace "$namespace" get statefulset git --ignore-not-found -o name) ]]; then
        # Its volume is the only copy of what was pushed.
        kube --namespace "$namespace" delete -l app.kubernetes.io/name=mooring,app.kubernetes.io/instance=mooring --ignore-not-found \
            deployment,service,serviceaccount,poddisruptionbudget,networkpolicy,role,rolebinding,configmap >/dev/null
        note "the git remote stays, with what was pushed to it; kubectl --context $context delete namespace $namespace deletes it"
    else
        kube delete namespace "$namespace" --ignore-not-found --wait=true >/dev/null
    fi
    kube delete clusterrole,clusterrolebinding "mooring-$namespace" --ignore-not-found >/dev/null
    kube delete role,rolebinding --all-namespaces -l app.kubernetes.io/name=mooring,app.kubernetes.io/component=agent \
        --field-selector "metadata.name=mooring-$namespace-environment" --ignore-not-found >/dev/null
    if kube get customresourcedefinition environments.mooring.dev >/dev/null 2>&1; then
        kube delete environments.mooring.dev "$environment" --ignore-not-found >/dev/null
        left=$(kube get environments.mooring.dev -o name)
        if [[ -z $left ]]; then
            kube delete customresourcedefinition environments.mooring.dev >/dev/null
        else
            note "the definition stays for $left"
        fi
    fi
    say "removed. What it had applied stays, data included: kubectl --context $context get all -A -l mooring.dev/component"
}

parse "$@"
umask 077
work=$(mktemp -d)
trap 'end_local_git; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM HUP
if [[ -z $export_to ]]; then
    command -v kubectl >/dev/null || fail "kubectl is needed and not installed" "https://kubernetes.io/docs/tasks/tools"
    kubectl config get-contexts "$context" >/dev/null 2>&1 ||
        fail "there is no context $context in your kubeconfig" "There is: $(kubectl config get-contexts -o name | tr '\n' ' ')"
    [[ -n $dry_run ]] || kube get --raw /version >/dev/null || fail "the cluster of the context $context does not answer"
fi
if [[ -n $uninstall ]]; then
    remove
else
    ensure_agent
    install
fi
