package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// rounds is how often each thing is done; the fastest counts, since other work on the machine only makes it slower.
const rounds = 5

// times measures Helm on charts that it can render: as a process beside another program that takes the same arguments,
// and as a library, from a folder to sorted manifests.
func times(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("say `time MOORING FOLDER...`")
	}
	oracle, err := os.Executable()
	if err != nil {
		return err
	}
	helm := []string{oracle, "helm", "template", "demo"}
	mooring := []string{arguments[0], "template", "demo"}
	var helmRuns, mooringRuns, library []measured
	for _, folder := range arguments[1:] {
		inProcess, err := libraryTimes(folder)
		if err != nil {
			fmt.Fprintf(os.Stderr, "left out: %s: %v\n", folder, err)
			continue
		}
		library = append(library, inProcess)
		helmRuns = append(helmRuns, processTimes(append(slices.Clone(helm), folder)))
		mooringRuns = append(mooringRuns, processTimes(append(slices.Clone(mooring), folder)))
	}
	fmt.Printf("%d charts, the fastest of %d rounds\n", len(library), rounds)
	report("helm, a process", helmRuns)
	report("mooring, a process", mooringRuns)
	report("helm, the library", library)
	return nil
}

// measured is what one chart took.
type measured struct {
	took time.Duration
	// peak is the largest resident memory in KiB, of processes.
	peak int64
}

func libraryTimes(folder string) (measured, error) {
	best := measured{took: time.Hour}
	for range rounds {
		start := time.Now()
		chart, err := loader.Load(folder)
		if err != nil {
			return measured{}, err
		}
		install := action.NewInstall(action.NewConfiguration())
		install.DryRunStrategy = action.DryRunClient
		install.ReleaseName = "demo"
		install.Namespace = "default"
		install.Replace = true
		if _, err := install.Run(chart, map[string]any{}); err != nil {
			return measured{}, err
		}
		best.took = min(best.took, time.Since(start))
	}
	return best, nil
}

func processTimes(words []string) measured {
	best := measured{took: time.Hour}
	for range rounds {
		command := exec.Command(words[0], words[1:]...)
		command.Env = []string{"HOME=/nonexistent", "KUBECONFIG=/dev/null", "TZ=UTC"}
		start := time.Now()
		// Both may fail on a chart: then that is what is measured.
		_ = command.Run()
		best.took = min(best.took, time.Since(start))
	}
	best.peak = peak(words)
	return best
}

// peak is the largest resident memory of a process in KiB, 0 where GNU time is not there to ask: a process that is started
// from this one has at least the memory of this one on its account.
func peak(words []string) int64 {
	command := exec.Command("/usr/bin/time", append([]string{"--quiet", "--format=%M"}, words...)...)
	command.Env = []string{"HOME=/nonexistent", "KUBECONFIG=/dev/null", "TZ=UTC"}
	var said bytes.Buffer
	command.Stderr = &said
	_ = command.Run()
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	kib, _ := strconv.ParseInt(lines[len(lines)-1], 10, 64)
	return kib
}

func report(name string, runs []measured) {
	if len(runs) == 0 {
		return
	}
	var sum time.Duration
	var peak int64
	took := make([]time.Duration, len(runs))
	peaks := make([]int64, len(runs))
	for index, one := range runs {
		took[index], peaks[index] = one.took, one.peak
		sum += one.took
		peak = max(peak, one.peak)
	}
	slices.Sort(took)
	slices.Sort(peaks)
	at := func(share int) int { return (len(runs) - 1) * share / 100 }
	fmt.Printf("%-20s p50 %-10s p90 %-10s sum %-10s memory p50 %.1f MiB, peak %.1f MiB\n", name,
		took[at(50)].Round(10*time.Microsecond), took[at(90)].Round(10*time.Microsecond), sum.Round(time.Millisecond),
		float64(peaks[at(50)])/1024, float64(peak)/1024)
}
