package storage

import (
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
)

// What is stored is changed behind the store's back before it is confirmed.
func TestConfirmFindsDifferences(t *testing.T) {
	files, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*blob.Bucket{"service tells MD5": memblob.OpenBucket(nil), "it does not": files} {
		want, err := sumOf(strings.NewReader("media"))
		if err != nil {
			t.Fatal(err)
		}
		for text, ok := range map[string]bool{"media": true, "Media": false, "medi": false, "": false} {
			if err := b.WriteAll(t.Context(), "a", []byte(text), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := (bucket{b: b}).confirm(t.Context(), "a", want); (err == nil) != ok {
				t.Errorf("%s: %q: %v", name, text, err)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
