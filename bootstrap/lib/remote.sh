# shellcheck shell=bash
# The git remote that the local agent reads: a bare repository, seeded once from this checkout.

# own_git ARGUMENT...: git as if the user had no configuration: no signing, no hooks, a name of its own.
own_git() {
    git -c user.name=Mooring -c user.email=mooring@localhost -c commit.gpgsign=false \
        -c core.hooksPath=/dev/null -c core.autocrlf=false -c init.templateDir= "$@"
}

# start_remote [FOLDER]: sets REMOTE and its REMOTE_URL; made when it lacks, from the environments/ and
# components/ of the folder (default: this checkout). A remote that is there keeps what was pushed.
start_remote() {
    local from=${1:-$CHECKOUT} work
    need_git
    REMOTE=$MOORING_STATE/remote.git
    # shellcheck disable=SC2034 # agent.sh uses it
    REMOTE_URL=file://$REMOTE
    if [[ -d $REMOTE ]]; then return; fi
    [[ -d $from/environments ]] ||
        fail "nothing to seed the git remote from: $from/environments is not there" "Run this from a complete checkout."
    # Variables of a git hook, if one called us, would point git elsewhere.
    # shellcheck disable=SC2046
    unset $(git rev-parse --local-env-vars)
    mkdir -p "$MOORING_STATE"
    work=$(mktemp -d "$MOORING_STATE/.seed.XXXXXX")
    own_git init -q --bare --initial-branch=main "$work/remote.git"
    own_git init -q --initial-branch=main "$work/seed"
    cp -R "$from/environments" "$work/seed/"
    if [[ -d $from/components ]]; then cp -R "$from/components" "$work/seed/"; fi
    own_git -C "$work/seed" add --all --force
    own_git -C "$work/seed" commit -qm 'feat: begin with the environments of the checkout'
    own_git -C "$work/seed" push -q "$work/remote.git" main
    mv "$work/remote.git" "$REMOTE" # at the end: a run that was cut short leaves no half a remote
    rm -rf "$work"
}
