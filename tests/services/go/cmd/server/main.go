// A small web service: the Go example of Flareo's submission rules.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
)

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-Id", uuid.NewString())
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	started := time.Now()
	routes := mux.NewRouter()
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"service": "hello-go", "hello": "world"})
	}).Methods(http.MethodGet)
	routes.HandleFunc("/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]string{"service": "hello-go", "hello": mux.Vars(r)["name"]})
	}).Methods(http.MethodGet)
	routes.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok", "up": time.Since(started).String()})
	}).Methods(http.MethodGet)

	address := net.JoinHostPort(env("HOST", "0.0.0.0"), env("PORT", "8080"))
	log.Printf("hello-go listens on %s", address)
	log.Fatal(http.ListenAndServe(address, routes))
}
