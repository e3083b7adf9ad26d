//go:build !linux

package worker

import "iter"

// confine does nothing: there are no means here.
func (s sandbox) confine() iter.Seq2[string, error] { return func(func(string, error) bool) {} }

func (s sandbox) makeDirs() error { return nil }

func credentialFiles() (files, dirs []string) { return nil, nil }
