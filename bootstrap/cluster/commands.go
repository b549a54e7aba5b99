package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// downLimit is more than every component's own limits together.
const downLimit = 90 * time.Second

// downCommand ends the "up" that holds the lock of the state directory, and waits until it is gone.
func downCommand(args []string) error {
	flags := newFlags("down")
	dir := flags.String("dir", "", "state directory of up")
	if err := parseFlags(flags, args, dir); err != nil {
		return err
	}
	lock := filepath.Join(*dir, lockFile)
	holder, err := lockHolder(lock)
	if err != nil {
		return err
	}
	if holder == 0 {
		fmt.Fprintln(os.Stderr, "no cluster runs there")
		return sweep(*dir)
	}
	began := time.Now()
	if err := syscall.Kill(holder, syscall.SIGTERM); err != nil {
		return fmt.Errorf("failed to end process %d: %w", holder, err)
	}
	for time.Since(began) < downLimit {
		now, err := lockHolder(lock)
		if err != nil {
			return err
		}
		if now != holder {
			fmt.Fprintf(os.Stderr, "stopped in %.1f s\n", time.Since(began).Seconds())
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	// Its components go with it (see startProcess).
	if err := syscall.Kill(holder, syscall.SIGKILL); err != nil {
		return fmt.Errorf("failed to kill process %d: %w", holder, err)
	}
	return errors.Join(fmt.Errorf("process %d did not end within %s and was killed", holder, downLimit), sweep(*dir))
}

func statusCommand(args []string) error {
	flags := newFlags("status")
	dir := flags.String("dir", "", "state directory of up")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := parseFlags(flags, args, dir); err != nil {
		return err
	}
	answer, err := ask(*dir, http.MethodGet, "/status")
	if err != nil {
		return err
	}
	if *asJSON {
		_, err = os.Stdout.Write(answer)
		return err
	}
	var s clusterStatus
	if err := json.Unmarshal(answer, &s); err != nil {
		return err
	}
	fmt.Printf("%-20s %s\n%-20s %s\n%-20s %s\n\n", "API server", s.Server, "kubeconfig", s.Kubeconfig,
		"running for", time.Since(s.Started).Round(time.Second))
	for _, component := range s.Components {
		if component.PID == 0 {
			fmt.Printf("%-20s stopped\n", component.Name)
			continue
		}
		fmt.Printf("%-20s pid %-8d %5d MiB\n", component.Name, component.PID, component.RSS>>20)
	}
	return nil
}

// componentCommand stops, starts or restarts one component of a running cluster.
func componentCommand(action string, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("%s what? See 'status' for the components: %w", action, errUsage)
	}
	name := args[0]
	flags := newFlags(action)
	dir := flags.String("dir", "", "state directory of up")
	pause := flags.Duration("pause", 0, "restart: how long the component stays away")
	kill := flags.Bool("kill", false, "stop, restart: by SIGKILL, as a crash would")
	if err := parseFlags(flags, args[1:], dir); err != nil {
		return err
	}
	if action != "start" {
		how := "stop"
		if *kill {
			how = "kill"
		}
		if _, err := ask(*dir, http.MethodPost, "/"+how+"/"+name); err != nil {
			return err
		}
	}
	if action == "restart" {
		time.Sleep(*pause)
	}
	if action != "stop" {
		if _, err := ask(*dir, http.MethodPost, "/start/"+name); err != nil {
			return err
		}
	}
	return nil
}
