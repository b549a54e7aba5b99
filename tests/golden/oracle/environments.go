package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// repository is where environments and charts are, seen from this module's folder.
const repository = "../../.."

// kubeVersion is what both programs are told that the cluster is.
const kubeVersion = "v1.36.0"

// environment is what of an environment.yaml says how its charts are rendered.
type environment struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Namespace  string      `json:"namespace"`
		Components []component `json:"components"`
	} `json:"spec"`
}

type component struct {
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Chart     any            `json:"chart"`
	Values    []string       `json:"values"`
	Set       map[string]any `json:"set"`
}

// environments compares what MOORING renders of each component of each environment with what `helm template` prints of
// its chart and values. What Helm makes up differs between two runs of its own; such lines are not compared.
func environments(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("say where mooring is: environments MOORING")
	}
	mooring, err := filepath.Abs(arguments[0])
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(repository, "environments", "*", "environment.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("there is no environment")
	}
	compared, different := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var one environment
		if err := yaml.Unmarshal(text, &one); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, part := range one.Spec.Components {
			chart, ok := part.Chart.(string)
			if !ok {
				continue
			}
			compared++
			name := one.Metadata.Name + "/" + part.Name
			if err := compareComponent(mooring, one, part, chart); err != nil {
				different++
				fmt.Printf("different  %s: %v\n", name, err)
			}
		}
	}
	fmt.Printf("%d components of %d environments, %d different\n", compared, len(files), different)
	if different > 0 {
		return errors.New("a component is not rendered as Helm renders it")
	}
	return nil
}

func compareComponent(mooring string, of environment, part component, chart string) error {
	namespace := of.Spec.Namespace
	if part.Namespace != "" {
		namespace = part.Namespace
	}
	arguments := []string{"helm", "template", part.Name, chart, "--namespace", namespace, "--kube-version", kubeVersion}
	for _, values := range part.Values {
		arguments = append(arguments, "--values", filepath.Join("environments", of.Metadata.Name, values))
	}
	if len(part.Set) > 0 {
		text, err := yaml.Marshal(part.Set)
		if err != nil {
			return err
		}
		set, err := os.CreateTemp("", "oracle-set-*.yaml")
		if err != nil {
			return err
		}
		defer os.Remove(set.Name())
		if _, err := set.Write(text); err != nil {
			return err
		}
		if err := set.Close(); err != nil {
			return err
		}
		arguments = append(arguments, "--values", set.Name())
	}
	oracle, err := os.Executable()
	if err != nil {
		return err
	}
	first, err := outputOf(oracle, arguments...)
	if err != nil {
		return err
	}
	second, err := outputOf(oracle, arguments...)
	if err != nil {
		return err
	}
	ours, err := outputOf(
		mooring, "render", of.Metadata.Name, part.Name, "--helm", "--show-secrets", "--kube-version", kubeVersion,
	)
	if err != nil {
		return err
	}
	if len(first) != len(ours) || len(first) != len(second) {
		return fmt.Errorf("%d lines of Helm's, %d of Mooring's", len(first), len(ours))
	}
	for at, line := range first {
		if line == second[at] && line != ours[at] {
			return fmt.Errorf("line %d is %q of Helm's and %q of Mooring's", at+1, line, ours[at])
		}
	}
	return nil
}

// outputOf runs a program in the repository's folder and returns the lines that it printed.
func outputOf(program string, arguments ...string) ([]string, error) {
	command := exec.Command(program, arguments...)
	command.Dir = repository
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return slices.Collect(strings.Lines(stdout.String())), nil
}
