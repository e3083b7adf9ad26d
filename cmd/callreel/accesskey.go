package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/token"
)

const (
	accessKeyFile    = "access-key"
	secondaryKeyFile = "access-key-secondary"
	resourceIDFile   = "resource-id"
	accessKeySize    = 64 // bytes of a new one
	minAccessKey     = 32 // bytes
)

// keyFlags say where the access keys of a server are.
type keyFlags struct {
	Data      string `help:"Directory of the server's data: access keys, recordings, and what is being recorded." default:"callreel-data" type:"path"`
	AccessKey string `help:"Access key in Base64, at least 32 bytes, instead of those in the data directory." placeholder:"KEY"`
}

// read returns the key to sign with, which must be there.
func (f keyFlags) read() ([]byte, error) {
	if f.AccessKey != "" {
		return parseAccessKey(f.AccessKey)
	}
	b, err := os.ReadFile(filepath.Join(f.Data, accessKeyFile))
	if err != nil {
		return nil, fault.Caller.Wrap(fmt.Errorf("no access key: give --access-key, or --data of a server on this machine: %w", err))
	}
	return parseAccessKey(string(b))
}

// sign makes a token with the key.
func (f keyFlags) sign(c token.Claims) (string, error) {
	key, err := f.read()
	if err != nil {
		return "", err
	}
	derived, err := token.DeriveKey(key)
	if err != nil {
		return "", err
	}
	tok, err := token.Signer{Keys: [][]byte{derived}}.Sign(c)
	if errors.Is(err, token.ErrMalformed) {
		err = fault.Caller.Wrap(err)
	}
	return tok, err
}

// operator signs a token for as long as a command of the operator may take.
func (f keyFlags) operator() (string, error) {
	return f.sign(token.Claims{
		Scopes: []token.Scope{token.Control, token.Read}, Participant: "operator",
		Expires: time.Now().Add(time.Hour),
	})
}

func newAccessKey() string {
	key := make([]byte, accessKeySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// resourceID returns the name of this installation in metadata, made at its
// first start.
func resourceID(data string) (string, error) {
	id, _, err := readOrMake(filepath.Join(data, resourceIDFile), uuid.NewString)
	return id, err
}

// readOrMake reads a file, or makes it, readable for its owner only.
func readOrMake(name string, fresh func() string) (text string, made bool, err error) {
	b, err := os.ReadFile(name)
	if err == nil {
		return strings.TrimSpace(string(b)), false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return "", false, fmt.Errorf("data directory: %w", err)
	}
	text = fresh()
	if err := writeWhole(name, text+"\n", os.Link); err != nil {
		return "", false, err
	}
	return text, true, nil
}

// writeWhole makes a file that is there with all of its text, or not at all.
// What place does with the written one, os.Link or os.Rename, decides whether
// it may take the place of another.
func writeWhole(name, text string, place func(from, to string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), name)
}

func parseAccessKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) < minAccessKey {
		return nil, fault.Caller.Wrap(fmt.Errorf("an access key must be Base64 of at least %d bytes, as \"openssl rand -base64 64\" makes it on one line", minAccessKey))
	}
	return key, nil
}
