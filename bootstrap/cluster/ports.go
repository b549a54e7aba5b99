package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Ports are drawn below the kernel's ephemeral range (32768 and up), so that no outgoing connection
// takes one between our look and the component's own bind.
const lowestPort, highestPort = 16000, 32000

// freePorts returns distinct ports on which nobody listens at that address.
func freePorts(address string, count int) ([]int, error) {
	var ports []int
	var held []net.Listener // all at once: or one might be drawn twice
	var failures []error
	for tries := 0; len(ports) < count && tries < 200; tries++ {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		held = append(held, listener)
		ports = append(ports, port)
	}
	for _, listener := range held {
		if err := listener.Close(); err != nil {
			return nil, err
		}
	}
	if len(ports) < count {
		return nil, fmt.Errorf("no free port at %s after %d tries, last: %w", address, len(failures), failures[len(failures)-1])
	}
	return ports, nil
}

// serverPort chooses the API server's port: the wanted one; else that of the last run, so that
// kubeconfigs in people's hands stay good; else a free one. The choice is kept in the state directory.
func serverPort(dir, address string, wanted int) (int, error) {
	file := filepath.Join(dir, "port")
	port := wanted
	if port == 0 {
		last, err := os.ReadFile(file)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return 0, err
		default:
			if n, err := strconv.Atoi(strings.TrimSpace(string(last))); err == nil && isFree(address, n) {
				port = n
			}
		}
	} else if !isFree(address, port) {
		return 0, fmt.Errorf("port %d at %s is taken: choose another --port, or none for a free one", port, address)
	}
	if port == 0 {
		ports, err := freePorts(address, 1)
		if err != nil {
			return 0, err
		}
		port = ports[0]
	}
	return port, os.WriteFile(file, fmt.Appendln(nil, port), 0o600)
}

func isFree(address string, port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
