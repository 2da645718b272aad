// csi-btrfs is a CSI driver for the volumes of one node: subvolumes of a btrfs file system in a file on that node.
//
// It exists since a drill needs snapshots that are atomic, from a driver that is built from source on the machine of
// the drill. A drill's cluster is thrown away, so it has no quotas, no resizing and no block volumes. It runs on
// every node with csi-provisioner and csi-snapshotter beside it, both with --node-deployment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

var version = "unknown" // set by the linker

func main() {
	node := flag.String("node", os.Getenv("NODE_NAME"), "the name of this node")
	socket := flag.String("socket", "/csi/csi.sock", "where to serve CSI")
	kubeletSocket := flag.String("kubelet-socket", "", "where the kubelet finds that socket; required with --registration")
	register := flag.String("registration", "", "where to serve the registration with the kubelet: a socket in its plugins_registry; none if empty")
	pool := flag.String("pool", "/pool/mount", "where the pool is mounted")
	image := flag.String("pool-file", "/pool/pool.btrfs", "the file with the pool's file system; made if it is missing")
	size := flag.Int64("pool-bytes", 32<<30, "the size of a new pool; it takes space only as it fills")
	flag.Parse()
	if err := run(*node, *socket, *kubeletSocket, *register, *pool, *image, *size); err != nil {
		log.Fatalf("csi-btrfs: %v", err)
	}
}

func run(node, socket, kubeletSocket, register, pool, image string, size int64) error {
	if (register == "") != (kubeletSocket == "") {
		return errors.New("--registration and --kubelet-socket need each other")
	}
	if err := openPool(image, size, pool); err != nil {
		return err
	}
	driver, err := newDriver(node, pool)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ended := make(chan error, 2)
	log.Printf("csi-btrfs %s: %s serves %s at %s", version, node, pool, socket)
	server, err := serve(socket, ended, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, driver)
		csi.RegisterControllerServer(server, driver)
		csi.RegisterNodeServer(server, driver)
	})
	if err != nil {
		return err
	}
	defer server.GracefulStop()
	if register != "" {
		kubelet, err := serve(register, ended, func(server *grpc.Server) {
			registration.RegisterRegistrationServer(server, &registrar{endpoint: kubeletSocket, ended: ended})
		})
		if err != nil {
			return err
		}
		defer kubelet.GracefulStop()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil // the pool stays mounted: pods work in it
	}
}

// serve answers calls at a socket until the server is stopped; an error ends up in `ended`.
func serve(socket string, ended chan<- error, add func(*grpc.Server)) (*grpc.Server, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { // of an earlier process
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logged))
	add(server)
	go func() {
		if err := server.Serve(listener); err != nil {
			ended <- fmt.Errorf("%s: %w", socket, err)
		}
	}()
	return server, nil
}

// logged writes every call that failed: what its caller says of it may be lost with the cluster.
func logged(ctx context.Context, asked any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, asked)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
		return nil, err
	}
	return answer, nil
}

// registrar tells the kubelet of the driver, as the usual node-driver-registrar would.
type registrar struct {
	registration.UnimplementedRegistrationServer
	endpoint string
	ended    chan<- error
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              driverName,
		Endpoint:          r.endpoint,
		SupportedVersions: []string{"1.0.0"}, // of CSI, whose minor versions are compatible
	}, nil
}

func (r *registrar) NotifyRegistrationStatus(_ context.Context, result *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !result.PluginRegistered {
		// Ends the process: its next start is the next attempt.
		r.ended <- fmt.Errorf("the kubelet refused the driver: %s", result.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
