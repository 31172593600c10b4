// Package check is what the programs of this module share: ending at the first disagreement, and the way to the server.
package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// Must gives the value of a call that must not fail.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Check ends the program at an error.
func Check(err error) {
	if err != nil {
		log.Output(3, err.Error())
		os.Exit(1)
	}
}

// Agree ends the program where two values are not the same.
func Agree(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		log.Output(2, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		os.Exit(1)
	}
}

// Transport trusts the authorities in a file, and no others.
func Transport(ca string) *http.Transport {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(Must(os.ReadFile(ca))) {
		log.Fatal("no certificate in " + ca)
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		// Names under .localhost are this machine (RFC 6761, section 6.3), also where the system does not say so.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
		},
	}
}
