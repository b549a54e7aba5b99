# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
repository=ghcr.io/mooring-dev/mooring
packages=(ca-certificates)
left_out=(debconf openssl)
options=(--user 65532:65532 --entrypoint /usr/bin/mooring)
files() { program mooring "$1"; }
