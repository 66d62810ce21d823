#!/bin/sh
# Debian's packages of the stage that the image is built in. Run as root in the base image, with what `bbws image` lays into
# the folder $LISTS: `wanted`, a name a line; `locked`, lines of name, version and sha256; `snapshot.list`, apt's sources of
# the lock's day.
#
#   locked     installs what is locked and nothing else: every package anew, also those of the base, from files whose sha256
#              is the lock's. So what the image holds of Debian does not depend on the base.
#   refreshed  installs the newest that the base's mirrors have.
#   check DIR  after `locked`: whether everything recorded in DIR (in the form of dpkg's status.d) is locked.
#   missing    prints which locked packages the mirrors do not have, name and version; call `update` first.
#   list       after `refreshed`: prints what is installed, lines of name, version, sha256 and suite.
#   update     fetches the indexes of the base's mirrors.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
lists=${LISTS:-/usr/local/share/packages}

say() { printf 'packages.sh: %s\n' "$*" >&2; }

update() { apt-get -q -o APT::Update::Error-Mode=any "$@" update; }

# What the mirrors offer: name, version, sha256, suite.
index() {
    apt-get indextargets --format '$(CODENAME) $(FILENAME)' 'Created-By: Packages' | while read -r suite file; do
        /usr/lib/apt/apt-helper cat-file "$file" | awk -v suite="$suite" '
            /^Package: / { name = $2 } /^Version: / { version = $2 } /^SHA256: / { sum = $2 }
            /^$/ { print name, version, sum, suite }'
    done
}

missing() { index | awk 'FILENAME == ARGV[1] { there[$1, $2]; next } !(($1, $2) in there) { print $1, $2 }' - "$lists/locked"; }

# Licences stay, of the packages that are installed from here on; there are no other readers of documentation.
without_documentation() {
    printf '%s\n' 'path-exclude=/usr/share/doc/*' 'path-include=/usr/share/doc/*/copyright' \
        'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/locale/*' > /etc/dpkg/dpkg.cfg.d/bbws
}

refreshed() {
    update
    without_documentation
    apt-get upgrade -qy
    xargs apt-get install -qy --no-install-recommends < "$lists/wanted"
}

locked() {
    update
    without_documentation
    missing=$(missing)
    if [ -n "$missing" ]; then
        say "the mirrors no longer have these; asking snapshot.debian.org:
$missing"
        cp "$lists/snapshot.list" /etc/apt/sources.list.d/bbws-snapshot.list
        if update -o Acquire::Retries=1 -o Acquire::http::Timeout=20; then
            missing=$(missing)
        fi
    fi
    if [ -n "$missing" ]; then
        say "neither the mirrors nor snapshot.debian.org have these, which image.lock.yaml pins:
$missing"
        say '`bbws image lock --update` pins what there is now; `bbws image build --refresh-packages` builds without the pins'
        exit 1
    fi

    files=$(mktemp -d)
    cd "$files"
    awk '{ print $1 "=" $2 }' "$lists/locked" | xargs apt-get -qq -o APT::Sandbox::User=root download
    wrong=
    while read -r name version sum; do
        found=$(sha256sum "${name}"_*.deb)
        found=${found%% *}
        if [ "$found" != "$sum" ]; then
            say "the sha256 of $name $version is $found, image.lock.yaml says $sum"
            wrong=yes
        fi
    done < "$lists/locked"
    [ -z "$wrong" ] || exit 1
    # Without indexes apt knows these files alone: what a dependency needs beside them fails the build. Whether a file is on
    # the disk when power fails is nothing to a build.
    apt-get install -qy -o Dir::State::Lists="$(mktemp -d)" -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io \
        --reinstall --allow-downgrades --no-install-recommends "$files"/*.deb
    rm -r "$files"
}

check() {
    unlocked=$(cat "$1"/* | awk '
        FILENAME == ARGV[1] { locked[$1, $2]; next }
        /^Package: / { name = $2 } /^Version: / && !((name, $2) in locked) { print name, $2 }' "$lists/locked" -)
    if [ -n "$unlocked" ]; then
        say "the image would hold files of these, which image.lock.yaml does not pin:
$unlocked"
        exit 1
    fi
}

list() {
    installed=$(mktemp)
    dpkg-query -W -f '${Package} ${Version}\n' > "$installed"
    index | awk '
        FILENAME == ARGV[1] { key = $1 SUBSEP $2; if (!(key in sum)) { sum[key] = $3; suite[key] = $4 } next }
        { key = $1 SUBSEP $2 }
        !(key in sum) { print "packages.sh: no mirror has " $1 " " $2 ", which is installed" > "/dev/stderr"; bad = 1; next }
        { print $1, $2, sum[key], suite[key] }
        END { exit bad }' - "$installed"
}

command=$1
shift
"$command" "$@"
