// yaml-oracle reads requests as JSON lines and answers each with what Helm's YAML libraries do with it.
//
// A request is {"read": TEXT} (base64 is not needed: the text is UTF-8) or {"write": JSON}. The answer repeats the
// request and adds
//
//	to "read":  "json", what sigs.k8s.io/yaml turns the first document into, or "error", its words;
//	to "write": "yaml" (sigs.k8s.io/yaml.Marshal) or "error", and "pretty" (yaml.v3 with an indent of 2),
//	            both of the value as encoding/json decodes it into interface{}.
//
// With the argument "check" it reads answers instead, and fails where it would give another one now.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

type record struct {
	Read   *string         `json:"read,omitempty"`
	Write  json.RawMessage `json:"write,omitempty"`
	JSON   json.RawMessage `json:"json,omitempty"`
	YAML   *string         `json:"yaml,omitempty"`
	Pretty *string         `json:"pretty,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	checking, differ := len(os.Args) > 1 && os.Args[1] == "check", false
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var r record
			if err := json.Unmarshal(line, &r); err != nil {
				fmt.Fprintf(os.Stderr, "not a request: %v: %s\n", err, line)
				os.Exit(1)
			}
			if checking {
				differ = !same(line, r) || differ
				continue
			}
			answer(&r)
			if err := encoder.Encode(r); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			if in.Buffered() == 0 {
				out.Flush()
			}
		}
		if err != nil {
			break
		}
	}
	if differ {
		os.Exit(1)
	}
}

// same prints a recorded answer that the libraries no longer give.
func same(line []byte, recorded record) bool {
	fresh := record{Read: recorded.Read, Write: recorded.Write}
	answer(&fresh)
	now, err := json.Marshal(fresh)
	if err != nil {
		now = []byte(err.Error())
	}
	var was, is map[string]interface{}
	if json.Unmarshal(line, &was) == nil && json.Unmarshal(now, &is) == nil {
		// A null is not recorded.
		if is["json"] == nil {
			delete(is, "json")
		}
		if reflect.DeepEqual(was, is) {
			return true
		}
	}
	fmt.Printf("recorded %s\nnow      %s\n", bytes.TrimSpace(line), now)
	return false
}

// answer fills in what the libraries say. A panic of theirs is an answer too.
func answer(r *record) {
	defer func() {
		if p := recover(); p != nil {
			r.Error = fmt.Sprintf("panic: %v", p)
		}
	}()
	if r.Read != nil {
		text, err := yaml.YAMLToJSON([]byte(*r.Read))
		if err != nil {
			r.Error = err.Error()
			return
		}
		r.JSON = text
		return
	}
	var value interface{}
	if err := json.Unmarshal(r.Write, &value); err != nil {
		r.Error = err.Error()
		return
	}
	if text, err := pretty(value); err == nil {
		r.Pretty = &text
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		r.Error = err.Error()
		return
	}
	s := string(text)
	r.YAML = &s
}

func pretty(value interface{}) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	var data bytes.Buffer
	encoder := yamlv3.NewEncoder(&data)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return data.String(), nil
}
