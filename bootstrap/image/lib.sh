# shellcheck shell=bash disable=SC2154 # recipes set what is used here
# An image without an engine: layers of Debian packages and of files, packed by 'mooring-cluster image'.
#
# A recipe (NAME/recipe.sh) sets:
#   repository   the image's name, without a tag
#   upstream     or the whole name of somebody else's image, which nodes pull where they can: what is packed stands in for it, with
#                the same programs at the same paths
#   packages     Debian packages; what they depend on comes along
#   left_out     those of the packages that nothing in the image needs
#   options      flags of 'mooring-cluster image': the entry point, the user...
#   files        a function that fills the folder $1 with all else, and may use what follows

images_cache=$MOORING_CACHE/image

# Java without a screen, and what of it no server needs: fonts, sound, smart cards, the packages' own scripts.
# shellcheck disable=SC2034 # recipes use both
java_packages=(openjdk-17-jre-headless)
# shellcheck disable=SC2034
java_left_out=(ca-certificates ca-certificates-java java-common openssl libssl3 debconf util-linux 'util-linux-extra' mawk ucf sensible-utils dpkg tar
    'lib\(asound2\|audit\|avahi\|blkid\|brotli\|bz2\|cap\|com-err\|cups\|dbus\|expat\|ffi\|font\|freetype\|gcrypt\|glib2\|gnutls\|gpg-\)[^_]*'
    'lib\(graphite2\|gssapi\|harfbuzz\|hogweed\|idn2\|jpeg\|keyutils\|krb5\|k5crypto\|lcms2\|lz4\|lzma\|md0\|mount\|nettle\|nspr\|nss3\)[^_]*'
    'lib\(p11\|pam\|pcsclite\|png\|smartcols\|sqlite3\|systemd\|tasn1\|udev\|unistring\|uuid\|zstd\)[^_]*' 'font[^_]*' gcc-12-base)

# release: the version of this checkout.
release() { sed -n 's/^version = "\(.*\)"$/\1/p' "$CHECKOUT/Cargo.toml" | head -n 1; }

# pack NAME REFERENCE: sets archive to the path of an archive of the image.
pack() {
    local name=$1 reference=$2 inputs debian staging launcher
    need_go
    staging=$images_cache/.packing.$$ # build.sh takes it out, however it ends
    rm -rf "$staging"
    mkdir -p "$staging/files"
    files "$staging/files"
    debian_root
    launcher=$("$BOOTSTRAP/cluster/build.sh" --launcher) || exit 1
    inputs=$({
        printf '%s\n' "$reference" "$debian" "${options[@]}"
        cd "$staging/files" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
        find . -type l -printf '%p %l\n' | LC_ALL=C sort
        sha256sum <"$launcher/mooring-cluster"
    } | sha256sum | cut -c 1-16)
    archive=$images_cache/$name-$inputs.tar
    if [[ ! -e $archive ]]; then
        "$launcher/mooring-cluster" image --out "$archive" --name "$reference" --root "$debian" --root "$staging/files" "${options[@]}" ||
            fail "failed to pack $reference"
        say "packed $reference: $(($(stat -c %s "$archive") / 1000000)) MB"
        # Nobody who used an archive within the last week misses it.
        find "$images_cache" -maxdepth 1 -name "$name-*.tar" -mtime +7 -delete
    fi
    touch "$archive"
}

# own_apt ARGUMENT...: apt as if nothing were installed, with folders of our own: no root, and nothing of the system's changes.
own_apt() {
    local folder=$images_cache/apt
    mkdir -p "$folder"/{archives,lists,empty}/partial
    : >"$folder/status"
    apt-get -qq -o Dir::State="$folder" -o Dir::State::status="$folder/status" -o Dir::State::lists="$folder/lists" \
        -o Dir::Cache::archives="$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Debug::NoLocking=1 -o APT::Install-Recommends=0 -o APT::Sandbox::User= -o APT::Keep-Downloaded-Packages=1 "$@"
}

# debian_root: sets debian to a folder with the packages' files, unpacked once for each set of versions.
debian_root() {
    local wanted log=$images_cache/apt.log staging name file
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        fail "without a container engine an image is made of Debian packages, and this is neither Debian nor Ubuntu" \
            "Install docker or podman."
    fi
    : >"$log"
    # Lists of a day ago may name packages that are gone.
    if [[ -z $(find "$images_cache/apt/lists" -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null) ]]; then
        say "asking for Debian's packages"
        own_apt update >>"$log" 2>&1 || apt_failed "failed to ask for Debian's packages"
    fi
    # Lines of 'URI' FILE SIZE HASH, of those that the folder of fetched ones lacks: of all, for an empty one.
    wanted=$(own_apt -o Dir::Cache::archives="$images_cache/apt/empty" --print-uris install "${packages[@]}" 2>>"$log") || apt_failed "failed to find ${packages[*]}"
    wanted=$(awk '{ print $2, $4 }' <<<"$wanted" | LC_ALL=C sort)
    for name in "${left_out[@]}"; do wanted=$(grep -v "^${name}_" <<<"$wanted"); done
    debian=$images_cache/debian/$({ printf '%s\n' "$wanted" && declare -f unpack_debian; } | sha256sum | cut -c 1-16)
    [[ ! -d $debian ]] || return 0
    mkdir -p "$images_cache/debian"
    say "fetching $(wc -l <<<"$wanted") Debian packages"
    own_apt --download-only -y install "${packages[@]}" >>"$log" 2>&1 || apt_failed "failed to fetch ${packages[*]}"
    staging=$(mktemp -d "$images_cache/debian/.unpacking.XXXXXX")
    while read -r file _; do unpack_debian "$images_cache/apt/archives/$file" "$staging"; done <<<"$wanted"
    settle_debian "$staging"
    mv -T "$staging" "$debian"
}

apt_failed() {
    tail -n 5 "$images_cache/apt.log" >&2
    fail "$1" "The whole output: $images_cache/apt.log" "They come from the system's package sources: does 'apt-get update' work?"
}

# unpack_debian PACKAGE FOLDER: its files, without what only people read.
unpack_debian() {
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner --no-same-permissions \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' --exclude='./usr/share/lintian/*' \
        --exclude='./usr/share/locale/*' --exclude='./usr/lib/*/gconv/*' --exclude='./lib/systemd/*'
}

# settle_debian FOLDER: what the packages' scripts would do that an image needs.
settle_debian() {
    local folder
    # Programs and libraries of both places in one, as every Debian has them.
    for folder in bin sbin lib lib64; do
        mkdir -p "$1/usr/$folder"
        if [[ -d $1/$folder && ! -L $1/$folder ]]; then
            cp -a "$1/$folder/." "$1/usr/$folder/"
            rm -rf "${1:?}/$folder"
        fi
        ln -sfn "usr/$folder" "$1/$folder"
    done
    mkdir -p "$1"/{etc,tmp,var/tmp,home/nonroot,proc,sys,dev,run}
    chmod 1777 "$1/tmp" "$1/var/tmp"
    if [[ -d $1/usr/share/ca-certificates ]]; then
        mkdir -p "$1/etc/ssl/certs"
        cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"
    fi
    printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin \
        nonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin >"$1/etc/passwd"
    printf '%s\n' root:x:0: nogroup:x:65534: nonroot:x:65532: >"$1/etc/group"
}

# put SOURCE FOLDER PATH: a file at its place.
put() { install -D "$1" "$2/$3"; }

# program NAME FOLDER: a program of this checkout, in a release build, as /usr/bin/NAME.
program() {
    ensure_program "$1"
    put "$PROGRAM" "$2" "usr/bin/$1"
}

# java_home FOLDER: the Java of java_packages where the official images have theirs: /opt/java/openjdk/bin/java.
java_home() {
    mkdir -p "$1/opt/java" "$1/usr/bin"
    ln -s "/usr/lib/jvm/java-17-openjdk-$(dpkg --print-architecture)" "$1/opt/java/openjdk"
    ln -s /opt/java/openjdk/bin/java "$1/usr/bin/java"
}

# once KEY: sets cached to a folder of the cache for that key, and fails when it is not filled yet: then fill the folder $filling and
# call keep. Nobody sees a folder half filled.
once() {
    cached=$images_cache/$1
    if [[ -d $cached ]]; then return; fi
    mkdir -p "$(dirname "$cached")"
    filling=$(mktemp -d "$cached.XXXXXX")
    return 1
}

keep() {
    mv -T "$filling" "$cached" 2>/dev/null || rm -rf "$filling" # another was faster
}

# key WORD...: a short digest of them.
key() { printf '%s\n' "$@" | sha256sum | cut -c 1-16; }

# go_program MODULE@VERSION FOLDER [FLAG OF 'go install']...: a program of the Go proxy as /usr/bin/NAME, checked by Go's sum database.
go_program() {
    local name=${1%@*} log=$images_cache/go.log
    name=${name##*/}
    if ! once "go/$name-$(key "$1" "${@:3}")"; then
        : >"$log"
        with_progress "building $name (some minutes, once)" 0 "$log" build_go_program "$filling" "$1" "${@:3}" || {
            rm -rf "$filling"
            tail -n 5 "$log" >&2
            fail "failed to build $1" "The whole output: $log"
        }
        keep
    fi
    put "$cached/$name" "$2" "usr/bin/$name"
}

build_go_program() (
    cd "$1" && CGO_ENABLED=0 GOBIN=$1 GOFLAGS=-buildvcs=false exec nice -n 10 go install -trimpath "${@:3}" "$2"
)

# maven FOLDER COORDINATE...: jars of GROUP:NAME:VERSION[:CLASSIFIER], and of what they depend on, as Maven finds and checks them;
# with an @TYPE behind it (@jar, @zip...) that file alone.
maven() {
    local log=$images_cache/maven.log
    if ! once "maven/$(key "${@:2}")"; then
        need_packages mvn:maven
        maven_project "${@:2}" >"$filling/pom.xml"
        # Some parents name repositories that are gone: what they name is Central's too.
        printf '<settings><mirrors><mirror><id>central-alone</id><mirrorOf>*,!central</mirrorOf><url>file://%s</url></mirror></mirrors></settings>\n' \
            "$filling/none" >"$filling/settings.xml"
        : >"$log"
        with_progress "fetching ${2} and $(($# - 2)) more" 0 "$log" mvn -B -C -gs "$filling/settings.xml" -f "$filling/pom.xml" \
            org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$filling/files" || {
            rm -rf "$filling"
            grep '^\[ERROR\]' "$log" | head -n 5 >&2
            fail "failed to fetch ${*:2}" "The whole output: $log"
        }
        keep
    fi
    mkdir -p "$1"
    cp "$cached/files/"* "$1/"
}

# maven_project COORDINATE...: a project that depends on them.
maven_project() {
    local one type group name version classifier alone
    printf '<project><modelVersion>4.0.0</modelVersion><groupId>dev.mooring</groupId><artifactId>image</artifactId><version>1</version>'
    printf '<packaging>pom</packaging><dependencies>\n'
    for one in "$@"; do
        type=jar alone=''
        if [[ $one == *@* ]]; then
            type=${one#*@}
            alone='<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
        fi
        IFS=: read -r group name version classifier <<<"${one%@*}"
        printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>' "$group" "$name" "$version"
        printf '<type>%s</type>%s%s</dependency>\n' "$type" "${classifier:+<classifier>$classifier</classifier>}" "$alone"
    done
    printf '</dependencies></project>\n'
}

# node_runs: whether a cluster of 'local.sh --node' takes images; never builds one.
node_runs() {
    [[ -d $MOORING_STATE/cluster ]] || return 1
    CLUSTER_BIN=$("$BOOTSTRAP/cluster/build.sh" --launcher) || return 1
    "$CLUSTER_BIN/mooring-cluster" status --json --dir "$MOORING_STATE/cluster" 2>/dev/null | grep -q '"nodes":\["'
}
