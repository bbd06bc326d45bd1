#!/bin/sh
# Rebuilds the programs that are committed here. They are those of the
# Makefiles, but for -ffile-prefix-map, which keeps the build folder out of
# their debug information, so that the same compiler gives the same bytes anywhere.
set -eu
cd "$(dirname "$0")"
for dir in . args; do
	(
		cd "$dir"
		gcc -O0 -no-pie -fno-pic -g -ffile-prefix-map="$(pwd)"=. main.c -o main-nopie
		gcc -O0 -g -ffile-prefix-map="$(pwd)"=. main.c -o main
	)
done
