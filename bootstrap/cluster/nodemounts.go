package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"text/template"
)

// Where things are inside of a node. Its mounts put its disk under the paths that containerd and the kubelet
// use everywhere, so that neither needs to be told, and charts that mount these find them.
const (
	ownDisk           = "/run/mooring/disk"
	settings          = "/run/mooring"
	credentials       = ownDisk + "/credentials"
	containerdConfig  = settings + "/containerd.toml"
	containerdSocket  = "/run/containerd/containerd.sock"
	kubeletSettings   = settings + "/kubelet.yaml"
	kubeProxySettings = settings + "/kube-proxy.yaml"
	nodeVolumes       = "/var/lib/mooring/volumes"
)

// The folders of a node's disk, by the paths where the node sees them.
var diskFolders = []struct{ name, at string }{
	{"kubelet", "/var/lib/kubelet"},
	{"containerd", "/var/lib/containerd"},
	{"volumes", nodeVolumes},
	{"pod-logs", "/var/log/pods"},
}

// mount lays the node's own files over the machine's. All of it is private to the node's mount namespace.
func (o *nodeOptions) mount() error {
	if err := mountAt("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, folder := range diskFolders {
		if err := os.MkdirAll(filepath.Join(o.disk, folder.name), 0o755); err != nil {
			return err
		}
	}
	// Kept open: the mounts to come may cover its path.
	disk, err := os.Open(o.disk)
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := errors.Join(
		mountAt("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NOEXEC|syscall.MS_NODEV, ""),
		mountAt("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"),
		makeFolders(ownDisk, "/run/layer/upper", "/run/layer/work"),
		mountAt(fmt.Sprintf("/proc/self/fd/%d", disk.Fd()), ownDisk, "", syscall.MS_BIND, ""),
		// What the machine has there stays in sight, for programs may lie there; what the node writes is its own.
		mountAt("overlay", "/var/lib", "overlay", 0, "lowerdir=/var/lib,upperdir=/run/layer/upper,workdir=/run/layer/work"),
		mountAt("tmpfs", "/var/log", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"),
	); err != nil {
		return err
	}
	for _, folder := range diskFolders {
		if err := errors.Join(makeFolders(folder.at),
			mountAt(filepath.Join(ownDisk, folder.name), folder.at, "", syscall.MS_BIND, "")); err != nil {
			return err
		}
	}
	// Volumes with mount propagation want to be told of mounts below.
	return mountAt("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "")
}

func mountAt(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("failed to mount %s at %s: %w", kind, target, err)
	}
	return nil
}

func makeFolders(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	}
	return nil
}

//go:embed node-settings/containerd.toml
var containerdTemplate string

//go:embed node-settings/kubelet.yaml
var kubeletTemplate string

//go:embed node-settings/kube-proxy.yaml
var kubeProxyTemplate string

//go:embed node-settings/pods.conflist
var podNetworkTemplate string

// configure writes what the services read.
func (o *nodeOptions) configure() error {
	values := map[string]string{
		"Name":        o.name,
		"Address":     o.address,
		"Pods":        o.pods,
		"PodRange":    o.podRange,
		"Cgroup":      "/" + o.cgroup,
		"Credentials": credentials,
		"Plugins":     pluginFolder(o.runtime),
		"Networks":    settings + "/cni",
		"DNS":         "",
		"ResolvConf":  settings + "/resolv.conf",
		"Socket":      containerdSocket,
	}
	dns, err := serviceAddress(o.services, dnsAddress)
	if err != nil {
		return err
	}
	values["DNS"] = dns
	if err := makeFolders(values["Networks"]); err != nil {
		return err
	}
	for path, text := range map[string]string{
		containerdConfig:                         containerdTemplate,
		kubeletSettings:                          kubeletTemplate,
		kubeProxySettings:                        kubeProxyTemplate,
		values["Networks"] + "/10-pods.conflist": podNetworkTemplate,
		// The machine's own servers are out of reach; pods of the host's network ask the cluster's.
		values["ResolvConf"]: "",
	} {
		parsed, err := template.New(filepath.Base(path)).Option("missingkey=error").Parse(text)
		if err != nil {
			return err
		}
		var content bytes.Buffer
		if err := parsed.Execute(&content, values); err != nil {
			return err
		}
		if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// pluginFolder is where the CNI plugins lie: Debian's folder, Fedora's, or their authors'.
func pluginFolder(runtime string) string {
	folders := []string{"usr/lib/cni", "usr/libexec/cni", "opt/cni/bin"}
	for _, folder := range folders {
		if path := filepath.Join("/", runtime, folder); exists(filepath.Join(path, "ptp")) {
			return path
		}
	}
	return filepath.Join("/", runtime, folders[0])
}
