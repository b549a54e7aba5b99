# shellcheck shell=bash disable=SC2154 # install.sh sets what is used here: namespace, environment, work...
# install.sh --local-git: a git remote in the cluster (components/git), and the starting repository in it, in which the
# agent keeps its own chart and the remote's.

readonly git_user=mooring local_repository=lakehouse

# start_local_git: the Secret, the remote, and a way to it from here; sets repo, and remote for git on this machine.
start_local_git() {
    need_git
    # shellcheck disable=SC2034 # install.sh uses it
    repo=http://git.$namespace.svc/git/$local_repository.git
    arguments+=(--set git.secret=mooring-git --set git.tokenOverHttp=true --set interval=2s)
    # An agent that keeps its own chart keeps the definition of the Environment, too.
    if [[ $profile == cluster ]]; then arguments+=(--set crd.create=false); fi
    git_arguments=(--set users.secret=mooring-git)
    if [[ -n $git_image ]]; then image_arguments --git-image "$git_image" git_arguments; fi
    values_of "${git_arguments[@]}" >"$work/git.yaml"
    if [[ -n $dry_run || -n $export_to ]]; then return; fi
    namespace_manifest "$namespace" restricted | apply_manifests
    local_credentials
    if ! keeps_itself; then
        render_git | apply_manifests
        say "waiting for the git remote"
        kube --namespace "$namespace" rollout status statefulset/git --timeout "${timeout}s" >/dev/null || {
            kube --namespace "$namespace" get pods -l app.kubernetes.io/name=git >&2 || true
            fail "the git remote does not start" "kubectl --context $context -n $namespace describe pod git-0" \
                "Is its image in the cluster? bootstrap/image/build.sh git"
        }
    fi
    forward_git
}

render_git() { "$MOORING_BIN" template git "$CHECKOUT/components/git" --namespace "$namespace" -f "$work/git.yaml"; }

# keeps_itself: whether the agent is there, and git already says what it and the remote are like: then a push changes both.
keeps_itself() {
    [[ $(kube get environments.mooring.dev "$environment" --ignore-not-found \
        -o 'jsonpath={.spec.components[?(@.chart=="components/mooring")].name}' 2>/dev/null) == mooring ]] &&
        [[ $(kube --namespace "$namespace" get deployment mooring --ignore-not-found -o 'jsonpath={.status.readyReplicas}') -gt 0 ]]
}

# local_credentials: the token of the Secret that is there, or a new one; into files, as the agent's Secret has them.
local_credentials() {
    local token=''
    mkdir -p "$credentials"
    token=$(kube --namespace "$namespace" get secret mooring-git --ignore-not-found -o 'jsonpath={.data.token}' | base64 -d)
    if [[ -z $token || -n $new_token ]]; then token=$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n'); fi
    printf '%s' "$token" >"$credentials/token"
    printf '%s' "$git_user" >"$credentials/username"
    printf '%s:%s\n' "$git_user" "$token" >"$credentials/users"
    apply_secret mooring-git "$credentials"
}

# forward_git: a port of this machine that is the remote's, until the script ends; git reads the token from a file.
forward_git() {
    local port tenths=300
    port=$(free_port)
    kube --namespace "$namespace" port-forward service/git "$port:80" >"$work/forward.log" 2>&1 &
    forwarder=$!
    until [[ $(http_status "$port" /healthz) == 200 ]]; do
        if ((tenths-- == 0)) || ! kill -0 "$forwarder" 2>/dev/null; then
            fail "the git remote is not reached: $(tail -n 1 "$work/forward.log")"
        fi
        sleep 0.1
    done
    remote=http://127.0.0.1:$port/git/$local_repository.git
    printf 'username=%s\npassword=%s\n' "$git_user" "$(<"$credentials/token")" >"$work/git-login"
}

end_local_git() {
    if [[ -n ${forwarder:-} ]]; then kill "$forwarder" 2>/dev/null || true; fi
}

# remote_git ARGUMENT...: git that logs in to the remote, and asks nobody. A token that was changed just now counts there within
# the minute that the kubelet takes to bring it.
remote_git() {
    local output=$work/git.log tries helper
    # Not git's own store, which forgets what was refused once.
    helper="!f() { if test \"\$1\" = get; then cat '$work/git-login'; fi; }; f"
    for tries in 0 5 10 20 30 30; do
        sleep "$tries"
        if GIT_TERMINAL_PROMPT=0 own_git -c credential.helper= -c "credential.helper=$helper" "$@" 2>"$output"; then
            return
        fi
        grep -q 'Authentication failed\|could not read Username' "$output" || break
    done
    tail -n 5 "$output" >&2
    return 1
}

# push_start: what the repository begins with, or, where it has begun, the charts and values of this release; sets pushed to the
# commit that the agent is to reach.
push_start() {
    local tree=$work/tree values message='feat: begin with the environments of the checkout'
    # shellcheck disable=SC2046
    unset $(git rev-parse --local-env-vars)
    remote_git clone -q "$remote" "$tree" || fail "the git remote cannot be read"
    if [[ -n $(own_git -C "$tree" for-each-ref --count 1 refs/remotes) ]]; then
        own_git -C "$tree" checkout -q "$branch" 2>/dev/null || fail "the git remote has no branch $branch" "--branch names another."
        message="chore: install mooring $(sed -n 's/^appVersion: *//p' "$CHECKOUT/components/mooring/Chart.yaml")"
    else
        own_git -C "$tree" checkout -q -b "$branch"
        cp -R "$from/environments" "$tree/"
        if [[ -d $from/components ]]; then cp -R "$from/components" "$tree/"; fi
    fi
    [[ -r $tree/environments/$environment/environment.yaml ]] ||
        fail "there is no environment $environment in the repository" "There is: $(cd "$tree/environments" && echo */ | tr -d /)"
    mkdir -p "$tree/components"
    rm -rf "$tree"/components/{mooring,git}
    cp -R "$CHECKOUT"/components/{mooring,git} "$tree/components/"
    values=$tree/environments/$environment/values
    mkdir -p "$values"
    merge_values "$values/mooring.yaml" "${arguments[@]}"
    merge_values "$values/git.yaml" "${git_arguments[@]}"
    if [[ $profile == cluster ]]; then
        add_components "$tree/environments/$environment/environment.yaml"
    else
        note "an agent with the rights of --profile namespaced may not keep itself: run this script again to upgrade it"
    fi
    own_git -C "$tree" add --all --force
    own_git -C "$tree" diff --cached --quiet || own_git -C "$tree" commit -qm "$message"
    pushed=$(own_git -C "$tree" rev-parse HEAD)
    remote_git -C "$tree" push -q origin "HEAD:$branch" || fail "the git remote does not take the push"
    note "$branch is at ${pushed:0:7}"
}

# merge_values FILE ARGUMENT...: what the options say wins, what people wrote beside it stays.
merge_values() {
    local file=$1 kept=()
    shift
    if [[ -r $file ]]; then kept=(-f "$file"); fi
    values_of "${kept[@]}" "$@" >"$work/values.yaml"
    mv "$work/values.yaml" "$file"
}

# add_components FILE: the agent and its remote, as the first components of an environment that does not name them yet.
add_components() {
    if grep -q 'chart: components/mooring$' "$1"; then return; fi
    awk -v namespace="$namespace" '
        { print }
        /^  components:[ \t]*(#.*)?$/ && !done {
            done = 1
            print "    # The git remote and the agent itself, as bootstrap/install.sh --local-git set them up: a push upgrades them."
            for (i = split("mooring git", names, " "); i > 0; i--) {
                print "    - name: " names[i]
                print "      chart: components/" names[i]
                print "      namespace: " namespace
                print "      values: [values/" names[i] ".yaml]"
            }
        }
        END { exit !done }' "$1" >"$1.new" || {
        rm -f "$1.new"
        warn "environment.yaml has no line 'components:' to add the agent's own chart to: it is not kept by git"
        return
    }
    mv "$1.new" "$1"
}

# show_local_git: how to push to it.
show_local_git() {
    cat <<END

${bold}The git remote is in the cluster${plain}, reached through the API server; its token is in the Secret mooring-git.

  reach    kubectl --context $context -n $namespace port-forward service/git 8418:80
  token    kubectl --context $context -n $namespace get secret mooring-git -o 'jsonpath={.data.token}' | base64 -d
  clone    git clone http://$git_user@127.0.0.1:8418/git/$local_repository.git
END
}
