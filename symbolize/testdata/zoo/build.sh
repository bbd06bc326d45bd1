#!/bin/sh
# Builds the ELF files of this folder, with the listings that the tests compare
# with. Needs gcc with -m32 (its assembler and linker), binutils 2.40, llvm-mc 14
# and ld.lld; the committed files are from Debian 12 (gcc 12.2.0) and LLD 22.1.2.
#   MC=…/llvm-mc LLD=…/ld.lld ./build.sh
set -eu
cd "$(dirname "$0")"
MC=${MC:-llvm-mc} LLD=${LLD:-ld.lld}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
id=-Wl,--build-id=sha1

# Symbols of every kind; PIE and not; segments laid out in every way.
gcc -c symbols.s -o "$tmp/symbols.o"
link="gcc -nostdlib $id $tmp/symbols.o"
$link -static-pie -o symbols-pie
$link -no-pie -static -o symbols-nopie
$link -static-pie -Wl,-z,noseparate-code -o symbols-noseparate
$link -no-pie -static -Wl,-z,noseparate-code -Wl,-Ttext-segment=0x10000000 -o symbols-textsegment
$link -static-pie -Wl,-z,max-page-size=0x4000 -Wl,-z,noseparate-code -o symbols-16k
"$LLD" --build-id=sha1 -pie --no-dynamic-linker "$tmp/symbols.o" -o symbols-lld
$link -shared -s -o symbols-stripped.so

# Separate debug file, by build id and by link.
$link -shared -o symbols-debug.so
objcopy --only-keep-debug symbols-debug.so symbols-debug.so.debug
strip symbols-debug.so
objcopy --add-gnu-debuglink=symbols-debug.so.debug symbols-debug.so
gcc -nostdlib -Wl,--build-id=none "$tmp/symbols.o" -shared -o symbols-noid.so
objcopy --only-keep-debug symbols-noid.so symbols-noid.so.debug
strip symbols-noid.so
objcopy --add-gnu-debuglink=symbols-noid.so.debug symbols-noid.so

# A .symtab that has only one symbol, next to a full .dynsym.
$link -shared -o "$tmp/partial.so"
strip -K label_in_text -o symbols-partial.so "$tmp/partial.so"

gcc -nostdlib $id -static nested.s -o nested

# Every PLT.
cc="gcc -nostdlib $id -shared -fPIC -O1 plt.c"
$cc -fcf-protection=none -Wl,-z,lazy -o plt-lazy.so
$cc -fcf-protection=none -Wl,-z,now -o plt-now.so
$cc -fcf-protection=full -Wl,-z,ibtplt -Wl,-z,lazy -o plt-sec.so
$cc -m32 -fcf-protection=none -o plt-i386.so
gcc -c -fPIC -O1 -fcf-protection=none plt.c -o "$tmp/plt.o"
"$LLD" --build-id=sha1 -shared "$tmp/plt.o" -o plt-lld.so
"$MC" -triple=aarch64-linux-gnu -filetype=obj calls.s -o "$tmp/calls.o"
"$LLD" --build-id=sha1 -shared "$tmp/calls.o" -o plt-aarch64.so

# Names.
g++ -nostdlib $id -static-pie -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables -O1 -e main cpp.cc -o cpp

# Other machines.
for m in aarch64 riscv64; do
	"$MC" -triple=$m-linux-gnu -filetype=obj mapping.s -o "$tmp/$m.o"
	"$LLD" --build-id=sha1 "$tmp/$m.o" -o mapping-$m
done
"$MC" -triple=armv7-linux-gnueabi -filetype=obj thumb.s -o "$tmp/thumb.o"
"$LLD" --build-id=sha1 "$tmp/thumb.o" -o thumb-arm
"$MC" -triple=powerpc-linux-gnu -filetype=obj powerpc.s -o "$tmp/powerpc.o"
"$LLD" --build-id=sha1 "$tmp/powerpc.o" -o powerpc-be32
"$MC" -triple=powerpc64-linux-gnu -filetype=obj powerpc.s -o "$tmp/powerpc64.o"
"$LLD" --build-id=sha1 "$tmp/powerpc64.o" -o powerpc-be64

# A relocatable file.
cp "$tmp/symbols.o" symbols-relocatable.o

rm -rf readelf && mkdir readelf
for f in *; do
	case "$(head -c 4 "$f" 2>/dev/null | tail -c 3)" in
	ELF) readelf -hlnSsW "$f" >"readelf/$f.txt" 2>/dev/null ;;
	esac
done
