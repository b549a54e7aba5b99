package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	bundle "helm.sh/helm/v4/pkg/chart/loader/archive"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// What the releases of Helm 3.22.0 are linked with; its libraries alone would say v1.20 and v3.22.
const (
	helm3Version   = "v3.22.0"
	helm3KubeMajor = "1"
	helm3KubeMinor = "37"
)

func init() {
	chartutil.DefaultCapabilities.KubeVersion = chartutil.KubeVersion{
		Version: "v" + helm3KubeMajor + "." + helm3KubeMinor + ".0", Major: helm3KubeMajor, Minor: helm3KubeMinor,
	}
	chartutil.DefaultCapabilities.HelmVersion.Version = helm3Version
}

// render3 does what `helm template demo case` of Helm 3 does, and returns the notes.
func render3(files []*bundle.BufferedFile, values map[string]any) (string, error) {
	var copies []*loader.BufferedFile
	for _, file := range files {
		copies = append(copies, &loader.BufferedFile{Name: file.Name, Data: file.Data})
	}
	chart, err := loader.LoadFiles(copies)
	if err != nil {
		return "", err
	}
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.DryRun = true
	install.DryRunOption = "client"
	install.ClientOnly = true
	install.ReleaseName = "demo"
	install.Namespace = "default"
	install.Replace = true
	released, err := install.Run(chart, values)
	if err != nil {
		return "", err
	}
	return released.Info.Notes, nil
}

// helm3Program builds the `helm` of Helm 3, whose command is no library, and returns its path.
var helm3Program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "oracle-helm3-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "helm")
	const chartutil, version = "helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/internal/version"
	flags := fmt.Sprintf("-X %s.k8sVersionMajor=%s -X %s.k8sVersionMinor=%s -X %s.version=%s",
		chartutil, helm3KubeMajor, chartutil, helm3KubeMinor, version, helm3Version)
	build := exec.Command("go", "build", "-o", program, "-ldflags", flags, "helm.sh/helm/v3/cmd/helm")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return program, build.Run()
})
