//go:build !linux

package cpu

// Unhurried runs start. Elsewhere than on Linux nothing is special about it.
func Unhurried(start func() error) error { return start() }
