// Package hit gives the hits of probes their meaning: which point of which
// function was hit, what the recorded bytes stand for, which goroutine ran.
//
// A Description is made when probes are defined and kept in the recording
// (perfdata.FeatureProbes), so that reports need neither the program nor its
// debug information. A Reader of values joins it with an event's format, and
// turns the raw data of samples, or the user registers in them, into text, JSON
// and numbers.
package hit
