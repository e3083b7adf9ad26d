package storage

import (
	"path"
	"path/filepath"
	"testing"
)

func FuzzKey(f *testing.F) {
	for _, seed := range []string{"rec-1/0.mp4", "..", "a/../b", "a//b", "/a", "a/", "a\x00", `..\a`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if checkKey(key) != nil {
			return
		}
		if !filepath.IsLocal(key) || path.Clean(key) != key || len(key) > maxKey {
			t.Errorf("%q is accepted", key)
		}
		if !below(key, key) || !below("", key) || !below(key, key+"/x") || below(key, key+"x") {
			t.Errorf("what is below %q is wrong", key)
		}
	})
}
