// Package certs is what a server needs for TLS by itself: a certificate from
// files that is read again when they change, and a private certificate
// authority for where there is no public one. It talks to no authority.
package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// checkInterval is how often the files are looked at, at most.
const checkInterval = 10 * time.Second

// Files is a certificate with its key in two PEM files. It is safe for
// concurrent use.
type Files struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]stamp
	checked time.Time
	failed  error // of the last attempt to read them again
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads a certificate (its chain in cert, the leaf first) and its key.
func Open(cert, key string) (*Files, error) {
	f := &Files{cert: cert, key: key}
	stamps, err := f.look()
	if err == nil {
		err = f.read(stamps)
	}
	return f, err
}

// GetCertificate is for tls.Config. Files that have changed are read again; if
// they can't be used, as while they are being written, the certificate in use
// stays.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= checkInterval {
		f.checked = now
		stamps, err := f.look()
		if err == nil && stamps != f.stamps {
			err = f.read(stamps)
		}
		f.failed = err
	}
	return f.current, nil
}

// Err returns why changed files could not be read, nil if the certificate in
// use is the one in the files.
func (f *Files) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *Files) look() (stamps [2]stamp, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, e := os.Stat(name)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, err
}

func (f *Files) read(stamps [2]stamp) error {
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.current, f.stamps = &c, stamps
	return nil
}
