module mooring.dev/tests/gitserver

go 1.26.0

require golang.org/x/crypto v0.49.0

require golang.org/x/sys v0.42.0 // indirect
