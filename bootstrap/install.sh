#!/usr/bin/env bash
# Mooring in a cluster that you have: its definition, its rights, its chart, and what it reads git with.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/lib.sh"
me=bootstrap/install.sh

usage() {
    cat <<END
Mooring in a cluster that you have. Run again, it upgrades.

Usage:
  $me --context NAME --repo URL [options]     install or upgrade, and wait until the first revision is applied
  $me --context NAME --uninstall [options]    take it out again; what it applied stays

Options:
  --context NAME         the cluster, by its context in your kubeconfig; no other is touched
  --repo URL             the git remote that holds environments/ and components/
  --branch NAME          the branch to follow (default: main)
  --environment NAME     which of environments/ to keep (default: local)
  --namespace NAME       where the agent runs (default: mooring-system)
  --profile PROFILE      cluster (default), or namespaced: rights in --namespaces alone
  --namespaces A,B       the namespaces that the environment names, for --profile namespaced
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
    while (($#)); do
        case $1 in
            --dry-run) dry_run=yes ;;
            --uninstall) uninstall=yes ;;
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
    [[ -n $repo || -n $uninstall ]] || fail "which git remote? name it: --repo URL"
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
    credentials=$work/credentials
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

has_files() { [[ -d $1 && -n $(ls -A "$1") ]]; }

# render: the chart, with what the options say.
render() {
    local arguments=(--set-string "repo=$repo" --set-string "branch=$branch" --set-string "environment=$environment" --set-string "rbac.profile=$profile") value
    if [[ -n $namespaces ]]; then arguments+=(--set "rbac.namespaces={$namespaces}"); fi
    if [[ -n $image ]]; then
        [[ ${image##*/} == *:* ]] || fail "--image $image: a tag is missing, as in name:1.0"
        arguments+=(--set-string "image.repository=${image%:*}" --set-string "image.tag=${image##*:}")
    fi
    if has_files "$work/credentials"; then arguments+=(--set-string git.secret=mooring-git); fi
    if has_files "$work/webhook"; then arguments+=(--set-string webhook.secret=mooring-webhook); fi
    for value in "${values[@]}"; do arguments+=(--set "$value"); done
    "$MOORING_BIN" template mooring "$CHECKOUT/components/mooring" --namespace "$namespace" "${arguments[@]}" ||
        fail "the chart does not render" "The reason is above."
}

# namespaces_of: the agent's namespace as a manifest; those of the environment must be there for its rights.
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

# all_manifests: namespaces first.
all_manifests() {
    local one names=()
    namespace_manifest "$namespace" restricted
    IFS=, read -ra names <<<"$namespaces"
    for one in "${names[@]}"; do
        printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n' "$one"
    done
    cat "$work/chart.yaml"
}

# apply_secret NAME FOLDER
apply_secret() {
    has_files "$2" || return 0
    kube create secret generic "$1" --namespace "$namespace" --from-file="$2" --dry-run=client -o yaml |
        kube apply --server-side --force-conflicts --field-manager=mooring-install -f - >/dev/null
    note "Secret $1"
}

# wait_until_ready: the agent's pods, then the Environment; what is waited for is told.
wait_until_ready() {
    local began=$SECONDS ready message told=-15
    while ((SECONDS - began < timeout)); do
        ready=$(kube get environments.mooring.dev "$environment" --ignore-not-found \
            -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status}{end}')
        if [[ $ready == True ]]; then
            say_progress
            say "the environment $environment is ready after $((SECONDS - began)) s"
            return
        fi
        if [[ -t 2 ]] || ((SECONDS - began - told >= 15)); then
            told=$((SECONDS - began))
            message=$(kube get environments.mooring.dev "$environment" --ignore-not-found \
                -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.message}{end}')
            say_progress "waiting for the first revision: $told s${message:+, $message}"
        fi
        sleep 1
    done
    say_progress
    kube --namespace "$namespace" get pods -l app.kubernetes.io/instance=mooring >&2 || true
    fail "the environment $environment is not ready after $timeout s" \
        "What the agent says: kubectl --context $context -n $namespace logs -l app.kubernetes.io/instance=mooring --tail 50" \
        "What is not ready:   kubectl --context $context get environments -o wide" \
        "It goes on by itself; nothing has to be installed again."
}

install() {
    collect_credentials
    render >"$work/chart.yaml"
    if [[ -n $export_to ]]; then
        mkdir -p "$export_to"
        all_manifests >"$export_to/mooring.yaml"
        say "written: $export_to/mooring.yaml"
        if has_files "$work/credentials"; then
            note "the Secret mooring-git in $namespace is yours to make, with the keys: $(cd "$work/credentials" && echo *)"
        fi
        return
    fi
    if [[ -n $dry_run ]]; then
        all_manifests
        return
    fi
    say "installing into $context"
    all_manifests | kube apply --server-side --force-conflicts --field-manager=mooring-install -f - >"$work/applied" ||
        fail "not everything could be applied" "The reasons are above. Your own rights must cover what the agent gets."
    note "$(wc -l <"$work/applied") objects"
    apply_secret mooring-git "$work/credentials"
    apply_secret mooring-webhook "$work/webhook"
    wait_until_ready
    cat <<END

${bold}Mooring keeps $environment as git says.${plain}

  change   push to $branch of $repo
  look     kubectl --context $context get environments
  log      kubectl --context $context -n $namespace logs -l app.kubernetes.io/instance=mooring --follow
  upgrade  run this script again, or put components/mooring into the environment: then a push does it
  remove   $me --context $context --uninstall
END
}

# remove: everything of the agent and nothing of what it applied.
remove() {
    say "removing the agent from $context"
    local left
    if [[ -n $dry_run ]]; then
        note "the namespace $namespace, the ClusterRole and its binding, the Environment $environment, its definition if no other is left"
        return
    fi
    kube delete namespace "$namespace" --ignore-not-found --wait=true >/dev/null
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
trap 'rm -rf -- "$work"' EXIT
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
