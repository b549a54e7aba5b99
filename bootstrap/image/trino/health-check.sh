#!/bin/bash
# Whether the server has started, not only whether it listens.
set -eu
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /v1/info HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
answer=$(cat <&3)
[[ $answer == *'"starting":false'* ]]
