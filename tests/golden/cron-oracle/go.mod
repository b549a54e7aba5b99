module github.com/mooring-dev/mooring/tests/golden/cron-oracle

go 1.24

require github.com/robfig/cron/v3 v3.0.1
