# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
repository=ghcr.io/mooring-dev/git
packages=(git lighttpd usr-is-merged)
# Perl is for git's interactive commands, systemd for lighttpd as a service of a machine.
left_out=('perl[^_]*' 'lib[^_]*-perl' 'libperl[^_]*' git-man 'systemd[^_]*' 'libsystemd-shared' dpkg tar debconf dmsetup mount
    init-system-helpers usrmerge gcc-12-base 'util-linux[^_]*' 'libcryptsetup12' 'libgdbm[^_]*')
options=(--user 65532:65532 --env HOME=/tmp --entrypoint /usr/sbin/lighttpd --cmd -D --cmd -f --cmd /etc/lighttpd/lighttpd.conf)
# lighttpd's settings are the chart's.
files() { rm -rf "$1/etc/lighttpd"; }
