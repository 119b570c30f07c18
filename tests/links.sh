#!/usr/bin/env bash
# Every relative link in README.md and docs/ leads to a file.
#
#   links.sh SOURCE
set -euo pipefail
cd "$1"
failed=0 looked=0
for page in README.md docs/*.md; do
  while read -r target; do
    looked=$((looked + 1))
    [ -e "$(dirname "$page")/$target" ] || { echo "$page: links to $target, which is not there" && failed=1; }
  done < <(grep -oE '\]\([^)#]+' "$page" | sed 's/^](//' | grep -v '^[a-z]*:' || true)
done
[ "$looked" -gt 0 ] || { echo "links: no link found" && failed=1; }
echo "links: $looked links looked at"
exit "$failed"
