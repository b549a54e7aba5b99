package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// controlServer is how other subcommands reach a running "up": HTTP on a Unix socket in its state
// directory, which only its owner may enter.
type controlServer struct{ http *http.Server }

// serveControl changes into the state directory: the path of a Unix socket may be 107 bytes at most,
// that of a state directory is longer soon.
func serveControl(c *cluster) (*controlServer, error) {
	if err := os.Chdir(c.plan.dir); err != nil {
		return nil, err
	}
	if err := os.Remove(controlFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", controlFile)
	if err != nil {
		return nil, fmt.Errorf("failed to listen on %s: %w", filepath.Join(c.plan.dir, controlFile), err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A failure to write is the asker's: it went away.
		_ = json.NewEncoder(w).Encode(c.status())
	})
	routes.HandleFunc("POST /{action}/{component}", c.handleAction)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.cancel(fmt.Errorf("the control socket failed: %w", err))
		}
	}()
	return &controlServer{server}, nil
}

func (s *controlServer) close() error { return s.http.Close() }

func (c *cluster) handleAction(w http.ResponseWriter, r *http.Request) {
	name, action := r.PathValue("component"), r.PathValue("action")
	if !c.has(name) {
		http.Error(w, fmt.Sprintf("no component %q runs in this cluster", name), http.StatusNotFound)
		return
	}
	do := map[string]func() error{
		"stop":  func() error { return c.stop(name, false) },
		"kill":  func() error { return c.stop(name, true) },
		"start": func() error { return c.startAgain(name) },
	}[action]
	if do == nil {
		http.Error(w, fmt.Sprintf("no action %q", action), http.StatusNotFound)
		return
	}
	answer := make(chan error, 1)
	select {
	case c.requests <- request{do, answer}:
	case <-c.ctx.Done():
		http.Error(w, "the cluster is ending", http.StatusServiceUnavailable)
		return
	}
	if err := <-answer; err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// startAgain starts a stopped component and waits until the API server, if it is there, answers.
func (c *cluster) startAgain(name string) error {
	if c.process(name) != nil {
		return nil
	}
	began := time.Now()
	if err := c.start(name); err != nil {
		return err
	}
	if c.process(apiServer) == nil || c.process(etcd) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, startLimit, fmt.Errorf("not ready within %s", startLimit))
	defer cancel()
	if err := c.api.wait(ctx, "/readyz"); err != nil {
		return err
	}
	if node, ok := c.plan.node(name); ok {
		return waitForRealNode(ctx, node, c.api, began)
	}
	return nil
}

// componentStatus is one line of "status".
type componentStatus struct {
	Name string `json:"name"`
	PID  int    `json:"pid,omitempty"` // absent: stopped
	RSS  int64  `json:"residentBytes,omitempty"`
}

// clusterStatus is what "status --json" prints.
type clusterStatus struct {
	state
	PID        int               `json:"pid"`
	Started    time.Time         `json:"started"`
	Components []componentStatus `json:"components"`
}

func (c *cluster) status() clusterStatus {
	s := clusterStatus{
		state:   c.plan.state(),
		PID:     os.Getpid(),
		Started: c.started,
	}
	for _, name := range c.plan.components() {
		if !c.has(name) {
			continue
		}
		component := componentStatus{Name: name}
		if p := c.process(name); p != nil {
			component.PID, component.RSS = p.pid(), c.residentBytes(name, p.pid())
		}
		s.Components = append(s.Components, component)
	}
	return s
}

// residentBytes of a component; of a node, with all that runs on it.
func (c *cluster) residentBytes(name string, pid int) int64 {
	node, ok := c.plan.node(name)
	if !ok {
		return residentBytes(pid)
	}
	found, err := findHierarchies()
	if err != nil {
		return 0
	}
	var sum int64
	for _, pid := range found.processes(node.cgroup) {
		sum += residentBytes(pid)
	}
	return sum
}

// residentBytes reads /proc/PID/statm (see proc(5)); 0 when the process is gone.
func residentBytes(pid int) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// ask sends one request to the "up" of a state directory.
func ask(dir, method, path string) ([]byte, error) {
	holder, err := lockHolder(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	if holder == 0 {
		return nil, fmt.Errorf("%s: %w", dir, errNotRunning)
	}
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", controlFile)
	}
	asker := &http.Client{Timeout: startLimit + time.Minute, Transport: &http.Transport{DialContext: dial}}
	request, err := http.NewRequest(method, (&url.URL{Scheme: "http", Host: "up", Path: path}).String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := asker.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the cluster's process %d does not answer, it may be starting or ending: %w", holder, err)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(strings.TrimSpace(string(answer)))
	}
	return answer, nil
}
