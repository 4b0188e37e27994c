#!/usr/bin/env bash
# stage.sh PROGRAM GENERATE-MANUAL STAGE: everything that is installed, below STAGE as it will be below the prefix.
set -euo pipefail
program=$1 generate_manual=$2 stage=$3
date=$(git log -1 --format=%cs 2>/dev/null || date +%F)
rm -rf "$stage"
mkdir -p "$stage/share/apus" "$stage/share/doc/apus" "$stage/share/man/man1" \
  "$stage/share/bash-completion/completions" "$stage/share/zsh/vendor-completions" "$stage/share/fish/vendor_completions.d"
install -D -m 755 "$program" "$stage/bin/apus"
strip --strip-unneeded "$stage/bin/apus"
"$generate_manual" "$program" --multi-page --section 1 --date "$date" --output-directory "$stage/share/man/man1" >/dev/null
gzip -9n "$stage"/share/man/man1/*.1
"$program" --generate-completion-script bash > "$stage/share/bash-completion/completions/apus"
"$program" --generate-completion-script zsh > "$stage/share/zsh/vendor-completions/_apus"
"$program" --generate-completion-script fish > "$stage/share/fish/vendor_completions.d/apus.fish"
cp -r calibration configurations "$stage/share/apus/"
cp README.md CHANGELOG.md LICENSE "$stage/share/doc/apus/"
