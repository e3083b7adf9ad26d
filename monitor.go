package callreel

import (
	"errors"
	"fmt"
)

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

// checkSpool is CheckSpool without patience.
func (e *Engine) checkSpool() error {
	if err := e.spool.Probe(); err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return e.checkReserve()
}

// checkReserve reports whether there is room for another recording, if the
// system tells.
func (e *Engine) checkReserve() error {
	if e.cfg.SpoolReserve < 0 {
		return nil
	}
	free, err := e.spool.Free()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrSpool, err)
	case free < e.cfg.SpoolReserve:
		return fmt.Errorf("%w: %d bytes are free, %d have to be", ErrSpool, free, e.cfg.SpoolReserve)
	}
	return nil
}
