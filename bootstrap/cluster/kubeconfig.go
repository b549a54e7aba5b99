package main

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Context names carry the word local, so that nobody takes this cluster for one that matters.
const contextName = "mooring-local"

// kubeconfig issues a client certificate and returns the kubeconfig that holds it.
func (a *authority) kubeconfig(server, user string, groups ...string) ([]byte, error) {
	certificate, key, err := a.issue(subject(user, groups...), x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	base64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]s
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[1]s}
`, contextName, server, base64(a.pem), base64(certificate), base64(key)), nil
}

// writeKubeconfigs issues those of the administrator and of the components.
// The administrator may come from outside of the network where the components live.
func writeKubeconfigs(dir, server, innerServer string, root *authority) error {
	write := func(file, server, user string, groups ...string) error {
		content, err := root.kubeconfig(server, user, groups...)
		if err != nil {
			return fmt.Errorf("failed to issue %s: %w", file, err)
		}
		return os.WriteFile(filepath.Join(dir, file), content, 0o600)
	}
	return errors.Join(
		write("kubeconfig", server, "kubernetes-admin", "system:masters"),
		// Its controllers share this one identity instead of a ServiceAccount each: fewer moving parts.
		write("controller-manager.kubeconfig", innerServer, "system:kube-controller-manager", "system:masters"),
		write("scheduler.kubeconfig", innerServer, "system:kube-scheduler"),
		write("kwok.kubeconfig", innerServer, "system:kwok", "system:masters"),
		write("provisioner.kubeconfig", innerServer, "system:volume-provisioner", "system:masters"),
	)
}

func kubeconfigCommand(args []string) error {
	flags := newFlags("kubeconfig")
	dir := flags.String("dir", "", "state directory of up")
	user := flags.String("user", "", "user name (the certificate's CN)")
	groups := flags.String("groups", "", "comma-separated groups (the certificate's O)")
	out := flags.String("out", "", "file to write (default: standard output)")
	if err := parseFlags(flags, args, dir); err != nil {
		return err
	}
	if *user == "" {
		return fmt.Errorf("--user is required: %w", errUsage)
	}
	running, err := readState(*dir)
	if err != nil {
		return err
	}
	root, err := loadAuthority(filepath.Join(*dir, "pki"), "ca")
	if err != nil {
		return err
	}
	var list []string
	if *groups != "" {
		list = strings.Split(*groups, ",")
	}
	content, err := root.kubeconfig(running.Server, *user, list...)
	if err != nil {
		return err
	}
	if *out == "" {
		_, err = os.Stdout.Write(content)
		return err
	}
	return os.WriteFile(*out, content, 0o600)
}
