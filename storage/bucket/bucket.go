// Package bucket opens stores by where they are: a directory, or a bucket of
// Amazon S3 or what speaks like it, Azure Blob Storage or Google Cloud Storage.
//
// It is apart from package storage because the clients of these services are
// large: who embeds the recorder and stores elsewhere does not link them.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
)

// reachTimeout is how long a service may take to say that the bucket is there.
const reachTimeout = 30 * time.Second

// ErrLocation refuses what does not say where to store.
var ErrLocation = errors.New("not a storage location")

// Store is an open store. Close it when nothing is under way any more.
type Store struct {
	storage.Store
	io.Closer
}

// Open opens the store at a location:
//
//	/var/lib/recordings, file:///var/lib/recordings   a directory, see [storage.Dir]
//	s3://bucket?region=eu-central-1                   Amazon S3
//	s3://bucket?region=us-east-1&endpoint=https://s3.example.com&use_path_style=true
//	                                                  a service with the API of S3
//	azblob://container?storage_account=name           Azure Blob Storage
//	azblob://container?domain=127.0.0.1:10000&protocol=http&localemu=true
//	                                                  its emulator Azurite
//	gs://bucket                                       Google Cloud Storage
//
// A path after a bucket's name is where in the bucket the objects are, as in
// s3://bucket/calls. All parameters are those of the URLOpeners of gocloud.dev's
// s3blob (with gocloud.dev/aws), azureblob and gcsblob. Credentials come from
// where the service's own tools have them, such as the variables
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AZURE_STORAGE_ACCOUNT and
// AZURE_STORAGE_KEY, or GOOGLE_APPLICATION_CREDENTIALS, never from the URL.
//
// Open asks the service whether the bucket is there. Errors are marked as
// fault.Caller where the location or the settings can't be, also [ErrLocation]
// if it is the location itself, and as fault.Destination where the bucket can't
// be reached.
func Open(ctx context.Context, location string) (*Store, error) {
	if !strings.Contains(location, "://") {
		if location == "" {
			return nil, refused(location, "it is empty")
		}
		return directory(location), nil
	}
	u, err := url.Parse(location)
	if err != nil {
		return nil, refused("", "it is not a URL") // err could show what is secret
	}
	switch {
	case u.User != nil:
		return nil, refused(u.Redacted(), "credentials don't belong into it")
	case u.Scheme == "file":
		return openFile(u)
	case u.Fragment != "":
		return nil, refused(location, "it has a fragment")
	case u.Host == "":
		return nil, refused(location, "it names no bucket")
	}
	return openBucket(ctx, u)
}

func refused(location, why string) error {
	return fault.Caller.Wrap(fmt.Errorf("%w: %q: %s", ErrLocation, location, why))
}

// directory has nothing to close.
func directory(path string) *Store { return &Store{storage.Dir(path), io.NopCloser(nil)} }

func openFile(u *url.URL) (*Store, error) {
	path := filepath.FromSlash(u.Path)
	switch {
	case u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(path):
		return nil, refused(u.String(), "a file URL has an absolute path, as file:///var/lib/recordings")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, refused(u.String(), "a directory has no parameters")
	}
	return directory(path), nil
}

// openBucket opens a bucket and looks whether it is there.
func openBucket(ctx context.Context, u *url.URL) (*Store, error) {
	s, known := services()[u.Scheme]
	if !known {
		return nil, refused(u.Redacted(), "the scheme must be file, s3, azblob or gs")
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" && !fs.ValidPath(prefix) {
		return nil, refused(u.String(), "the path is none")
	}
	bare := *u
	bare.Path = ""
	b, err := s.open(ctx, &bare)
	if err != nil {
		return nil, fault.Caller.Wrap(fmt.Errorf("open storage %s: %w", u, err))
	}
	if err := reach(ctx, b); err != nil {
		return nil, fault.Destination.Wrap(fmt.Errorf("reach storage %s: %w", u, errors.Join(err, b.Close())))
	}
	if prefix != "" {
		b = blob.PrefixedBucket(b, prefix+"/")
	}
	return &Store{storage.FromBucket(b, s.options), b}, nil
}

// reach reports why a bucket can't be used.
func reach(ctx context.Context, b *blob.Bucket) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	there, err := b.IsAccessible(ctx)
	if err == nil && !there {
		err = errors.New("there is no such bucket")
	}
	return err
}
