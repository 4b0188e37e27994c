#!/usr/bin/env bash
# deb.sh STAGE VERSION FOLDER: a Debian package of what is staged. Its dependencies are what the program is linked to, in
# the versions that this machine's packages ask for, so it is for the Debian release that it is built on.
set -euo pipefail
stage=$(realpath "$1") version=$2 folder=$(realpath "$3")
architecture=$(dpkg --print-architecture)
# Same tree, same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
root=$(mktemp -d) work=$(mktemp -d)
trap 'rm -rf "$root" "$work"' EXIT
mkdir -p "$root/usr" "$root/DEBIAN" "$work/debian"
cp -a "$stage/." "$root/usr/"
mv "$root/usr/share/doc/apus/LICENSE" "$root/usr/share/doc/apus/copyright"
find "$root" -type d -exec chmod 755 {} +
find "$root/usr" -type f ! -path "$root/usr/bin/*" -exec chmod 644 {} +

printf 'Source: apus\nMaintainer: none\n\nPackage: apus\nArchitecture: any\nDescription: none\n' > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -e "$root/usr/bin/apus" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "apus: dpkg-shlibdeps found no dependencies (expected those of bin/apus)" >&2; exit 1; }

cat > "$root/DEBIAN/control" <<CONTROL
Package: apus
Version: $version
Architecture: $architecture
Maintainer: The Apus authors <apus@localhost>
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: $depends
Section: science
Priority: optional
Description: replays recorded drives into bird's-eye-view perception
 Synchronised cameras and LiDAR in nuScenes layout go in; occupancy, detections,
 tracks and trajectories come out as files and are scored against ground truth.
 One program on a CPU, without Python and CUDA at run time.
CONTROL
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums)
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$folder/apus_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package: $(stat -c %s "$package") bytes; depends on $depends"
