//go:build !linux && !darwin && !freebsd

package storage

import "os"

func lockFile(*os.File) error { return nil }

func unlockFile(*os.File) error { return nil }
