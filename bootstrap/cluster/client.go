package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client speaks to the API server in its own JSON: the handful of requests that a start needs do not
// justify a client library in a launcher.
type client struct {
	server string
	http   *http.Client
}

func newClient(server string, root *authority) (*client, error) {
	certificate, key, err := root.issue(subject("mooring-cluster", "system:masters"), x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(root.certificate)
	return &client{server, &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}},
			// Each request anew: between two of them the server may have been restarted.
			DisableKeepAlives: true,
		},
	}}, nil
}

// do sends a request and returns the status code and the (bounded) answer.
func (c *client) do(ctx context.Context, method, path string, body any) (int, []byte, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, content)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

// wait asks until the path answers 200, or the context ends.
func (c *client) wait(ctx context.Context, path string) error {
	return c.waitFor(ctx, path, func([]byte) error { return nil })
}

// waitFor asks until the path answers 200 with what the check accepts, or the context ends.
func (c *client) waitFor(ctx context.Context, path string, check func(answer []byte) error) error {
	var last error
	for {
		status, answer, err := c.do(ctx, http.MethodGet, path, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("answered %d: %s", status, answer)
		} else if err == nil {
			if err = check(answer); err == nil {
				return nil
			}
		}
		if ctx.Err() == nil {
			last = err // an error of the context itself says nothing about the server
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s%s: %w; last: %w", c.server, path, context.Cause(ctx), last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// remove deletes an object; one that is not there needs nothing.
func (c *client) remove(ctx context.Context, path string) error {
	status, answer, err := c.do(ctx, http.MethodDelete, path, nil)
	if err == nil && status != http.StatusOK && status != http.StatusAccepted && status != http.StatusNotFound {
		err = fmt.Errorf("failed to delete %s: answered %d: %s", path, status, answer)
	}
	return err
}

// create makes an object; one that is there already is left alone.
func (c *client) create(ctx context.Context, path string, object any) error {
	status, answer, err := c.do(ctx, http.MethodPost, path, object)
	if err != nil {
		return err
	}
	if status != http.StatusCreated && status != http.StatusConflict {
		return fmt.Errorf("failed to create an object at %s: answered %d: %s", path, status, answer)
	}
	return nil
}
