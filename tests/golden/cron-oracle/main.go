// Records what robfig/cron v3's ParseStandard, the parser that Kubernetes uses, answers to many expressions, and when it
// would run them.
//
// To renew tests/golden/cron/cases.jsonl:
//
//	cd tests/golden/cron-oracle && go run . > ../cron/cases.jsonl
//
// A line with "error" is an expression that is refused, with its words. Any other has a zone, a start and the runs after
// it: up to five, none if the schedule has none within five years.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type record struct {
	Expression string   `json:"expression"`
	Error      string   `json:"error,omitempty"`
	Zone       string   `json:"zone,omitempty"`
	Start      string   `json:"start,omitempty"`
	Runs       []string `json:"runs,omitempty"`
}

const runs = 5

// What is refused, or looks as if it should be.
var odd = []string{
	"", " ", "*", "* * * *", "* * * * * *", "0 0 * * 7", "0 0 * * 8", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
	"* * * 0 *", "* * * 13 *", "-1 * * * *", "*/0 * * * *", "*/-5 * * * *", "*/a * * * *", "*/ * * * *", "/5 * * * *",
	"5-1 * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "a * * * *", "1- * * * *", "-5 * * * *", "1--2 * * * *", "0 0 L * *",
	"0 0 15W * *", "0 0 * * 5#2", "0 0 * * 5L", "0 0 * * Monday", "0 0 * * mon-sun", "0 0 * * fri-mon", "0 22-4 * * *",
	"0 0 1 january *", "@", "@reboot", "@Hourly", "@hourly ", " @hourly", "@every", "@every ", "@every 5", "@every 5d",
	"@every 1h-5m", "@every x", "@every 1.5.5s", "@every  5m", "@EVERY 5m", "99999999999999999999 * * * *",
	"*/99999999999999999999 * * * *", "1e1 * * * *", "0x5 * * * *", "1_0 * * * *", "ä * * * *", "\"5\" * * * *", "*-5/a * * * *",
	"H * * * *", "5,60 * * * *", "5,,60 * * * *", "* * * jan,foo *", "**  * * * *", "*5 * * * *", "?5 * * * *", "5? * * * *",
	"0 0 31-30 * *", "0 0 * 12-1 *", "1.5 * * * *", "- * * * *", "* * * * sun-mon-tue", "0 0 * * 0-7", "+ * * * *", "*/+ * * * *",
}

// What is accepted, some of it unexpectedly.
var plain = []string{
	"* * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *", "15 1 * * *", "0 3 * * *", "0 0 * * *", "30 0 * * *", "0 1 * * *",
	"45 1 * * *", "0 2 * * *", "15 2 * * *", "*/15 1-3 * * *", "0 */2 * * *", "0 */5 * * *", "30 */3 * * *", "*/90 * * * *",
	"0 0 * * 0", "0 0 * * 1", "0 0 * * sun", "0 12 * * MON-FRI", "0 0 13 * 5", "0 0 1,15 * 3", "0 0 */10 * */3", "0 0 */2 * *",
	"0 0 * * */2", "0 0 1-31 * 1", "0 0 ? * ?", "0 0 ? * 3", "5/15 * * * *", "5/7 3/4 * * *", "0 0 29 2 *", "0 0 30 2 *",
	"0 0 31 * *", "0 0 31 4,6,9,11 *", "0 0 1 1 *", "59 23 31 12 *", "0 0 1 JAN,Jul *", "0 0 1 */5 *", "@yearly", "@annually",
	"@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every 5m", "@every 1h30m", "@every 1.5h", "@every 90s",
	"@every 1500ms", "@every 1ns", "@every -5m", "@every 0", "@every 24h", ", * * * *", "0 , * * *", "0 0 , * *", "0 0 , * 1",
	"5,,10 * * * *", "+5 * * * *", "007 * * * *", "*-5 * * * *", "?-7/20 * * * *", "*/1 * * * *", "0 0 */1 * 1", "0 0 1 * */1",
	"0\t0 * *  1", "  0 0 * * *  ", "0 0 * * 5-6", "0 0 28-31 * *", "10-20/3,40 8-18/2 * * 1-5", "0 0 1-7 * 1", "0 0-23/6 * * *",
	"0 24/1 * * 1", "1-59/2 * * * *", "0 0 * 2-4/2 *", "0 0 1 2/3 *", "0 0 */7 2 1", "0,30 1,2 * * *", "59 * * * *", "0 23 * * *",
	"30 23 * * *", "*/20 0 * * *", "0 4 8-14 * 0",
}

// Starts near the changes of each zone's clock, and a few others. Pacific/Apia in December 2011 is left out: a day that does
// not exist at all keeps robfig/cron going round for ever.
var starts = map[string][]string{
	"Etc/UTC":             {"2026-01-01T00:00:00Z", "2026-02-28T23:59:59Z", "2027-12-31T23:59:30Z", "2096-03-01T00:00:00Z"},
	"Europe/Berlin":       {"2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z", "2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:10:10Z"},
	"Europe/London":       {"2026-03-28T23:30:00Z", "2026-10-25T00:15:00Z"},
	"America/New_York":    {"2026-03-07T12:00:00Z", "2026-03-08T06:59:30Z", "2026-11-01T03:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:05:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T10:00:00Z", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-10-03T10:00:00Z", "2026-10-03T15:20:00Z", "2026-10-03T15:45:00Z"},
	"Asia/Kolkata":        {"2026-06-01T18:29:59Z", "2026-06-30T18:30:00Z"},
	"America/Santiago":    {"2026-04-04T20:00:00Z", "2026-09-05T20:00:00Z", "2026-09-06T04:10:00Z"},
	"America/Sao_Paulo":   {"2018-11-03T12:00:00Z", "2018-02-17T20:00:00Z"},
	"Asia/Beirut":         {"2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"},
	"America/Havana":      {"2015-03-07T12:00:00Z", "2015-11-01T03:00:00Z"},
	"Africa/Cairo":        {"2026-04-23T12:00:00Z", "2026-10-29T12:00:00Z"},
	"Antarctica/Troll":    {"2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"},
	"Pacific/Chatham":     {"2026-04-04T10:00:00Z", "2026-09-26T10:00:00Z"},
	"Africa/Casablanca":   {"2019-05-04T12:00:00Z", "2019-06-08T12:00:00Z"},
	"America/Caracas":     {"2016-04-30T20:00:00Z"},
	"Asia/Pyongyang":      {"2018-05-04T10:00:00Z"},
	"America/Asuncion":    {"2017-09-30T20:00:00Z", "2023-09-30T12:00:00Z"},
}

// The zones in a fixed order.
var zones = []string{
	"Etc/UTC", "Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago",
	"America/Sao_Paulo", "Asia/Beirut", "America/Havana", "Africa/Cairo", "Antarctica/Troll", "Pacific/Chatham",
	"Africa/Casablanca", "America/Caracas", "Asia/Pyongyang", "America/Asuncion",
}

// A made-up expression that is mostly valid.
func made(random *rand.Rand) string {
	field := func(low, high int) string {
		number := func() int { return low + random.Intn(high-low+1) }
		parts := []string{}
		for range 1 + random.Intn(2) {
			a, b := number(), number()
			if a > b {
				a, b = b, a
			}
			switch random.Intn(7) {
			case 0:
				parts = append(parts, fmt.Sprintf("%d-%d", a, b))
			case 1:
				parts = append(parts, fmt.Sprintf("%d-%d/%d", a, b, 1+random.Intn(5)))
			case 2:
				parts = append(parts, fmt.Sprintf("*/%d", 1+random.Intn(7)))
			case 3:
				parts = append(parts, fmt.Sprintf("%d/%d", a, 1+random.Intn(9)))
			case 4:
				parts = append(parts, "*")
			default:
				parts = append(parts, fmt.Sprint(a))
			}
		}
		return strings.Join(parts, ",")
	}
	maybe := func(low, high int) string {
		if random.Intn(2) == 0 {
			return "*"
		}
		return field(low, high)
	}
	return strings.Join([]string{field(0, 59), field(0, 4), maybe(1, 31), maybe(1, 12), maybe(0, 6)}, " ")
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	write := func(r record) {
		if err := encoder.Encode(r); err != nil {
			panic(err)
		}
	}

	record1 := func(expression, zone, start string) {
		schedule, err := cron.ParseStandard(expression)
		if err != nil {
			write(record{Expression: expression, Error: err.Error()})
			return
		}
		location, err := time.LoadLocation(zone)
		if err != nil {
			panic(err)
		}
		from, err := time.Parse(time.RFC3339, start)
		if err != nil {
			panic(err)
		}
		r := record{Expression: expression, Zone: zone, Start: start}
		// A schedule that was parsed without a zone runs in the zone of the time that it is given.
		for t := schedule.Next(from.In(location)); !t.IsZero() && len(r.Runs) < runs; t = schedule.Next(t) {
			r.Runs = append(r.Runs, t.UTC().Format(time.RFC3339))
		}
		write(r)
	}

	for _, expression := range odd {
		record1(expression, "Etc/UTC", starts["Etc/UTC"][0])
	}
	for _, expression := range plain {
		record1(expression, "Etc/UTC", starts["Etc/UTC"][0])
	}
	// Around changes of the clock, those that fall into the small hours matter most.
	random := rand.New(rand.NewSource(1))
	for _, zone := range zones {
		for _, start := range starts[zone] {
			for _, expression := range []string{"*/15 * * * *", "0 * * * *", "30 2 * * *", "0 3 * * *", "15 0 * * *", "0 0 * * *", "45 1 * * *"} {
				record1(expression, zone, start)
			}
			for range 4 {
				record1(plain[random.Intn(len(plain))], zone, start)
			}
			for range 6 {
				record1(made(random), zone, start)
			}
		}
	}
}
