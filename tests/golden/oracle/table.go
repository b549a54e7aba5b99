package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is a .cases file: many templates, each with its values and its outcome.
type table struct {
	preface string
	cases   []*templateCase
}

type templateCase struct {
	name     string
	sections []section
}

type section struct {
	name string
	text string
}

// sectionNames in the order in which they are written. The template itself has no marker.
var sectionNames = []string{"template", "helpers", "values", "schema", "shape", "expected", "error", "helm 3 expected", "helm 3 error"}

func (c *templateCase) get(name string) (string, bool) {
	for _, one := range c.sections {
		if one.name == name {
			return one.text, true
		}
	}
	return "", false
}

// setOutcome replaces whatever outcome the case had. Helm 3's is written only where it is another.
func (c *templateCase) setOutcome(outcome, outcome3 section) {
	c.sections = slices.DeleteFunc(c.sections, func(one section) bool {
		return slices.Contains([]string{"expected", "error", "helm 3 expected", "helm 3 error"}, one.name)
	})
	if outcome.name != "" {
		c.sections = append(c.sections, outcome)
	}
	if outcome3 != outcome {
		c.sections = append(c.sections, section{"helm 3 " + outcome3.name, outcome3.text})
	}
}

func parseTable(text string) (*table, error) {
	result := &table{}
	var current *templateCase
	var lines []string
	name := "preface"
	seen := map[string]bool{}
	flush := func(last bool) {
		// One empty line stands between two cases.
		if last && len(lines) > 0 && lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		content := strings.Join(lines, "\n")
		if current == nil {
			result.preface = content
		} else {
			current.sections = append(current.sections, section{name, content})
		}
		lines = nil
	}
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if title, ok := strings.CutPrefix(line, "=== "); ok {
			flush(true)
			if seen[title] {
				return nil, fmt.Errorf("line %d: a second case is named %q", number+1, title)
			}
			seen[title] = true
			current = &templateCase{name: title}
			result.cases = append(result.cases, current)
			name = "template"
		} else if marker, ok := strings.CutPrefix(line, "--- "); ok && current != nil && slices.Contains(sectionNames[1:], marker) {
			flush(false)
			name = marker
		} else {
			lines = append(lines, line)
		}
	}
	// The file's last line ends the last case, with no empty line after it.
	flush(false)
	return result, nil
}

func (t *table) String() string {
	var out strings.Builder
	if t.preface != "" {
		out.WriteString(t.preface + "\n\n")
	}
	for index, one := range t.cases {
		if index > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "=== %s\n", one.name)
		for _, name := range sectionNames {
			text, ok := one.get(name)
			if !ok {
				continue
			}
			if name != "template" {
				fmt.Fprintf(&out, "--- %s\n", name)
			}
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}
