# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
upstream=docker.io/library/postgres:15.14-bookworm
packages=(postgresql-15 bash coreutils)
# Perl and Debian's own commands around the server, and the compiler of queries, which the server does without.
left_out=('perl[^_]*' 'lib[^_]*-perl' 'libperl[^_]*' 'postgresql-common[^_]*' 'postgresql-client-common' ssl-cert openssl 'libllvm[^_]*' 'libz3[^_]*'
    adduser passwd debconf 'init-system-helpers' 'sysvinit-utils' 'lsb-base' 'locales[^_]*' 'ucf' 'sensible-utils' dpkg tar gcc-12-base
    'libgdbm[^_]*' 'libdb5[^_]*' 'netbase' 'procps' 'libproc2[^_]*' 'libsemanage[^_]*' 'libsepol[^_]*')
options=(--user 999:999 --env LANG=C.UTF-8 --env PGDATA=/var/lib/postgresql/data
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin --entrypoint /usr/lib/postgresql/15/bin/postgres)
files() {
    mkdir -p "$1"/{etc,usr/bin,var/lib/postgresql/data,var/run/postgresql}
    # initdb asks a shell what the server says of itself.
    ln -s bash "$1/usr/bin/sh"
    printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin postgres:x:999:999:postgres:/var/lib/postgresql:/bin/bash >"$1/etc/passwd"
    printf '%s\n' root:x:0: postgres:x:999: >"$1/etc/group"
}
