#!/usr/bin/env bash
# Packs what people need who do not compile: OUT/ticketcd-VERSION-TARGET.tar.gz and OUT/SHA256SUMS.
#
#   deploy/dist.sh BINARY OUT
#
# The same binary and sources give the same bytes. It needs GNU tar, gzip and sha256sum.
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "usage: $0 BINARY OUT" >&2
    exit 64
fi
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."

version=$("$binary" --version | cut -d' ' -f2)
target=$(rustc --version --verbose | sed -n 's/^host: //p')
name=ticketcd-$version-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name

mkdir -p "$root/completions" "$root/man/man1"
install -m 755 "$binary" "$root/ticketcd"
install -m 644 LICENSE README.md CHANGELOG.md CONTRIBUTING.md "$root"
cp -R docs "$root/docs"
# The README leads there.
mkdir "$root/reports"
cp -R reports/README.md reports/example "$root/reports"
"$binary" completions bash >"$root/completions/ticketcd.bash"
"$binary" completions zsh >"$root/completions/_ticketcd"
"$binary" completions fish >"$root/completions/ticketcd.fish"
"$binary" man "$root/man/man1" >/dev/null

# Neither the time nor the user who packs is in the archive.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --create --directory="$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s "$name" |
    gzip -n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >SHA256SUMS)
echo "$out/$name.tar.gz"
