package control

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/callreel/callreel/internal/token"
)

// keyring holds the access keys of the moment, and what follows from them.
type keyring struct {
	source func() [][]byte // nil: they stay the same

	mu     sync.Mutex
	access [][]byte
	signer token.Signer
}

func newKeyring(keys [][]byte, source func() [][]byte) (*keyring, error) {
	k := &keyring{source: source}
	if source != nil {
		keys = source()
	}
	return k, k.set(keys)
}

// now returns the access keys and the signer of tokens that go with them. Keys
// that can't be used leave those that were.
func (k *keyring) now() (access [][]byte, signer token.Signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.source != nil {
		if keys := k.source(); !slices.EqualFunc(keys, k.access, bytes.Equal) {
			_ = k.set(keys)
		}
	}
	return k.access, k.signer
}

func (k *keyring) set(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("control: an access key is needed")
	}
	var signer token.Signer
	for _, key := range keys {
		derived, err := token.DeriveKey(key)
		if err != nil {
			return fmt.Errorf("control: access key: %w", err)
		}
		signer.Keys = append(signer.Keys, derived)
	}
	k.access, k.signer = keys, signer
	return nil
}
