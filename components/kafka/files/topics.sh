#!/bin/bash
# Makes the topics of /topics/wanted and sets their settings; what is as it should be is left. Lines of
# NAME PARTITIONS COPIES, and under each of them its settings, NAME=VALUE, indented.
set -eu

bin=/opt/kafka/bin
broker=${BOOTSTRAP:?}
to=(--bootstrap-server "$broker")
if [[ -e /topics/client.properties ]]; then to+=(--command-config /topics/client.properties); fi

for ((tries = 0; ; tries++)); do
    if said=$("$bin/kafka-topics.sh" "${to[@]}" --describe 2>&1); then break; fi
    if ((tries == 30)); then
        printf 'no broker answers at %s:\n%s\n' "$broker" "$said" >&2
        exit 1
    fi
    sleep 5
done

# What there is: partitions by topic, and the topics' own settings. A JVM for each question costs seconds, so these are two in all.
declare -A partitions=() settings=() wanted=() copies=() wanted_settings=()
while IFS= read -r line; do
    if [[ $line =~ ^Topic:\ ([^[:space:]]+).*PartitionCount:\ ([0-9]+) ]]; then partitions[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}; fi
done <<<"$said"
topic=''
while IFS= read -r line; do
    if [[ $line =~ ^Dynamic\ configs\ for\ topic\ ([^[:space:]]+)\ are ]]; then
        topic=${BASH_REMATCH[1]}
    elif [[ $line =~ ^\ +([a-z.]+=.*)\ sensitive= ]]; then
        settings[$topic]+="${BASH_REMATCH[1]}"$'\n'
    fi
done < <("$bin/kafka-configs.sh" "${to[@]}" --describe --entity-type topics)

names=()
while IFS= read -r line; do
    if [[ $line == ' '* ]]; then
        wanted_settings[$topic]+="${line# }"$'\n'
    else
        read -r topic count copy <<<"$line"
        names+=("$topic") wanted[$topic]=$count copies[$topic]=$copy
    fi
done </topics/wanted

# make NAME
make() {
    local line arguments=()
    while IFS= read -r line; do
        if [[ -n $line ]]; then arguments+=(--config "$line"); fi
    done <<<"${wanted_settings[$1]:-}"
    "$bin/kafka-topics.sh" "${to[@]}" --create --if-not-exists --topic "$1" --partitions "${wanted[$1]}" \
        --replication-factor "${copies[$1]}" "${arguments[@]}"
}

# change NAME: only what differs.
change() {
    local line name arguments=()
    if ((partitions[$1] > wanted[$1])); then
        echo "the topic $1 has ${partitions[$1]} partitions, and Kafka cannot take any away: ${wanted[$1]} are wanted" >&2
        return 1
    fi
    if ((partitions[$1] < wanted[$1])); then
        echo "$1: ${partitions[$1]} -> ${wanted[$1]} partitions"
        "$bin/kafka-topics.sh" "${to[@]}" --alter --topic "$1" --partitions "${wanted[$1]}"
    fi
    local set='' unset=''
    while IFS= read -r line; do
        # Brackets: a value may have a comma in it.
        if [[ -n $line && $'\n'${settings[$1]:-} != *$'\n'"$line"$'\n'* ]]; then set+=,${line%%=*}=[${line#*=}]; fi
    done <<<"${wanted_settings[$1]:-}"
    while IFS= read -r line; do
        name=${line%%=*}
        if [[ -n $line && $'\n'${wanted_settings[$1]:-} != *$'\n'"$name="* ]]; then unset+=,$name; fi
    done <<<"${settings[$1]:-}"
    if [[ -n $set ]]; then arguments+=(--add-config "${set#,}"); fi
    if [[ -n $unset ]]; then arguments+=(--delete-config "${unset#,}"); fi
    if ((${#arguments[@]})); then
        echo "$1: ${arguments[*]}"
        "$bin/kafka-configs.sh" "${to[@]}" --alter --entity-type topics --entity-name "$1" "${arguments[@]}"
    fi
}

failed=0
for topic in "${names[@]}"; do
    if [[ -z ${partitions[$topic]:-} ]]; then make "$topic" || failed=1; else change "$topic" || failed=1; fi
done
((failed == 0)) || exit 1
echo "${#names[@]} topics are as the values say"
