#!/bin/sh
# Rebuilds the programs that are committed here; the same compiler gives the
# same bytes in any folder.
set -eu
cd "$(dirname "$0")"
for p in stack3 threads; do
	gcc -O0 -g -fno-omit-frame-pointer -ffile-prefix-map="$(pwd)"=. "$p.c" -o "$p" -pthread
done
gcc -O2 -g -ffile-prefix-map="$(pwd)"=. markers.c -o markers # needs systemtap-sdt-dev
gcc -O0 -g -ffile-prefix-map="$(pwd)"=. late.c -o late
gcc -O0 -g -fPIC -shared -nostdlib -ffile-prefix-map="$(pwd)"=. liblate.c -o liblate.so
