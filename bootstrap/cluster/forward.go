package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// forwardCommand is how the machine reaches the API server of real nodes: it accepts on a socket that was
// opened in the machine's network, and runs in the nodes' own, where it dials.
func forwardCommand(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("forward TARGET: %w", errUsage)
	}
	listener, err := net.FileListener(os.NewFile(3, "listener")) // the first of exec.Cmd's ExtraFiles
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(connection.(*net.TCPConn), args[0])
	}
}

// relay copies both ways until both ends are done. Failures are either end's to notice.
func relay(outside *net.TCPConn, target string) {
	defer outside.Close()
	dialed, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	inside := dialed.(*net.TCPConn)
	defer inside.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(inside, outside)
		_ = inside.CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(outside, inside)
	_ = outside.CloseWrite()
	<-done
}

// listenOutside opens the socket of a forwarder, on the API server's address as the machine knows it.
func listenOutside(address string) (*os.File, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	file, err := listener.(*net.TCPListener).File()
	return file, errors.Join(err, listener.Close())
}
