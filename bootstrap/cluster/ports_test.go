package main

import (
	"net"
	"strconv"
	"testing"
)

const loopback = "127.0.0.1"

func TestFreePortsAreDistinctAndFree(t *testing.T) {
	ports, err := freePorts(loopback, 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d was given twice", port)
		}
		seen[port] = true
		if port < lowestPort || port >= highestPort {
			t.Errorf("port %d is out of the range", port)
		}
	}
	if len(seen) != 20 {
		t.Errorf("asked for 20 ports, got %d", len(seen))
	}
}

func TestTheNextStartKeepsThePort(t *testing.T) {
	dir := t.TempDir()
	first, err := serverPort(dir, loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := serverPort(dir, loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("the port moved from %d to %d", first, second)
	}
}

func TestATakenPortIsReplacedUnlessItWasAskedFor(t *testing.T) {
	dir := t.TempDir()
	port, err := serverPort(dir, loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := serverPort(dir, loopback, port); err == nil {
		t.Error("a port that was asked for and is taken must be an error")
	}
	other, err := serverPort(dir, loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	if other == port {
		t.Error("a taken port was given out")
	}
}
