#!/bin/sh
# Builds the ELF files of this folder (Debian 12: gcc 12.2.0-14+deb12u1, binutils 2.40). Tests use the
# committed ones and need no compiler; they read addresses from them, so a rebuild breaks none.
set -eu
cd "$(dirname "$0")"
flags="-O0 -ffile-prefix-map=$(pwd)=. -nostdlib -fno-asynchronous-unwind-tables -Wl,-z,noseparate-code -Wl,-e,start"
g++ $flags -g -no-pie -fno-pic funcs.cc -o funcs
gcc $flags twice1.c twice2.c -o twice
gcc $flags -s twice1.c twice2.c -o stripped
gcc $flags -c twice1.c -o twice.o
gcc $flags -s -shared -fPIC -Wl,--version-script=versions.map versions.c -o versions.so
