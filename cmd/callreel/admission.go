package main

import (
	"fmt"
	"strconv"
)

// admission is the Admission of a control.Config.
type admission int

// UnmarshalText reads a flag: auto, off or a number.
func (a *admission) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "auto":
		*a = 0
	case "off":
		*a = -1
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is neither auto, off nor a number from 1 on", s)
		}
		*a = admission(n)
	}
	return nil
}
