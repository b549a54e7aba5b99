// The recorder of the golden cases: it renders each case with the real Helm and writes down what came out.
//
//	go run . record [NAME...]   write the outcome into each case file whose path contains a NAME (or into all)
//	go run . check  [NAME...]   record to memory only, and fail where a file would change
//	go run . time MOORING FOLDER...  what charts take: Helm, as a process and as a library, and Mooring
//	go run . environments MOORING    compare what it renders of the environments with what Helm does
//	go run . serve              answer the questions of the fuzzer, ../fuzz
//
// ../README.md describes the files.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	helmcmd "helm.sh/helm/v4/pkg/cmd"
)

// casesFolder is where the cases are, seen from this module's folder.
const casesFolder = "../cases"

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("say `record` or `check`"))
	}
	switch mode, names := os.Args[1], os.Args[2:]; mode {
	case "helm":
		helm(names)
	case "time":
		if err := times(names); err != nil {
			fail(err)
		}
	case "environments":
		if err := environments(names); err != nil {
			fail(err)
		}
	case "serve":
		if err := serve(); err != nil {
			fail(err)
		}
	case "record", "check":
		if err := run(mode == "record", names); err != nil {
			fail(err)
		}
	default:
		fail(fmt.Errorf("unknown mode %q: say `record` or `check`", mode))
	}
}

// helm is the `helm` command itself: each chart case runs it in a process of its own.
func helm(arguments []string) {
	command, err := helmcmd.NewRootCmd(os.Stdout, arguments, helmcmd.SetupLogging)
	if err != nil {
		fail(err)
	}
	command.SetArgs(arguments)
	if command.Execute() != nil {
		os.Exit(1)
	}
}

func run(write bool, names []string) error {
	files, err := caseFiles(names)
	if err != nil {
		return err
	}
	total, changed := 0, 0
	for _, file := range files {
		before, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		after, count, err := recorded(file, before)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		total += count
		if bytes.Equal(before, after) {
			continue
		}
		changed++
		fmt.Printf("changed  %s\n", file)
		if write {
			if err := os.WriteFile(file, after, 0o644); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d cases in %d files, %d files changed\n", total, len(files), changed)
	if changed > 0 && !write {
		return errors.New("the recorded cases are not what Helm says today: run `go run . record` and read the difference")
	}
	return nil
}

// recorded returns the file's text with fresh outcomes, and how many cases it holds.
func recorded(file string, text []byte) ([]byte, int, error) {
	if strings.HasSuffix(file, ".txtar") {
		archive, err := parseArchive(string(text))
		if err != nil {
			return nil, 0, err
		}
		if err := recordArchive(archive); err != nil {
			return nil, 0, err
		}
		return []byte(archive.String()), 1, nil
	}
	table, err := parseTable(string(text))
	if err != nil {
		return nil, 0, err
	}
	for _, one := range table.cases {
		if err := recordTemplate(one); err != nil {
			return nil, 0, fmt.Errorf("case %q: %w", one.name, err)
		}
	}
	return []byte(table.String()), len(table.cases), nil
}

func caseFiles(names []string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(casesFolder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if extension := filepath.Ext(path); extension != ".txtar" && extension != ".cases" {
			return fmt.Errorf("%s: neither a .txtar nor a .cases file", path)
		}
		if len(names) == 0 {
			files = append(files, path)
		}
		for _, name := range names {
			if strings.Contains(path, name) {
				files = append(files, path)
				break
			}
		}
		return nil
	})
	return files, err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
