#!/bin/bash
# Makes what lacks and sets the rest to what the values say; what is there already is left. Needs bash and mc, nothing else.
set -eu

export MC_CONFIG_DIR=/tmp/mc MC_QUIET=1

for ((tries = 0; ; tries++)); do
    if mc alias set store "$ENDPOINT" "$ROOT_USER" "$ROOT_PASSWORD" >/tmp/words 2>&1; then break; fi
    if ((tries == 150)); then
        echo "the store does not answer at $ENDPOINT: $(</tmp/words)" >&2
        exit 1
    fi
    sleep 2
done

# bucket NAME: its lifecycle rules are /setup/lifecycle-NAME.json, an empty file where it has none.
bucket() {
    mc mb --ignore-existing "store/$1"
    if [[ -s /setup/lifecycle-$1.json ]]; then
        mc ilm rule import "store/$1" <"/setup/lifecycle-$1.json"
    elif mc ilm rule list "store/$1" >/dev/null 2>&1; then
        mc ilm rule remove --all --force "store/$1"
    fi
}

# account NAME USER PASSWORD: may do what /setup/policy-NAME.json says, and nothing else.
account() {
    mc admin policy create store "$1" "/setup/policy-$1.json"
    mc admin user add store "$2" "$3"
    # Refused where it is attached already: then the listing says so.
    mc admin policy attach store "$1" --user "$2" >/tmp/words 2>&1 ||
        [[ $(mc --json admin policy entities store --user "$2") == *"\"$1\""* ]] || {
        cat /tmp/words >&2
        return 1
    }
}
