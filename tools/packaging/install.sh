#!/usr/bin/env bash
# install.sh [--remove] STAGE PREFIX: copies every staged file below PREFIX, or removes those files from there.
set -euo pipefail
remove=
if [ "$1" = --remove ]; then remove=1; shift; fi
stage=$1 prefix=$2
[ -d "$stage" ] || { echo "$stage: none (expected what 'make stage' makes)" >&2; exit 1; }
while IFS= read -r -d '' file; do
  if [ -n "$remove" ]; then
    rm -f "$prefix/$file"
  else
    install -D -m "$(stat -c %a "$stage/$file")" "$stage/$file" "$prefix/$file"
  fi
done < <(cd "$stage" && find . -type f -printf '%P\0')
[ -n "$remove" ] || echo "installed below $prefix: bin/apus, its manual (man apus), completions, share/apus"
