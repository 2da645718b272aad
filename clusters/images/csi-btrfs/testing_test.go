package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
)

const poolBytes = 512 << 20

// newPool mounts a pool of its own, and removes it when the test ends. Skips where the machine cannot.
func newPool(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it attaches a loop device and mounts a file system")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("needs loop devices: %v", err)
	}
	if _, err := exec.LookPath("mkfs.btrfs"); err != nil {
		t.Skip("needs mkfs.btrfs (Debian: apt-get install btrfs-progs)")
	}
	folder := t.TempDir()
	pool := filepath.Join(folder, "mount")
	if err := openPool(filepath.Join(folder, "pool.btrfs"), poolBytes, pool); err != nil {
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EPERM) {
			t.Skipf("needs a kernel with btrfs, and the right to mount it: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(pool, 0); err != nil {
			t.Errorf("the pool is still in use: %v", err)
		}
	})
	return pool
}

func newTestDriver(t *testing.T, pool string) *driver {
	t.Helper()
	made, err := newDriver("node-1", pool)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func asFolder() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

// published makes a volume and mounts it; the test's end unmounts it. Returns its identifier and its folder.
func published(t *testing.T, d *driver, name string, source *csi.VolumeContentSource) (string, string) {
	t.Helper()
	made, err := d.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: name, VolumeCapabilities: []*csi.VolumeCapability{asFolder()}, VolumeContentSource: source,
	})
	if err != nil {
		t.Fatal(err)
	}
	volume, target := made.GetVolume().GetVolumeId(), filepath.Join(t.TempDir(), "target")
	publish(t, d, volume, target, false)
	return volume, target
}

func publish(t *testing.T, d *driver, volume, target string, readOnly bool) {
	t.Helper()
	if _, err := d.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{
		VolumeId: volume, TargetPath: target, VolumeCapability: asFolder(), Readonly: readOnly,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, 0) })
}

func snapshotted(t *testing.T, d *driver, name, volume string) *csi.Snapshot {
	t.Helper()
	made, err := d.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volume})
	if err != nil {
		t.Fatal(err)
	}
	return made.GetSnapshot()
}

func content(snapshot *csi.Snapshot) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: snapshot.GetSnapshotId()},
	}}
}
