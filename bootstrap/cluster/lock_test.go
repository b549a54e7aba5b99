package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel's locks belong to processes: only another one can show what they do. The test binary,
// started with this variable, takes the lock and holds it until its standard input ends.
const holdVariable = "MOORING_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	path := os.Getenv(holdVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := acquireLock(path); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// holdLock starts a process that tries to hold the lock, and returns what it says.
func holdLock(t *testing.T, path string) (*exec.Cmd, io.Closer, string) {
	t.Helper()
	holder := exec.Command("/proc/self/exe")
	holder.Env = append(os.Environ(), holdVariable+"="+path)
	input, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return holder, input, strings.TrimSpace(said)
}

func TestTheLockNamesItsHolderAndGoesWithIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if pid, err := lockHolder(path); err != nil || pid != 0 {
		t.Fatalf("nobody holds a lock that was never made: got %d, %v", pid, err)
	}
	holder, _, said := holdLock(t, path)
	if said != "held" {
		t.Fatal(said)
	}
	if pid, err := lockHolder(path); err != nil || pid != holder.Process.Pid {
		t.Fatalf("the holder is %d: got %d, %v", holder.Process.Pid, pid, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed: an error by design
	if pid, err := lockHolder(path); err != nil || pid != 0 {
		t.Fatalf("the lock of a killed process is free: got %d, %v", pid, err)
	}
}

func TestASecondClusterInOneDirectoryIsRefusedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder, input, said := holdLock(t, path)
	if said != "held" {
		t.Fatal(said)
	}
	_, err := acquireLock(path)
	if err == nil || !strings.Contains(err.Error(), "runs there already") {
		t.Fatalf("expected a refusal, got %v", err)
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := acquireLock(path); err != nil {
		t.Fatalf("the lock is free again: %v", err)
	}
}
