package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

func readCertificate(t *testing.T, content []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatal("no PEM block")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestTheServerCertificateIsTrustedForItsNamesOnly(t *testing.T) {
	p, err := preparePKI(t.TempDir(), []string{loopback, "kubernetes.default.svc"})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(p.path("apiserver.crt"))
	if err != nil {
		t.Fatal(err)
	}
	certificate := readCertificate(t, content)
	pool := x509.NewCertPool()
	pool.AddCert(p.root.certificate)
	for _, name := range []string{loopback, "kubernetes.default.svc"} {
		if _, err := certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := certificate.Verify(x509.VerifyOptions{DNSName: "elsewhere.test", Roots: pool}); err == nil {
		t.Error("a name that was not asked for is trusted")
	}
}

func TestASecondStartKeepsTheAuthoritiesAndTheTokenKey(t *testing.T) {
	dir := t.TempDir()
	var before [][]byte
	names := []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "sa.key", "sa.pub"}
	for run := range 2 {
		if _, err := preparePKI(dir, []string{loopback}); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if run == 0 {
				before = append(before, content)
			} else if !bytes.Equal(before[i], content) {
				t.Errorf("%s changed", name)
			}
		}
	}
}

func TestKeysAreReadableByTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := preparePKI(dir, []string{loopback}); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatal("no keys", err)
	}
	for _, key := range keys {
		info, err := os.Stat(key)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", key, info.Mode().Perm())
		}
	}
}

func TestAnIssuedUserBearsNameAndGroups(t *testing.T) {
	root, err := loadAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	content, _, err := root.issue(subject("alice", "readers", "writers"), x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	who := readCertificate(t, content).Subject
	if who.CommonName != "alice" || len(who.Organization) != 2 {
		t.Errorf("got %v", who)
	}
}
