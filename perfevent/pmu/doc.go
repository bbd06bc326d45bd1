// Package pmu turns the names of events, as perf's users write them with -e,
// into event attributes: software, hardware and cache events, raw numbers,
// events and terms of the machine's PMUs, and breakpoints, each with
// modifiers. Tracepoints and probes are not its matter: their names give an
// *UnknownError here.
//
// What the machine has is read from sysfs, which arrives as an fs.FS. Names and
// modifiers mean what they mean in perf 6.1 (man perf-list, perf-record); the
// numbers are those of include/uapi/linux/perf_event.h and of
// Documentation/ABI/testing/sysfs-bus-event_source-devices-{events,format}.
package pmu
