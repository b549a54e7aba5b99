package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	bundle "helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
)

// chartFile is the Chart.yaml of the one-template chart that a table's case becomes.
const chartFile = "apiVersion: v2\nname: case\nversion: 1.0.0\n"

// recordTemplate renders the case's template as NOTES.txt, the one template whose text need not be YAML.
func recordTemplate(c *templateCase) error {
	files := []*bundle.BufferedFile{{Name: "Chart.yaml", Data: []byte(chartFile)}}
	for _, part := range []struct{ section, file string }{
		{"values", "values.yaml"},
		{"schema", "values.schema.json"},
		{"helpers", "templates/_helpers.tpl"},
		{"template", "templates/NOTES.txt"},
	} {
		if text, ok := c.get(part.section); ok {
			files = append(files, &bundle.BufferedFile{Name: part.file, Data: []byte(text)})
		}
	}
	outcome, err := outcomeOf(c, render, files)
	if err != nil {
		return err
	}
	outcome3, err := outcomeOf(c, render3, files)
	if err != nil {
		return fmt.Errorf("helm 3: %w", err)
	}
	c.setOutcome(outcome, outcome3)
	return nil
}

// outcomeOf renders with one Helm; what has the shape that the case asks for gives nothing to write down.
func outcomeOf(
	c *templateCase, render func([]*bundle.BufferedFile, map[string]any) (string, error), files []*bundle.BufferedFile,
) (section, error) {
	notes, err := render(files, map[string]any{})
	shape, shaped := c.get("shape")
	switch {
	case err != nil && shaped:
		return section{}, err
	case err != nil:
		return section{"error", err.Error()}, nil
	case shaped:
		if matched, err := regexp.MatchString("^(?:"+shape+")$", notes); err != nil || !matched {
			return section{}, fmt.Errorf("%q has not the shape %q (%w)", notes, shape, err)
		}
		return section{}, nil
	default:
		return section{"expected", notes}, nil
	}
}

// render does what `helm template demo case` does, and returns the notes, which that command leaves out.
func render(files []*bundle.BufferedFile, values map[string]any) (string, error) {
	chart, err := loader.LoadFiles(files)
	if err != nil {
		return "", err
	}
	install := action.NewInstall(action.NewConfiguration())
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName = "demo"
	install.Namespace = "default"
	install.Replace = true
	released, err := install.Run(chart, values)
	if err != nil {
		return "", err
	}
	v1, ok := released.(*release.Release)
	if !ok {
		return "", fmt.Errorf("a release of type %T", released)
	}
	return v1.Info.Notes, nil
}

// recordArchive runs `helm template` of both Helms on the case's files, each in a folder and a process of its own.
func recordArchive(a *archive) error {
	oracle, err := os.Executable()
	if err != nil {
		return err
	}
	helm3, err := helm3Program()
	if err != nil {
		return err
	}
	outcome, err := outcomeOfRun(a, oracle, "helm")
	if err != nil {
		return err
	}
	outcome3, err := outcomeOfRun(a, helm3)
	if err != nil {
		return fmt.Errorf("helm 3: %w", err)
	}
	if slices.Contains(a.arguments(), "--debug") {
		// Its log has times and stacks.
		outcome3.stderr = lastError(outcome3.stderr)
	}
	a.setOutcome(outcome, outcome3)
	return nil
}

func lastError(stderr string) string {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "Error: ") {
			return line
		}
	}
	return ""
}

func outcomeOfRun(a *archive, program ...string) (runOutcome, error) {
	folder, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return runOutcome{}, err
	}
	defer os.RemoveAll(folder)
	work := filepath.Join(folder, "work")
	if err := a.unpack(work); err != nil {
		return runOutcome{}, err
	}
	return runHelm(a, folder, work, program)
}

// unpack writes the case's files into a new folder.
func (a *archive) unpack(work string) error {
	files, err := a.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(work, name)
		if !strings.HasPrefix(path, work+"/") {
			return fmt.Errorf("%s climbs out of the case's folder", name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func runHelm(a *archive, home, work string, program []string) (runOutcome, error) {
	arguments := slices.Concat(program[1:], []string{"template"}, a.arguments())
	command := exec.Command(program[0], arguments...)
	command.Dir = work
	// Nothing of the user's own Helm or cluster may show: no repositories, no plugins, no kubeconfig.
	command.Env = []string{"HOME=" + home, "KUBECONFIG=/dev/null", "TZ=UTC"}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	exitCode := 0
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return runOutcome{}, err
		}
		exitCode = exit.ExitCode()
	}
	for _, text := range []string{stdout.String(), stderr.String()} {
		if text != "" && !strings.HasSuffix(text, "\n") {
			return runOutcome{}, fmt.Errorf("an output without a last end of line cannot be kept in this format: %q", text)
		}
	}
	// The folder's name is the one thing that differs from run to run.
	hide := strings.NewReplacer(work, "$WORK")
	return runOutcome{hide.Replace(stdout.String()), hide.Replace(stderr.String()), exitCode}, nil
}
