package main

import (
	"path/filepath"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"google.golang.org/grpc"
)

// The suite that CSI drivers are tested by, against the sockets as they are served in a cluster.
func TestSanity(t *testing.T) {
	pool := newPool(t)
	driver, ended := newTestDriver(t, pool), make(chan error, 1)
	folder := t.TempDir()
	socket := filepath.Join(folder, "csi.sock")
	server, err := serve(socket, ended, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, driver)
		csi.RegisterControllerServer(server, driver)
		csi.RegisterNodeServer(server, driver)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	config := sanity.NewTestConfig()
	config.Address = "unix://" + socket
	config.TargetPath, config.StagingPath = filepath.Join(folder, "target"), filepath.Join(folder, "staging")
	config.TestVolumeSize = 16 << 20
	sanity.Test(t, config)
	if left, err := driver.store.list(volumes, driver.node); err != nil || len(left) > 0 {
		t.Errorf("volumes are left: %v, %v", left, err)
	}
}
