package servertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
)

// S3 starts versitygw. It sets the variables with its credentials.
func S3(tb testing.TB) *Server {
	tb.Helper()
	program := goTool(tb, "s3server", "versitygw")
	const user, secret = "callreel", "callreel-secret"
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		tb.Setenv(name, value)
	}
	var files string
	kind := service{
		name:   "versitygw",
		create: func(_ *Server, bucket string) error { return os.Mkdir(filepath.Join(files, bucket), 0o700) },
		locate: func(addr, bucket string) string {
			return "s3://" + bucket + "?region=us-east-1&use_path_style=true&endpoint=http://" + addr
		},
	}
	return start(tb, kind, func(host, port, dir string) []string {
		// Not every file system has the attributes in which it keeps metadata.
		files = filepath.Join(dir, "files")
		sidecar := filepath.Join(dir, "sidecar")
		for _, d := range []string{files, sidecar} {
			if err := os.Mkdir(d, 0o700); err != nil {
				tb.Fatal(err)
			}
		}
		return []string{program, "--port", host + ":" + port, "--access", user, "--secret", secret, "posix", "--sidecar", sidecar, files}
	})
}

// Azurite knows one account, whose key is no secret.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azure starts Azurite. It sets the variables with its credentials.
func Azure(tb testing.TB) *Server {
	tb.Helper()
	program := npmTool(tb, "azurite", "3.37.0", "azurite-blob")
	tb.Setenv("AZURE_STORAGE_ACCOUNT", azuriteAccount)
	tb.Setenv("AZURE_STORAGE_KEY", azuriteKey)
	kind := service{
		name:   "azurite",
		create: createContainer,
		locate: func(addr, bucket string) string {
			return "azblob://" + bucket + "?localemu=true&protocol=http&domain=" + addr
		},
	}
	return start(tb, kind, func(host, port, dir string) []string {
		return []string{program, "--blobHost", host, "--blobPort", port, "--location", dir, "--silent", "--disableTelemetry", "--skipApiVersionCheck"}
	})
}

func createContainer(s *Server, bucket string) error {
	cred, err := azblob.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		return err
	}
	c, err := azblob.NewClientWithSharedKeyCredential(s.URL()+"/"+azuriteAccount, cred, nil)
	if err != nil {
		return err
	}
	_, err = c.CreateContainer(context.Background(), bucket, nil)
	return err
}

// Google starts fake-gcs-server. It sets the variable by which clients find it.
func Google(tb testing.TB) *Server {
	tb.Helper()
	program := goTool(tb, "gcsserver", "fake-gcs-server")
	kind := service{
		name: "fake-gcs-server",
		create: func(s *Server, bucket string) error {
			body := strings.NewReader(fmt.Sprintf(`{"name":%q}`, bucket))
			res, err := http.Post(s.URL()+"/storage/v1/b?project=test", "application/json", body)
			if err != nil {
				return err
			}
			answer, err := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s", res.Status, answer)
			}
			return err
		},
		locate: func(_, bucket string) string { return "gs://" + bucket },
	}
	s := start(tb, kind, func(host, port, dir string) []string {
		return []string{
			program, "-scheme", "http", "-host", host, "-port", port, "-backend", "filesystem", "-filesystem-root", dir,
			"-public-host", host + ":" + port, "-external-url", "http://" + host + ":" + port,
		}
	})
	tb.Setenv("STORAGE_EMULATOR_HOST", s.addr)
	return s
}
