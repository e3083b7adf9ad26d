#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the time given (10s), twice as many
# at a time as there are processors. Prints a line for each target, goes on after
# a failure to tell all that fail, and prints what failed: the input that did is
# then in the testdata of its package, and is a seed from then on.
set -euo pipefail

time=${1:-10s}
go=${GO:-go}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fuzz runs one target of a package, whose test binary is built already. Of what it
# finds little is made smaller: of all inputs that reach something new, that would take
# up most of the time.
fuzz() {
	local dir=$1 target=$2 out=$work/$2.${1//\//_}.log status=ok
	(cd "$dir" && "$work/${dir//\//_}.test" -test.run "^$target\$" -test.fuzz "^$target\$" -test.fuzztime "$time" \
		-test.fuzzminimizetime 10x -test.parallel 1 -test.fuzzcachedir "$work/cache/$dir" -test.timeout 10m) >"$out" 2>&1 || status=FAILED
	# Go also fails a target that was in the middle of an input when the time was up.
	# One that found something says where it wrote the input, or fails with its seeds.
	if [ "$status" != ok ] && grep -qx '    context deadline exceeded' "$out" && ! grep -qE 'Failing input|panic:|_test\.go:' "$out"; then
		status=ok
	fi
	printf '%-6s %-18s %-22s %s\n' "$status" "$dir" "$target" "$(grep -o 'execs: [0-9]*' "$out" | tail -1)"
	if [ "$status" != ok ]; then
		cat "$out"
		touch "$work/failed"
	fi
}

targets=$(grep -r --include='*_test.go' '^func Fuzz' . | sed 's|/[^/]*:func | |; s|(.*||' | sort)
export time work
export -f fuzz
# The code of this module tells the fuzzer what it reaches. With -fuzz all that it
# uses would too, down to the clients of clouds, which takes ten minutes to compile.
guided="-gcflags=$("$go" list -m)/...=-d=libfuzzer"
for dir in $(cut -d' ' -f1 <<<"$targets" | uniq); do
	"$go" test -c "$guided" -ldflags='-s -w' -o "$work/${dir//\//_}.test" "$dir"
	mkdir -p "$work/cache/$dir"
	grep "^$dir " <<<"$targets" # while the next package is built
done | xargs -P "$((2 * $(nproc)))" -L 1 bash -c 'fuzz "$0" "$1"'
[ ! -e "$work/failed" ]
