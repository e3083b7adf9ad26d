package storage

import (
	"fmt"
	"strings"

	"github.com/callreel/callreel/internal/fault"
)

const (
	maxKey     = 1024
	maxSegment = 200
)

func checkKey(key string) error {
	if len(key) > maxKey {
		return badKey(key)
	}
	return checkSegments(strings.Split(key, "/")...)
}

func checkSegments(names ...string) error {
	for _, s := range names {
		if !validSegment(s) {
			return badKey(s)
		}
	}
	return nil
}

func badKey(key string) error {
	return fault.Caller.Wrap(fmt.Errorf("%w: %.200q", ErrKey, key))
}

func validSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > maxSegment {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letterOrDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// below says whether prefix is key or a directory that key is in.
func below(prefix, key string) bool {
	rest, ok := strings.CutPrefix(key, prefix)
	return ok && (prefix == "" || rest == "" || rest[0] == '/')
}
