package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files of the state directory that other subcommands look for.
const (
	lockFile    = "lock"
	stateFile   = "cluster.json"
	controlFile = "control.sock"
)

// kept is what makes the next start the same cluster: what --ephemeral forgets. Logs stay.
var kept = []string{
	"etcd", "pki", "port", "kubeconfig", "controller-manager.kubeconfig", "scheduler.kubeconfig",
	"kwok.kubeconfig", "provisioner.kubeconfig", "audit-policy.yaml", "nodes", stateFile,
}

// state tells where the cluster of a state directory is, whether it runs or not.
type state struct {
	Server     string `json:"server"`
	Kubeconfig string `json:"kubeconfig"`
	// Of real nodes: their names, and the root of containerd's packages.
	Nodes   []string `json:"nodes,omitempty"`
	Runtime string   `json:"runtime,omitempty"`
}

func (s state) write(dir string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stateFile), append(content, '\n'), 0o600)
}

func readState(dir string) (state, error) {
	var s state
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return s, fmt.Errorf("%s holds no cluster yet: start one with 'up'", dir)
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(content, &s)
}

// forget removes what a cluster stored; other files of the directory are none of ours.
func forget(dir string) error {
	var failures []error
	for _, name := range kept {
		failures = append(failures, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(failures...)
}
