package report

// describeTraces gives the tables of tracepoints what they need to turn their
// samples' data into text.
func (l *loader) describeTraces() error { return nil }
