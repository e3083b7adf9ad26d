package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files that Make leaves in its directory.
const (
	AuthorityFile    = "ca.pem"     // for clients to trust
	AuthorityKeyFile = "ca-key.pem" // to be kept secret; makes further certificates
	CertificateFile  = "cert.pem"   // for the server
	KeyFile          = "key.pem"    // for the server, secret
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// certificateLife is the longest that all clients accept.
	certificateLife = 397 * 24 * time.Hour
	// backdate allows for clients whose clocks are slow.
	backdate = time.Hour
)

// Make makes a certificate for hosts (names or IP addresses), good from now on
// for 397 days, signed by the authority in dir, which is made too if there is
// none. A certificate that is there is replaced.
func Make(dir string, hosts []string, now time.Time) error {
	if len(hosts) == 0 {
		return errors.New("certs: no host to make a certificate for")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, caKey, err := authority(dir, now)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	return issue(leaf, ca, caKey, filepath.Join(dir, CertificateFile), filepath.Join(dir, KeyFile))
}

// authority reads the authority of a directory, or makes it.
func authority(dir string, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	name, keyName := filepath.Join(dir, AuthorityFile), filepath.Join(dir, AuthorityKeyFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		ca := &x509.Certificate{
			SerialNumber: serial(), Subject: pkix.Name{CommonName: "callreel private CA " + now.UTC().Format(time.DateOnly)},
			NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLife),
			IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if err := issue(ca, ca, nil, name, keyName); err != nil {
			return nil, nil, err
		}
	}
	return readAuthority(name, keyName)
}

func readAuthority(name, keyName string) (*x509.Certificate, crypto.Signer, error) {
	certDER, err := readPEM(name, "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := readPEM(keyName, "PRIVATE KEY")
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(certDER)
	if err != nil {
		return nil, nil, fmt.Errorf("certs: %s: %w", name, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return nil, nil, fmt.Errorf("certs: %s: %w", keyName, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("certs: %s can't sign", keyName)
	}
	return ca, signer, nil
}

// issue makes a key and a certificate signed by parent, or by itself without a
// parent's key, and writes both.
func issue(c, parent *x509.Certificate, parentKey crypto.Signer, name, keyName string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("certs: make a key: %w", err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		return fmt.Errorf("certs: make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("certs: make a key: %w", err)
	}
	return errors.Join(writePEM(keyName, "PRIVATE KEY", keyDER, 0o600), writePEM(name, "CERTIFICATE", der, 0o644))
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // the system's random numbers never fail
	}
	return n
}

func readPEM(name, kind string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("certs: %s has no %s", name, kind)
	}
	return block.Bytes, nil
}

// writePEM replaces a file as a whole.
func writePEM(name, kind string, der []byte, mode os.FileMode) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	part := name + ".new"
	err := os.WriteFile(part, text, mode)
	if err == nil {
		err = os.Rename(part, name)
	}
	return err
}
