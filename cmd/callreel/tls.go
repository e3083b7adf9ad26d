package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/callreel/callreel/internal/certs"
	"github.com/callreel/callreel/internal/fault"
)

// tlsFlags say how to serve https.
type tlsFlags struct {
	Cert string `help:"Certificate to serve https with, PEM, its chain behind it. Read again when it changes." type:"existingfile" placeholder:"FILE"`
	Key  string `help:"Key of the certificate, PEM." type:"existingfile" placeholder:"FILE"`
}

// open reads the certificate; it is nil if https is not asked for.
func (f tlsFlags) open() (*certs.Files, error) {
	if f.Cert == "" && f.Key == "" {
		return nil, nil
	}
	if f.Cert == "" || f.Key == "" {
		return nil, fault.Caller.Wrap(errors.New("--tls-cert and --tls-key go together"))
	}
	files, err := certs.Open(f.Cert, f.Key)
	return files, fault.Caller.Wrap(err)
}

// certCmd makes certificates for private use.
type certCmd struct {
	Host []string `arg:"" help:"Names and IP addresses by which clients reach the server."`
	Dir  string   `help:"Directory for the files. An authority that is there is used again." default:"callreel-tls" type:"path"`
}

// Help is shown by callreel cert --help.
func (certCmd) Help() string {
	return `For where there is no public certificate: tests, and closed networks. Whoever has ca-key.pem can pretend to be any server to those who trust ca.pem, so keep it away from the server, or delete it.`
}

// Run makes them and says how they are used.
func (c *certCmd) Run(con console) error {
	if err := certs.Make(c.Dir, c.Host, time.Now()); err != nil {
		return fault.Caller.Wrap(err)
	}
	_, err := fmt.Fprintf(con.out, `Certificate for %[2]q in %[1]s, good for 397 days.

Serve with it:
  callreel serve --tls-cert %[1]s/%[3]s --tls-key %[1]s/%[4]s
Clients must trust %[1]s/%[5]s, such as by
  NODE_EXTRA_CA_CERTS=%[1]s/%[5]s    SSL_CERT_FILE=%[1]s/%[5]s    curl --cacert %[1]s/%[5]s
`, c.Dir, c.Host, certs.CertificateFile, certs.KeyFile, certs.AuthorityFile)
	return err
}
