package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// loadCommand imports images into every real node: there is no registry to pull them from.
func loadCommand(args []string) error {
	flags := newFlags("load")
	dir := flags.String("dir", "", "state directory of up")
	archives, err := parseWithOperands(flags, args, dir)
	if err != nil {
		return err
	}
	if len(archives) == 0 {
		return fmt.Errorf("load what? Archives of images (OCI or docker): %w", errUsage)
	}
	for i, archive := range archives {
		// Asking changes the folder.
		if archives[i], err = filepath.Abs(archive); err != nil {
			return err
		}
	}
	answer, err := ask(*dir, http.MethodGet, "/status")
	if err != nil {
		return err
	}
	var status clusterStatus
	if err := json.Unmarshal(answer, &status); err != nil {
		return err
	}
	if len(status.Nodes) == 0 {
		return errors.New("this cluster has no real nodes: simulated ones need no images")
	}
	ctr, err := (&nodeOptions{runtime: status.Runtime}).find("ctr")
	if err != nil {
		return err
	}
	for _, component := range status.Components {
		if !slices.Contains(status.Nodes, component.Name) || component.PID == 0 {
			continue
		}
		// A node's files, as its own processes see them.
		socket := fmt.Sprintf("/proc/%d/root%s", component.PID, containerdSocket)
		for _, archive := range archives {
			command := exec.Command(ctr, "--address", socket, "--namespace=k8s.io", "images", "import", archive)
			command.Stdout, command.Stderr = os.Stderr, os.Stderr
			if err := command.Run(); err != nil {
				return fmt.Errorf("failed to import %s into %s: %w", archive, component.Name, err)
			}
		}
	}
	return nil
}

// parseWithOperands is parseFlags for a subcommand that takes names after its flags.
func parseWithOperands(flags *flag.FlagSet, args []string, dir *string) ([]string, error) {
	operands := len(args)
	if err := flags.Parse(args); err == nil {
		operands = flags.NArg()
	}
	return slices.Clone(args[len(args)-operands:]), parseFlags(flags, args[:len(args)-operands], dir)
}
