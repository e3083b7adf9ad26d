package bucket

import (
	"context"
	"fmt"
	"net/url"
	"os"

	gcs "cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azblobblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"

	"github.com/callreel/callreel/storage"
)

// service is a kind of bucket.
type service struct {
	open    func(context.Context, *url.URL) (*blob.Bucket, error)
	options storage.BucketOptions
}

// services returns them by the scheme of their URLs. The openers that gocloud.dev
// registers are not used: they keep the first credentials that they see, for the
// life of the process, and print.
func services() map[string]service {
	return map[string]service{
		s3blob.Scheme:    {open: new(s3blob.URLOpener).OpenBucketURL},
		azureblob.Scheme: {open: openAzure, options: storage.BucketOptions{BeforeWrite: checkBlocks}},
		gcsblob.Scheme:   {open: openGoogle, options: storage.BucketOptions{BeforeWrite: checkWhole}},
	}
}

func openAzure(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	opener := azureblob.URLOpener{
		MakeClient:        azureblob.NewDefaultClient,
		ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions(),
	}
	return opener.OpenBucketURL(ctx, u)
}

// checkBlocks lets Azure check each block that it receives. The MD5 of the whole,
// which it is told too, it takes on trust and repeats.
func checkBlocks(as func(any) bool, md5 []byte) error {
	var upload *azblob.UploadStreamOptions
	if !as(&upload) {
		return fmt.Errorf("the client of Azure has other options than %T", upload)
	}
	upload.TransactionalValidation = azblobblob.TransferValidationTypeComputeCRC64()
	upload.HTTPHeaders.BlobContentMD5 = md5
	return nil
}

// checkWhole lets Google Cloud Storage refuse an object with another MD5.
func checkWhole(as func(any) bool, md5 []byte) error {
	var w *gcs.Writer
	if !as(&w) {
		return fmt.Errorf("the client of Google has other options than %T", w)
	}
	w.MD5 = md5
	return nil
}

// openGoogle needs no credentials for an emulator, or where the URL says so.
func openGoogle(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	q := u.Query()
	opener := gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())}
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" && q.Get("anonymous") != "true" && q.Get("access_id") != "-" {
		creds, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, err
		}
		opener.TokenSource = creds.TokenSource
		if opener.Client, err = gcp.NewHTTPClient(gcp.DefaultTransport(), creds.TokenSource); err != nil {
			return nil, err
		}
	}
	return opener.OpenBucketURL(ctx, u)
}
