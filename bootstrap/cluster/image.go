package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// imageCommand writes a container image without an engine and without a registry: an archive that
// containerd, podman and docker import. The same input gives the same bytes.
func imageCommand(args []string) error {
	var config imageConfig
	var layers, files, roots, environment, entrypoint, arguments list
	flags := newFlags("image")
	out := flags.String("out", "", "archive to write (required)")
	name := flags.String("name", "", "name and tag, with a registry's part: mooring.local/agent:1 (required)")
	architecture := flags.String("architecture", runtime.GOARCH, "processor that it is for")
	flags.StringVar(&config.User, "user", "", "who its processes run as, UID or UID:GID")
	flags.StringVar(&config.WorkingDir, "workdir", "/", "their folder")
	flags.Var(&entrypoint, "entrypoint", "a word of the command that is run (may be repeated)")
	flags.Var(&arguments, "cmd", "a word of its default arguments (may be repeated)")
	flags.Var(&environment, "env", "NAME=VALUE (may be repeated)")
	flags.Var(&layers, "layer", "tar file that becomes a layer as it is (may be repeated)")
	flags.Var(&roots, "root", "folder whose content becomes a layer, owned by root (may be repeated)")
	flags.Var(&files, "file", "SOURCE=PATH: a file of the last layer, executable where the source is (may be repeated)")
	if err := parseFlags(flags, args, out); err != nil {
		return err
	}
	if *name == "" || !strings.Contains(*name, "/") || !strings.Contains(path.Base(*name), ":") {
		return fmt.Errorf("--name %q: a name like mooring.local/agent:1 is needed: %w", *name, errUsage)
	}
	config.Entrypoint, config.Cmd = entrypoint, arguments
	config.Env = append(list{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, environment...)
	var contents [][]byte
	for _, layer := range layers {
		content, err := os.ReadFile(layer)
		if err != nil {
			return err
		}
		contents = append(contents, content)
	}
	for _, root := range roots {
		content, err := folderLayer(root)
		if err != nil {
			return err
		}
		contents = append(contents, content)
	}
	if len(files) > 0 {
		content, err := filesLayer(files)
		if err != nil {
			return err
		}
		contents = append(contents, content)
	}
	if len(contents) == 0 {
		return fmt.Errorf("an image needs a --layer, a --root or a --file: %w", errUsage)
	}
	archive, err := newImage(*name, *architecture, config, contents)
	if err != nil {
		return err
	}
	// Whole or not at all: others may wait for it.
	if err := os.WriteFile(*out+".new", archive, 0o644); err != nil {
		return err
	}
	return os.Rename(*out+".new", *out)
}

// imageConfig is what of an image's configuration we set (opencontainers/image-spec, config.md).
type imageConfig struct {
	User       string   `json:",omitempty"`
	Env        []string `json:",omitempty"`
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	WorkingDir string   `json:",omitempty"`
}

// descriptor points to a blob (opencontainers/image-spec, descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const ociTypes = "application/vnd.oci.image."

// newImage writes an OCI image layout, with the manifest.json that older dockers look for.
func newImage(name, architecture string, config imageConfig, layers [][]byte) ([]byte, error) {
	var buffer bytes.Buffer
	archive := &archiveWriter{tar: tar.NewWriter(&buffer)}
	var digests, blobs []string
	var descriptors []descriptor
	for _, layer := range layers {
		d := archive.blob(ociTypes+"layer.v1.tar", layer)
		descriptors = append(descriptors, d)
		digests = append(digests, d.Digest)
		blobs = append(blobs, blobPath(d))
	}
	configuration := archive.json(ociTypes+"config.v1+json", map[string]any{
		"architecture": architecture,
		"os":           "linux",
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": digests},
	})
	manifest := archive.json(ociTypes+"manifest.v1+json", map[string]any{
		"schemaVersion": 2,
		"mediaType":     ociTypes + "manifest.v1+json",
		"config":        configuration,
		"layers":        descriptors,
	})
	manifest.Annotations = map[string]string{
		"io.containerd.image.name":          name,
		"org.opencontainers.image.ref.name": name[strings.LastIndex(name, ":")+1:],
	}
	archive.file("index.json", map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	archive.file("manifest.json", []map[string]any{{"Config": blobPath(configuration), "RepoTags": []string{name}, "Layers": blobs}})
	archive.file("oci-layout", map[string]any{"imageLayoutVersion": "1.0.0"})
	if err := errors.Join(archive.failure, archive.tar.Close()); err != nil {
		return nil, fmt.Errorf("failed to write the image %s: %w", name, err)
	}
	return buffer.Bytes(), nil
}

func blobPath(d descriptor) string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

// archiveWriter remembers its first failure, so that its users need not.
type archiveWriter struct {
	tar     *tar.Writer
	failure error
}

func (a *archiveWriter) blob(mediaType string, content []byte) descriptor {
	digest := sha256.Sum256(content)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(digest[:]), Size: len(content)}
	a.write(blobPath(d), content)
	return d
}

func (a *archiveWriter) json(mediaType string, value any) descriptor {
	content, err := json.Marshal(value)
	a.failure = errors.Join(a.failure, err)
	return a.blob(mediaType, content)
}

func (a *archiveWriter) file(name string, value any) {
	content, err := json.Marshal(value)
	a.failure = errors.Join(a.failure, err)
	a.write(name, content)
}

func (a *archiveWriter) write(name string, content []byte) {
	if a.failure != nil {
		return
	}
	header := entry(name, 0o644)
	header.Size = int64(len(content))
	a.failure = a.tar.WriteHeader(header)
	if a.failure == nil {
		_, a.failure = a.tar.Write(content)
	}
}

// entry is a regular file of root's, from no time at all.
func entry(name string, mode fs.FileMode) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode.Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
}

// filesLayer puts single files at their places, with the folders above them.
func filesLayer(files []string) ([]byte, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	made := map[string]bool{}
	for _, file := range files {
		source, target, ok := strings.Cut(file, "=")
		target = strings.TrimPrefix(path.Clean("/"+target), "/")
		if !ok || target == "" {
			return nil, fmt.Errorf("--file %q: SOURCE=PATH is needed: %w", file, errUsage)
		}
		for i, letter := range target {
			if folder := target[:i]; letter == '/' && !made[folder] {
				made[folder] = true
				header := entry(folder+"/", 0o755)
				header.Typeflag = tar.TypeDir
				if err := archive.WriteHeader(header); err != nil {
					return nil, err
				}
			}
		}
		if err := addFile(archive, source, target); err != nil {
			return nil, err
		}
	}
	return closed(archive, &buffer)
}

// folderLayer takes a whole folder, in the order of names.
func folderLayer(root string) ([]byte, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	err := filepath.WalkDir(root, func(at string, found fs.DirEntry, err error) error {
		if err != nil || at == root {
			return err
		}
		name, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		switch found.Type() {
		case fs.ModeDir:
			info, err := found.Info()
			if err != nil {
				return err
			}
			header := entry(name+"/", info.Mode())
			header.Typeflag = tar.TypeDir
			if info.Mode()&fs.ModeSticky != 0 {
				header.Mode |= 0o1000 // as of /tmp
			}
			return archive.WriteHeader(header)
		case fs.ModeSymlink:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			header := entry(name, 0o777)
			header.Typeflag, header.Linkname = tar.TypeSymlink, target
			return archive.WriteHeader(header)
		case 0:
			return addFile(archive, at, name)
		default:
			return fmt.Errorf("%s is neither a file nor a folder nor a link", at)
		}
	})
	if err != nil {
		return nil, err
	}
	return closed(archive, &buffer)
}

func addFile(archive *tar.Writer, source, target string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// Whatever our umask is: readable for all, and executable for all or nobody.
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	header := entry(target, mode)
	header.Size = info.Size()
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

func closed(archive *tar.Writer, buffer *bytes.Buffer) ([]byte, error) {
	return buffer.Bytes(), errors.Join(archive.Close())
}
