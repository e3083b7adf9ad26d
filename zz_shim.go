package callreel

import "context"

const (
	Delivered      EventType = "Delivered"
	EndInterrupted EndReason = "Interrupted"
)

func (e *Engine) Recover(context.Context) ([]Result, error) { return nil, nil }
