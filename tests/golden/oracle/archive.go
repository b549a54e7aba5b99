package main

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// archive is a .txtar file: one run of `helm template`, with every file that it reads, and its outcome.
type archive struct {
	comment string
	entries []entry
}

type entry struct {
	// name with its options, as the marker has it: "chart/logo.png | base64".
	name string
	text string
}

// outcomes are the entries that the recorder writes; all others are input.
var outcomes = []string{
	"stdout", "stderr", "exit code", "helm 3 stdout", "helm 3 stderr", "helm 3 exit code",
}

// runOutcome is what a run of `helm template` printed and how it ended.
type runOutcome struct {
	stdout, stderr string
	exitCode       int
}

var archiveMarker = regexp.MustCompile(`^-- (\S.*\S) --$`)

func parseArchive(text string) (*archive, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the file's last line has no end")
	}
	result := &archive{}
	var body strings.Builder
	name := ""
	flush := func() {
		if name == "" {
			result.comment = body.String()
		} else {
			result.entries = append(result.entries, entry{name, body.String()})
		}
		body.Reset()
	}
	for line := range strings.Lines(text) {
		if match := archiveMarker.FindStringSubmatch(strings.TrimSuffix(line, "\n")); match != nil {
			flush()
			name = match[1]
			continue
		}
		body.WriteString(line)
	}
	flush()
	return result, nil
}

func (a *archive) String() string {
	var out strings.Builder
	out.WriteString(a.comment)
	for _, one := range a.entries {
		fmt.Fprintf(&out, "-- %s --\n%s", one.name, one.text)
	}
	return out.String()
}

// arguments of `helm template`, one a line.
func (a *archive) arguments() []string {
	for _, one := range a.entries {
		if one.name == "arguments" {
			return strings.Split(strings.TrimSuffix(one.text, "\n"), "\n")
		}
	}
	return []string{"demo", "chart"}
}

// setOutcome replaces whatever outcomes the case had. Helm 3's is written only where it is another.
func (a *archive) setOutcome(outcome, outcome3 runOutcome) {
	a.entries = slices.DeleteFunc(a.entries, func(one entry) bool { return slices.Contains(outcomes, one.name) })
	add := func(name, text string) {
		if text != "" {
			a.entries = append(a.entries, entry{name, text})
		}
	}
	add("stdout", outcome.stdout)
	add("stderr", outcome.stderr)
	if outcome.exitCode != 0 {
		add("exit code", fmt.Sprintln(outcome.exitCode))
	}
	if outcome3 != outcome {
		add("helm 3 stdout", outcome3.stdout)
		add("helm 3 stderr", outcome3.stderr)
		add("helm 3 exit code", fmt.Sprintln(outcome3.exitCode))
	}
}

// files returns path and content of each input file.
func (a *archive) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, one := range a.entries {
		if one.name == "arguments" || slices.Contains(outcomes, one.name) {
			continue
		}
		path, option, _ := strings.Cut(one.name, " | ")
		switch option {
		case "":
			files[path] = []byte(one.text)
		case "no newline":
			files[path] = []byte(strings.TrimSuffix(one.text, "\n"))
		case "base64":
			content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(one.text, "\n", ""))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			files[path] = content
		default:
			return nil, fmt.Errorf("%s: unknown option %q", path, option)
		}
	}
	return files, nil
}
