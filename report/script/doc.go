// Package script shows a recording sample by sample: as lines in the layout of
// perf script, or as JSON objects, one a line.
//
// It reads a recording twice: once to learn which places in the code it will
// show, all of which are then named at once, and once to show the samples.
// Nothing is kept per sample.
package script
