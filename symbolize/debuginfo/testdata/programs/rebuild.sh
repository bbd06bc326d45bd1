#!/bin/sh
# Rebuilds the programs that are committed here (Debian 12: gcc 12.2.0, binutils
# 2.40; rustc 1.95.0).
set -eu
cd "$(dirname "$0")"
small() {
	gcc -g "$@" -ffile-prefix-map="$(pwd)"=. -nostdlib -static -Wl,-n,--build-id=none small.c
}
small -gdwarf-4 -O0 -o small-4-O0
small -gdwarf-4 -O2 -o small-4-O2
small -gdwarf-5 -O0 -o small-5-O0
small -gdwarf-5 -O2 -gz -o small-5-O2
rustc --edition 2021 -g -C opt-level=2 -C panic=abort -C lto=fat -C codegen-units=1 \
	--remap-path-prefix="$(pwd)"=. -o shapes shapes.rs
