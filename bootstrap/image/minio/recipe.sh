# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
upstream=quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z
packages=(bash ca-certificates coreutils)
left_out=(debconf gcc-12-base openssl libssl3)
options=(--user 1000:1000 --entrypoint /usr/bin/minio)
# The server of that release by its commit, as the Go proxy does not know the releases' names, and the client that its own modules name.
files() {
    go_program github.com/minio/minio@v0.0.0-20250907161309-07c3a429bfed "$1" -ldflags "-s -w
        -X github.com/minio/minio/cmd.Version=2025-09-07T16:13:09Z -X github.com/minio/minio/cmd.CopyrightYear=2025
        -X github.com/minio/minio/cmd.ReleaseTag=RELEASE.2025-09-07T16-13-09Z
        -X github.com/minio/minio/cmd.CommitID=07c3a429bfed433e49018cb0f78a52145d4bedeb -X github.com/minio/minio/cmd.ShortCommitID=07c3a429bfed"
    go_program github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9 "$1" -ldflags '-s -w -X github.com/minio/mc/cmd.ReleaseTag=RELEASE.2025-03-12T17-29-24Z'
}
