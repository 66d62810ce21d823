#!/bin/sh
# Copies into the folder $1 what the image runs of this system: programs with the libraries that they load, PHP's extensions
# and their settings, data that libraries read, and the records and copyrights of the packages that these files are from.
# Run while the image is built, as root. The same packages give the same files.
set -eu
export LC_ALL=C

out=$1
php=8.4
extensions=$(php-config --extension-dir 2>/dev/null || "/usr/bin/php$php" -r 'echo ini_get("extension_dir");')

# Not for the web, or of no use without what is left out.
for unwanted in ffi ftp pcntl readline shmop sysvmsg sysvsem sysvshm; do
    rm -f "/etc/php/$php/mods-available/$unwanted.ini" "/etc/php/$php"/*/conf.d/*-"$unwanted.ini" "$extensions/$unwanted.so"
done

programs="/usr/sbin/nginx /usr/sbin/php-fpm$php /usr/bin/php$php"
data="
    /etc/mime.types /etc/nginx/mime.types /etc/php/$php/cli /etc/php/$php/fpm /etc/php/$php/mods-available
    /etc/ssl/certs/ca-certificates.crt /etc/ssl/openssl.cnf /usr/lib/ssl/openssl.cnf /usr/lib/ssl/cert.pem
    /etc/debian_version /etc/os-release /usr/lib/os-release /etc/nsswitch.conf
    /usr/lib/locale/C.utf8 /usr/share/zoneinfo
"

# Every file once, under its one true path: /lib is a link to /usr/lib.
true_path() { printf '%s/%s\n' "$(readlink -f "$(dirname "$1")")" "$(basename "$1")"; }
files=$(mktemp)
{
    for program in $programs "$extensions"/*.so; do
        true_path "$program"
        ldd "$program" | sed -n 's/^.* => \(\/[^ ]*\) .*$/\1/p; s/^\t\(\/[^ ]*\) .*$/\1/p' | while read -r library; do
            true_path "$library"
            readlink -f "$library"
        done
    done
    for path in $data; do
        [ -e "$path" ] || continue
        find "$path" ! -type d
    done
    # Character sets that iconv converts, beside those that are in libc itself.
    find "$(dirname "$(readlink -f /usr/lib/*/libc.so.6)")/gconv" -type f 2>/dev/null || true
} | grep -v -e '^/usr/share/zoneinfo/posix/' -e '^/usr/share/zoneinfo/right/' -e "^/etc/php/$php/fpm/pool.d/" | sort -u > "$files"

# The packages that these files are from. Files that no package has are made by packages' scripts from their own files.
packages=$(
    # Packages of before the merged /usr name their files without it.
    { cat "$files"; sed 's/^\/usr//' "$files"; } | xargs -d '\n' dpkg-query -S 2>/dev/null |
        sed 's/: .*$//' | tr ',' '\n' | tr -d ' ' | grep -v '^diversion' | sort -u
)

mkdir -p "$out"
cp -a --parents $(cat "$files") "$out"
for package in $packages ca-certificates base-files php$php-common; do
    name=${package%%:*}
    mkdir -p "$out/var/lib/dpkg/status.d"
    dpkg-query -s "$package" > "$out/var/lib/dpkg/status.d/$name"
    if [ -f "/usr/share/doc/$name/copyright" ]; then
        mkdir -p "$out/usr/share/doc/$name"
        cp -L "/usr/share/doc/$name/copyright" "$out/usr/share/doc/$name/copyright"
    fi
done

# The merged /usr, and what else Debian makes by links and scripts.
for folder in bin lib sbin; do ln -s "usr/$folder" "$out/$folder"; done
[ ! -e /lib64 ] || ln -s usr/lib64 "$out/lib64"
ln -s "php$php" "$out/usr/bin/php"
for kind in cli fpm; do
    ln -s /etc/bbws/php.ini "$out/etc/php/$php/$kind/conf.d/90-bbws.ini"
done
printf '%s\n' 'root:x:0:0:root:/:/usr/sbin/nologin' 'bbws:x:10001:10001::/tmp:/usr/sbin/nologin' > "$out/etc/passwd"
printf '%s\n' 'root:x:0:' 'bbws:x:10001:' > "$out/etc/group"
install -d -m 1777 "$out/run" "$out/tmp"
mkdir -p "$out/dev" "$out/proc" "$out/sys"

# What must not be there.
if find "$out" -perm /6000 | grep .; then
    echo 'collect.sh: these files are setuid or setgid' >&2
    exit 1
fi
for absent in sh bash dash busybox perl apt dpkg cc ld; do
    if [ -e "$out/usr/bin/$absent" ]; then
        echo "collect.sh: $absent must not be in the image" >&2
        exit 1
    fi
done
