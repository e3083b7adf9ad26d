package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/cluster"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/token"
	"github.com/callreel/callreel/storage"
)

func Example() {
	dir, err := os.MkdirTemp("", "callreel")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store := storage.Dir(filepath.Join(dir, "recordings"))
	var server *control.Server
	engine, err := callreel.New(callreel.Config{
		Storage: store, Spool: filepath.Join(dir, "spool"),
		OnEvent: func(e callreel.Event) { server.Observe(e) },
	})
	if err != nil {
		panic(err)
	}
	server, err = control.New(control.Config{
		Engine: engine, Store: store, Cluster: cluster.InMemory(), AccessKeys: [][]byte{[]byte("a secret of thirty-two bytes ...")},
	})
	if err != nil {
		panic(err)
	}
	if err := server.Start(context.Background()); err != nil {
		panic(err)
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()

	tok, err := server.Sign(token.Claims{Scopes: []token.Scope{token.Read}})
	if err != nil {
		panic(err)
	}
	req := httptest.NewRequest(http.MethodGet, web.URL+"/recordings", nil)
	req.RequestURI = ""
	req.Header.Set("Authorization", "Bearer "+tok)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	fmt.Println(res.Status, errors.Join(res.Body.Close(), engine.Close(context.Background()), server.Close(context.Background())))
	http.DefaultClient.CloseIdleConnections()
	// Output: 200 OK <nil>
}
