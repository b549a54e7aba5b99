package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"slices"

	bundle "helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/strvals"
)

// question is one case of the fuzzer: a chart of one template, as in a .cases file, and flags that set values.
type question struct {
	Template string `json:"template"`
	Helpers  string `json:"helpers"`
	Values   string `json:"values"`
	// Files are added to those of the chart, or stand in the place of them.
	Files      map[string]string `json:"files"`
	Set        []string          `json:"set"`
	SetString  []string          `json:"setString"`
	SetJSON    []string          `json:"setJson"`
	SetLiteral []string          `json:"setLiteral"`
	// Helm3 asks Helm 3 instead of Helm 4.
	Helm3 bool `json:"helm3"`
}

type answer struct {
	Notes string `json:"notes"`
	Error string `json:"error"`
}

// serve answers questions, a line of JSON each, until there are no more.
func serve() error {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return out.Flush()
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			return err
		}
		if err := encoder.Encode(asked.answer()); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

func (q question) answer() answer {
	values := map[string]any{}
	// As pkg/cli/values does, whose options want files on disk.
	for _, flag := range q.SetJSON {
		if err := strvals.ParseJSON(flag, values); err != nil {
			return answer{Error: "failed parsing --set-json data " + flag}
		}
	}
	for _, kind := range []struct {
		name  string
		flags []string
		parse func(string, map[string]any) error
	}{
		{"--set", q.Set, strvals.ParseInto},
		{"--set-string", q.SetString, strvals.ParseIntoString},
		{"--set-literal", q.SetLiteral, strvals.ParseLiteralInto},
	} {
		for _, flag := range kind.flags {
			if err := kind.parse(flag, values); err != nil {
				return answer{Error: "failed parsing " + kind.name + " data: " + err.Error()}
			}
		}
	}
	content := map[string]string{
		"Chart.yaml":             chartFile,
		"values.yaml":            q.Values,
		"templates/_helpers.tpl": q.Helpers,
		"templates/NOTES.txt":    q.Template,
	}
	maps.Copy(content, q.Files)
	var files []*bundle.BufferedFile
	for _, name := range slices.Sorted(maps.Keys(content)) {
		files = append(files, &bundle.BufferedFile{Name: name, Data: []byte(content[name])})
	}
	asked := render
	if q.Helm3 {
		asked = render3
	}
	notes, err := asked(files, values)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Notes: notes}
}
