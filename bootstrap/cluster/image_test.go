package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// content reads an archive.
func content(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func build(t *testing.T, out string, args ...string) []byte {
	t.Helper()
	if err := imageCommand(append([]string{"--out", out, "--name", "mooring.local/test:1"}, args...)); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestTheSameInputGivesTheSameImage(t *testing.T) {
	root, out := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
	program := filepath.Join(root, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("program", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	first := build(t, out, "--root", root, "--file", program+"=/usr/bin/program")
	later := time.Now().Add(time.Hour)
	if err := errors.Join(os.Chtimes(program, later, later), os.Chmod(program, 0o711)); err != nil {
		t.Fatal(err)
	}
	if second := build(t, out, "--root", root, "--file", program+"=/usr/bin/program"); !bytes.Equal(first, second) {
		t.Error("the time of a file, or who may read it here, changed the image")
	}
}

func TestEveryBlobBearsItsDigest(t *testing.T) {
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := content(t, build(t, filepath.Join(t.TempDir(), "image.tar"), "--file", source+"=/a/b/program", "--entrypoint", "/a/b/program"))
	blobs := 0
	for name, blob := range files {
		if digest, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			blobs++
			if sum := sha256.Sum256(blob); hex.EncodeToString(sum[:]) != digest {
				t.Errorf("%s holds something else", name)
			}
		}
	}
	if blobs != 3 {
		t.Errorf("expected a layer, a configuration and a manifest, found %d blobs", blobs)
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("index.json: %v, %s", err, files["index.json"])
	}
	if index.Manifests[0].Annotations["io.containerd.image.name"] != "mooring.local/test:1" {
		t.Errorf("got %v", index.Manifests[0].Annotations)
	}
	if _, ok := files[blobPath(index.Manifests[0])]; !ok {
		t.Error("the manifest is not in the archive")
	}
}

func TestAnImageNeedsANameWithATag(t *testing.T) {
	for _, name := range []string{"", "agent", "agent:1", "mooring.local/agent"} {
		if err := imageCommand([]string{"--out", filepath.Join(t.TempDir(), "image.tar"), "--name", name, "--file", "/etc/hostname=/x"}); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
