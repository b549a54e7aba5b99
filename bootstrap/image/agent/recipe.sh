# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
repository=ghcr.io/mooring-dev/mooring
packages=(ca-certificates libc6 libgcc-s1 libssl3 zlib1g)
left_out=(debconf gcc-12-base openssl)
options=(--user 65532:65532 --entrypoint /usr/bin/mooring)
files() { program mooring "$1"; }
