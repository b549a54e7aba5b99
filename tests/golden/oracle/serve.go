package main

import (
	"bufio"
	"encoding/json"
	"os"

	bundle "helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/strvals"
)

// question is one case of the fuzzer: a chart of one template, as in a .cases file, and `--set` flags.
type question struct {
	Template string   `json:"template"`
	Helpers  string   `json:"helpers"`
	Values   string   `json:"values"`
	Set      []string `json:"set"`
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
	for _, flag := range q.Set {
		if err := strvals.ParseInto(flag, values); err != nil {
			return answer{Error: "failed parsing --set data: " + err.Error()}
		}
	}
	files := []*bundle.BufferedFile{
		{Name: "Chart.yaml", Data: []byte(chartFile)},
		{Name: "values.yaml", Data: []byte(q.Values)},
		{Name: "templates/_helpers.tpl", Data: []byte(q.Helpers)},
		{Name: "templates/NOTES.txt", Data: []byte(q.Template)},
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
