# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
repository=ghcr.io/mooring-dev/mooring-producer
packages=(ca-certificates libc6 libgcc-s1)
left_out=(debconf gcc-12-base openssl)
options=(--user 65532:65532 --entrypoint /usr/bin/mooring-producer)
files() { program mooring-producer "$1"; }
