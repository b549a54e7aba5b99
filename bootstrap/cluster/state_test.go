package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestForgettingLeavesOtherPeoplesFilesAlone(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "notes.txt")
	for _, file := range []string{theirs, filepath.Join(dir, "port"), filepath.Join(dir, "apiserver.log")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := forget(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 {
		t.Errorf("expected the notes and the log to stay, found %v", left)
	}
}

func TestTheServiceOfTheAPIServerHasTheFirstAddress(t *testing.T) {
	for addressRange, want := range map[string]string{"10.96.0.0/16": "10.96.0.1", "fd00:1::/112": "fd00:1::1"} {
		got, err := firstAddress(addressRange)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", addressRange, got, err)
		}
	}
	if _, err := firstAddress("10.96.0.0"); err == nil {
		t.Error("an address without a length is no range")
	}
}
