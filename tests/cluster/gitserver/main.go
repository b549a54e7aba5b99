// Command gitserver serves the git repositories below a folder over ssh and https on loopback, for tests of the
// transports that a path cannot stand for. It ends with its standard input.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// ready is what is printed, as one line of JSON, once both servers listen.
type ready struct {
	SSH       string `json:"ssh"`
	HTTPS     string `json:"https"`
	KnownHost string `json:"knownHost"`
	// Key is the private key that the ssh server admits, Authority the certificate that vouches for the https server.
	Key       string `json:"key"`
	Authority string `json:"authority"`
}

func main() {
	root := flag.String("root", "", "the folder of the repositories")
	token := flag.String("token", "", "the password that https asks for")
	flag.Parse()
	if err := serve(*root, *token); err != nil {
		log.Fatal(err)
	}
}

func serve(root, token string) error {
	said := ready{}
	if err := serveSSH(root, &said); err != nil {
		return err
	}
	if err := serveHTTPS(root, token, &said); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func serveSSH(root string, said *ready) error {
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	host, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		return err
	}
	_, clientKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	client, err := ssh.NewSignerFromKey(clientKey)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(clientKey, "test")
	if err != nil {
		return err
	}
	said.Key = string(pem.EncodeToMemory(block))
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if bytes.Equal(key.Marshal(), client.PublicKey().Marshal()) {
			return nil, nil
		}
		return nil, fmt.Errorf("unknown key")
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	said.SSH = listener.Addr().String()
	port := listener.Addr().(*net.TCPAddr).Port
	said.KnownHost = fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(host.PublicKey()))
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(connection, config, root)
		}
	}()
	return nil
}

// answer runs git-upload-pack, the one command that a reader needs, in each session of a connection.
func answer(connection net.Conn, config *ssh.ServerConfig, root string) {
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go session(channel, requests, root)
	}
}

func session(channel ssh.Channel, requests <-chan *ssh.Request, root string) {
	defer channel.Close()
	for request := range requests {
		if request.Type != "exec" {
			request.Reply(false, nil)
			continue
		}
		var asked struct{ Command string }
		err := ssh.Unmarshal(request.Payload, &asked)
		path, ok := strings.CutPrefix(asked.Command, "git-upload-pack ")
		if err != nil || !ok {
			request.Reply(false, nil)
			return
		}
		request.Reply(true, nil)
		repository := filepath.Join(root, filepath.Base(strings.Trim(path, "'")))
		command := exec.Command("git", "upload-pack", repository)
		command.Stdin, command.Stdout, command.Stderr = channel, channel, channel.Stderr()
		status := struct{ Code uint32 }{}
		if command.Run() != nil {
			status.Code = 1
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}

func serveHTTPS(root, token string, said *ready) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	said.Authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	git, err := exec.LookPath("git")
	if err != nil {
		return err
	}
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"}, Env: []string{
		"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + root,
		// The repositories may be another user's.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}}
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if _, password, ok := request.BasicAuth(); !ok || password != token {
			writer.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(writer, "a token is needed", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(writer, request)
	})
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return err
	}
	said.HTTPS = listener.Addr().String()
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	return nil
}
