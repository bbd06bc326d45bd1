#!/bin/sh
# Makes the recordings in this folder anew, with perf. Run as root in this
# folder; tracefs must be mounted (unshare -m, then mount -t tracefs nodev
# /sys/kernel/tracing).
set -eu
rm -f *.data *.txt *.trace
seed=../seed
export DEBUGINFOD_URLS=

# Samples of a clock, with callchains of kernel and user.
perf record -q -e cpu-clock -F 2000 -g -o cpu-clock-g.data -- gzip -9 -c /bin/bash >/dev/null
# The same, compressed; zstd records cross one another.
perf record -q -z -e cpu-clock -F 2000 -g -o cpu-clock-g-z.data -- gzip -9 -c /bin/bash >/dev/null
# A stream, as it goes through a pipe.
perf record -q -e sched:sched_process_exit -o - -- sh -c '/bin/true; /bin/true' >pipe.data
perf record -q -z -e cpu-clock -F 2000 -g -o - -- sh -c "gzip -9 -c /bin/bash >/dev/null" >pipe-z.data
# Two tracepoints with text fields.
perf record -q -e sched:sched_process_exec -e sched:sched_process_exit -o sched.data -- sh -c '/bin/true; /bin/true'
# Many hits of one tracepoint with an array.
perf record -q -e raw_syscalls:sys_enter -o syscalls.data -- dd if=/dev/zero of=/dev/null bs=1 count=100 status=none
# The seed's probe.
perf probe -q -x $seed/main-nopie callee
perf record -q -e probe_main:callee -o seed.data $seed/main-nopie >/dev/null
perf probe -q -d probe_main:callee
chmod 644 *.data
for f in *.data; do
	# What perf says of each: tests compare with this.
	perf script -f -G --ns -F pid,tid,time,event -i "$f" > "${f%.data}.txt"
done
for f in sched syscalls seed; do
	perf script -f -i $f.data > $f.trace
done
perf --version > VERSION
