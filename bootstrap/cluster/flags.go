package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func newFlags(name string) *flag.FlagSet {
	return flag.NewFlagSet("mooring-cluster "+name, flag.ContinueOnError)
}

// parseFlags parses all arguments as flags, and makes the required state directory absolute.
func parseFlags(flags *flag.FlagSet, args []string, dir *string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: %w", flags.Arg(0), errUsage)
	}
	if *dir == "" {
		return fmt.Errorf("--dir is required: %w", errUsage)
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	*dir = absolute
	return nil
}
