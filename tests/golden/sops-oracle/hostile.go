package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// attacks are what somebody without a key can do to the file `cases/plain`: each makes a file of that name in hostile/.
var attacks = map[string]func(text, other string) string{
	"changed-value": func(text, _ string) string { return flipped(text, "password: ENC[AES256_GCM,data:") },
	"changed-mac":   func(text, _ string) string { return flipped(text, "mac: ENC[AES256_GCM,data:") },
	"changed-tag": func(text, _ string) string {
		at := strings.Index(text, "password: ")
		return text[:at] + flipped(text[at:], ",tag:")
	},
	"changed-type": func(text, _ string) string {
		return inLine(text, "password:", "type:str", "type:int")
	},
	"changed-date": func(text, _ string) string {
		return regexp.MustCompile(`lastmodified: "20..`).ReplaceAllString(text, `lastmodified: "2001`)
	},
	"damaged-data-key": func(text, _ string) string {
		at := strings.Index(text, "-----END AGE")
		end := strings.LastIndex(strings.TrimRight(text[:at], " \n"), "\n")
		return text[:end-10] + other(text[end-10]) + text[end-9:]
	},
	"swapped-values": func(text, _ string) string {
		user, password := value(text, "user:"), value(text, "password:")
		text = strings.Replace(text, user, "@", 1)
		text = strings.Replace(text, password, user, 1)
		return strings.Replace(text, "@", password, 1)
	},
	"swapped-items": func(text, _ string) string {
		one, two := value(text, "- ENC"), value(text[strings.Index(text, "- ENC")+5:], "- ENC")
		text = strings.Replace(text, one, "@", 1)
		text = strings.Replace(text, two, one, 1)
		return strings.Replace(text, "@", two, 1)
	},
	"swapped-lines": func(text, _ string) string {
		user, password := line(text, "user:"), line(text, "password:")
		return strings.Replace(text, user+password, password+user, 1)
	},
	"removed-value": func(text, _ string) string { return strings.Replace(text, line(text, "password:"), "", 1) },
	"emptied-value": func(text, _ string) string {
		return strings.Replace(text, value(text, "password:"), `""`, 1)
	},
	"added-value": func(text, _ string) string { return "open_unencrypted: hello\n" + text },
	"plain-value": func(text, _ string) string {
		return strings.Replace(text, value(text, "password:"), "hunter2-hunter2", 1)
	},
	"plain-number": func(text, _ string) string { return strings.Replace(text, value(text, "port:"), "5432", 1) },
	"foreign-value": func(text, other string) string {
		return strings.Replace(text, value(text, "password:"), value(other, "password:"), 1)
	},
	"renamed-key": func(text, _ string) string { return strings.Replace(text, "password:", "passphrase:", 1) },
	"no-mac":      func(text, _ string) string { return strings.Replace(text, line(text, "mac:"), "", 1) },
	"mac-only-encrypted": func(text, _ string) string {
		return strings.Replace(text, line(text, "mac:"), line(text, "mac:")+"    mac_only_encrypted: true\n", 1)
	},
}

func recordHostile() error {
	text, err := os.ReadFile(filepath.Join(root, "cases", "plain", "encrypted.yaml"))
	if err != nil {
		return err
	}
	another, err := os.ReadFile(filepath.Join(root, "cases", "plain-again", "encrypted.yaml"))
	if err != nil {
		return err
	}
	for name, attack := range attacks {
		hostile := attack(string(text), string(another))
		if hostile == string(text) {
			return fmt.Errorf("%s changes nothing", name)
		}
		if err := os.WriteFile(filepath.Join(root, "hostile", name+".yaml"), []byte(hostile), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// line is the line whose text begins with `key`, its end included.
func line(text, key string) string {
	for _, one := range strings.SplitAfter(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(one), key) {
			return one
		}
	}
	return ""
}

// value is the encrypted value of that line.
func value(text, key string) string {
	found := line(text, key)
	return strings.TrimSpace(found[strings.Index(found, "ENC["):])
}

func inLine(text, key, from, to string) string {
	found := line(text, key)
	return strings.Replace(text, found, strings.Replace(found, from, to, 1), 1)
}

// flipped changes the first digit behind a text.
func flipped(text, behind string) string {
	at := strings.Index(text, behind) + len(behind)
	return text[:at] + other(text[at]) + text[at+1:]
}

// other is another digit of base64.
func other(digit byte) string {
	if digit == 'A' {
		return "B"
	}
	return "A"
}
