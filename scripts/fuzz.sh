#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given (10s), one after
# the other, and goes on after a failure to tell all that fail.
set -euo pipefail

time=${1:-10s}
failed=()

while IFS=: read -r file line; do
	target=${line#func }
	target=${target%%(*}
	echo "== $(dirname "$file") $target"
	"${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$(dirname "$file")" || failed+=("$target")
done < <(grep -r --include='*_test.go' '^func Fuzz' . | sort)

if ((${#failed[@]})); then
	echo "failed: ${failed[*]}"
	exit 1
fi
