// sops-oracle records what the real sops makes of files, and checks what was recorded.
//
//	go run . record   encrypts every case again, and makes the hostile files of them
//	go run . check    fails where sops does not decrypt a recorded file to the recorded text, or takes a hostile one
//
// Both build sops and age-keygen first (four minutes once). ../README.md describes the files. The keys are made for
// these tests and open nothing else.
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
)

const root = "../sops"

func main() {
	var failed error
	switch strings.Join(os.Args[1:], " ") {
	case "record":
		failed = record()
	case "check":
		failed = check()
	default:
		failed = errors.New("say `record` or `check`")
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, failed)
		os.Exit(1)
	}
}

// A sops with the keys of one file, and none of the user's own.
type sops struct{ program, keys, home string }

func newSops(home, keys string) (sops, error) {
	program, err := tool("sops")
	return sops{program, keys, home}, err
}

func tool(name string) (string, error) {
	path, err := exec.Command("go", "tool", "-n", name).Output()
	if err != nil {
		return "", fmt.Errorf("cannot build %s: %w", name, err)
	}
	return strings.TrimSpace(string(path)), nil
}

func (s sops) run(arguments ...string) ([]byte, error) {
	command := exec.Command(s.program, arguments...)
	command.Env = []string{"HOME=" + s.home, "SOPS_AGE_KEY_FILE=" + s.keys, "PATH=/usr/bin:/bin"}
	var problem bytes.Buffer
	command.Stderr = &problem
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("sops %s: %w: %s", strings.Join(arguments, " "), err, problem.Bytes())
	}
	return output, nil
}

// setting is a folder without a user's keys, and a sops with the key of alice.
func setting() (sops, func(), error) {
	home, err := os.MkdirTemp("", "sops-oracle")
	if err != nil {
		return sops{}, nil, err
	}
	keys, err := filepath.Abs(filepath.Join(root, "keys", "alice.agekey"))
	if err != nil {
		return sops{}, nil, err
	}
	alice, err := newSops(home, keys)
	return alice, func() { os.RemoveAll(home) }, err
}

// public is the public half of a key of the tests; keys that are not there yet are made.
func public(name string) (string, error) {
	path := filepath.Join(root, "keys", name+".agekey")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		keygen, err := tool("age-keygen")
		if err != nil {
			return "", err
		}
		key, err := exec.Command(keygen).Output()
		if err != nil {
			return "", err
		}
		text := "# Made for Mooring's tests: it opens nothing but their files.\n" + string(key)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if key, found := strings.CutPrefix(line, "# public key: "); found {
			return strings.TrimSpace(key), nil
		}
	}
	return "", fmt.Errorf("%s names no public key", path)
}

// cases are the folders of cases/, each with plain.EXTENSION, and arguments or rules.yaml where it needs some.
func cases() ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(root, "cases", "*"))
	if err == nil && len(folders) == 0 {
		err = errors.New("there are no cases")
	}
	return folders, err
}

// one is the single file NAME.* of a folder.
func one(folder, name string) (string, error) {
	found, err := filepath.Glob(filepath.Join(folder, name+".*"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s: %d files are called %s.*", folder, len(found), name)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

func record() error {
	alice, end, err := setting()
	if err != nil {
		return err
	}
	defer end()
	recipients := map[string]string{}
	for _, name := range []string{"alice", "bob", "mallory"} {
		if recipients[name], err = public(name); err != nil {
			return err
		}
	}
	folders, err := cases()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := encrypt(alice, folder, recipients); err != nil {
			return err
		}
	}
	return recordHostile()
}

// encrypt writes encrypted.* and decrypted.* beside a case's plain.*.
func encrypt(alice sops, folder string, recipients map[string]string) error {
	plain, err := one(folder, "plain")
	if err != nil {
		return err
	}
	arguments := []string{"encrypt", "--age=" + recipients["alice"]}
	if more, err := os.ReadFile(filepath.Join(folder, "arguments")); err == nil {
		arguments = append(arguments[:1], strings.Split(strings.TrimSpace(string(more)), "\n")...)
	}
	rules := filepath.Join(alice.home, "rules.yaml")
	if text, err := os.ReadFile(filepath.Join(folder, "rules.yaml")); err == nil {
		if err := os.WriteFile(rules, []byte(named(string(text), recipients)), 0o600); err != nil {
			return err
		}
		arguments = []string{"--config=" + rules, "encrypt", "--filename-override=" + filepath.Join(alice.home, filepath.Base(plain))}
	}
	for i := range arguments {
		arguments[i] = named(arguments[i], recipients)
	}
	encrypted, err := alice.run(append(arguments, plain)...)
	if err != nil {
		return err
	}
	extension := filepath.Ext(plain)
	into := filepath.Join(folder, "encrypted"+extension)
	if err := os.WriteFile(into, encrypted, 0o644); err != nil {
		return err
	}
	if isRefused(folder) {
		return nil
	}
	decrypted, err := alice.run("decrypt", into)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "decrypted"+extension), decrypted, 0o644)
}

// isRefused tells the cases that Mooring does not read, whatever sops does.
func isRefused(folder string) bool {
	return strings.HasPrefix(filepath.Base(folder), "refused-")
}

// named puts public keys in the place of {NAME}.
func named(text string, recipients map[string]string) string {
	for name, key := range recipients {
		text = strings.ReplaceAll(text, "{"+name+"}", key)
	}
	return text
}

func check() error {
	alice, end, err := setting()
	if err != nil {
		return err
	}
	defer end()
	folders, err := cases()
	if err != nil {
		return err
	}
	var wrong []error
	for _, folder := range folders {
		if isRefused(folder) {
			continue
		}
		encrypted, err := one(folder, "encrypted")
		if err != nil {
			return err
		}
		recorded, err := os.ReadFile(strings.Replace(encrypted, "encrypted.", "decrypted.", 1))
		if err != nil {
			return err
		}
		decrypted, err := alice.run("decrypt", encrypted)
		if err == nil && !bytes.Equal(decrypted, recorded) {
			err = fmt.Errorf("%s: sops decrypts it to another text now", encrypted)
		}
		wrong = append(wrong, err)
	}
	hostile, err := filepath.Glob(filepath.Join(root, "hostile", "*.yaml"))
	if err != nil {
		return err
	}
	if len(hostile) != len(attacks) {
		wrong = append(wrong, fmt.Errorf("%d hostile files for %d attacks", len(hostile), len(attacks)))
	}
	for _, file := range hostile {
		if _, err := alice.run("decrypt", file); err == nil {
			wrong = append(wrong, fmt.Errorf("%s: sops decrypts it", file))
		}
	}
	wrong = slices.DeleteFunc(wrong, func(err error) bool { return err == nil })
	if len(wrong) == 0 {
		fmt.Printf("sops agrees on %d cases, and refuses %d hostile files\n", len(folders), len(hostile))
	}
	return errors.Join(wrong...)
}
