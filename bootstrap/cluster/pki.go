package main

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
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates outlive any laptop's cluster; they are issued anew at each start, the authorities kept.
const certificateYears = 10

// authority is a certificate authority of the state directory.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
}

// pki holds what the components prove themselves with, as files in one folder.
type pki struct {
	dir        string
	root       *authority
	frontProxy *authority
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

// preparePKI loads the authorities of the folder (made at the first start) and issues the API server's
// certificates for these addresses and names.
func preparePKI(dir string, serverNames []string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := loadAuthority(dir, "ca")
	if err != nil {
		return nil, err
	}
	frontProxy, err := loadAuthority(dir, "front-proxy-ca")
	if err != nil {
		return nil, err
	}
	p := &pki{dir, root, frontProxy}
	return p, errors.Join(
		p.issueTo("apiserver", root, subject("kube-apiserver"), x509.ExtKeyUsageServerAuth, serverNames...),
		p.issueTo("kubelet-client", root, subject("kube-apiserver-kubelet-client", "system:masters"), x509.ExtKeyUsageClientAuth),
		p.issueTo("front-proxy-client", frontProxy, subject("front-proxy-client"), x509.ExtKeyUsageClientAuth),
		p.ensureServiceAccountKey(),
	)
}

func subject(user string, groups ...string) pkix.Name {
	return pkix.Name{CommonName: user, Organization: groups}
}

// loadAuthority reads NAME.crt and NAME.key of the folder, making them where they lack.
func loadAuthority(dir, name string) (*authority, error) {
	certificateFile, keyFile := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	certificatePEM, err := os.ReadFile(certificateFile)
	if errors.Is(err, os.ErrNotExist) {
		return createAuthority(certificateFile, keyFile, name)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	certificateBlock, _ := pem.Decode(certificatePEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certificateBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s or its key is no PEM file: start anew with --ephemeral", certificateFile)
	}
	certificate, err := x509.ParseCertificate(certificateBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", certificateFile, err)
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", keyFile, err)
	}
	return &authority{certificate, key, certificatePEM}, nil
}

func createAuthority(certificateFile, keyFile, name string) (*authority, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := certificateTemplate(subject(name))
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{certificate, key, encode("CERTIFICATE", der)}
	// The certificate last: it is what the next start looks for.
	if err := os.WriteFile(keyFile, keyPEM, 0o600); err != nil {
		return nil, err
	}
	return a, os.WriteFile(certificateFile, a.pem, 0o644)
}

// issue signs a new key pair; names and addresses are for servers.
func (a *authority) issue(who pkix.Name, usage x509.ExtKeyUsage, names ...string) (certificatePEM, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template, err := certificateTemplate(who)
	if err != nil {
		return nil, nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	return encode("CERTIFICATE", der), keyPEM, nil
}

func (p *pki) issueTo(name string, by *authority, who pkix.Name, usage x509.ExtKeyUsage, names ...string) error {
	certificatePEM, keyPEM, err := by.issue(who, usage, names...)
	if err != nil {
		return fmt.Errorf("failed to issue the certificate %s: %w", name, err)
	}
	return errors.Join(
		os.WriteFile(p.path(name+".crt"), certificatePEM, 0o644),
		os.WriteFile(p.path(name+".key"), keyPEM, 0o600),
	)
}

// ensureServiceAccountKey keeps the key that signs ServiceAccount tokens, so that tokens outlive a restart.
func (p *pki) ensureServiceAccountKey() error {
	_, err := os.Stat(p.path("sa.pub"))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path("sa.key"), keyPEM, 0o600); err != nil {
		return err
	}
	return os.WriteFile(p.path("sa.pub"), encode("PUBLIC KEY", der), 0o644)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode("EC PRIVATE KEY", der), nil
}

func certificateTemplate(who pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               who,
		NotBefore:             time.Now().Add(-time.Hour), // clocks of containers and hosts differ
		NotAfter:              time.Now().AddDate(certificateYears, 0, 0),
		BasicConstraintsValid: true,
	}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
