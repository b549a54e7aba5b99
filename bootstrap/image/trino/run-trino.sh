#!/bin/bash
# The server with the JVM's options and its own settings from /etc/trino, as Trino's launcher starts it.
set -eu
options=() properties=()
while IFS= read -r line; do
    if [[ -n $line && $line != \#* ]]; then options+=("$line"); fi
done </etc/trino/jvm.config
while IFS= read -r line; do
    if [[ -n $line && $line != \#* ]]; then properties+=("-D$line"); fi
done </etc/trino/node.properties
if [[ " ${properties[*]}" != *' -Dnode.id='* ]]; then properties+=("-Dnode.id=$HOSTNAME"); fi
if [[ -r /etc/trino/log.properties ]]; then properties+=(-Dlog.levels-file=/etc/trino/log.properties); fi
# What the server looks for where it runs.
cd /data/trino
ln -sfn /usr/lib/trino/plugin plugin
ln -sfn /usr/lib/trino/secrets-plugin secrets-plugin
ln -sfn /etc/trino etc
exec java -cp '/usr/lib/trino/lib/*' "${options[@]}" "${properties[@]}" -Dconfig=/etc/trino/config.properties io.trino.server.TrinoServer
