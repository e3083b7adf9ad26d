package callreel

// MaxRecordings returns how many recordings may run at the same time; 0: no bound.
func (e *Engine) MaxRecordings() int { return e.cfg.MaxRecordings }

// Closed reports whether Close was called.
func (e *Engine) Closed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// SpoolSize returns how many bytes the spool holds, and how many more there is
// room for.
func (e *Engine) SpoolSize() (held, free int64, err error) {
	if held, err = e.spool.Size(); err == nil {
		free, err = e.spool.Free()
	}
	return held, free, err
}

// CheckSpool reports whether the spool can be written to, by writing.
func (e *Engine) CheckSpool() error { return e.spool.Probe() }
