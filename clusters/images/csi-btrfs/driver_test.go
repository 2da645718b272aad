package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const elsewhere = "snap-00000000000000000000000000000000-node-2"

func wantCode(t *testing.T, err error, wanted codes.Code) {
	t.Helper()
	if status.Code(err) != wanted {
		t.Errorf("%v, not %s", err, wanted)
	}
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, folder, name, wanted string) {
	t.Helper()
	found, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil || string(found) != wanted {
		t.Errorf("%s has %q, %v; not %q", name, found, err, wanted)
	}
}

func TestAHandleLeadsNowhereElse(t *testing.T) {
	for _, text := range []string{
		"", "vol", "vol-../../../etc-node", "vol-" + strings.Repeat("0", 31) + "/-node", "vol-" + strings.Repeat("0", 32) + "-",
		"snap-" + strings.Repeat("0", 32) + "-node", "vol-" + strings.Repeat("A", 32) + "-node", "x vol-" + strings.Repeat("0", 32) + "-node",
	} {
		if found, ours := parseHandle(volumes, text); ours {
			t.Errorf("%q is taken for %v", text, found)
		}
	}
	here := store{"/pool"}
	for _, name := range []string{"pvc-1", "../../etc/passwd", "/", "", strings.Repeat("x", 4096)} {
		made := handleOf(volumes, name, "node-1")
		if filepath.Dir(here.path(made)) != "/pool/vol" || len(made.String()) > longestHandle {
			t.Errorf("%q is kept in %s, as %s", name, here.path(made), made)
		}
		if again, ours := parseHandle(volumes, made.String()); !ours || again != made {
			t.Errorf("%s is read as %v", made, again)
		}
	}
}

func TestAName(t *testing.T) {
	for name, good := range map[string]bool{"": false, "n": true, strings.Repeat("n", 90): true, strings.Repeat("n", 91): false} {
		if _, err := newDriver(name, t.TempDir()); (err == nil) != good {
			t.Errorf("a node's name of %d bytes: %v", len(name), err)
		}
	}
}

func TestASnapshotStaysAsItIs(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	volume, live := published(t, d, "live", nil)
	write(t, live, "file", "old")
	made := snapshotted(t, d, "snapshot", volume)
	write(t, live, "file", "new")
	if again := snapshotted(t, d, "snapshot", volume); again.String() != made.String() {
		t.Errorf("the same call made %v, then %v", made, again)
	}
	if err := os.WriteFile(filepath.Join(d.store.path(handleOf(snapshots, "snapshot", "node-1")), "file"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("a snapshot could be written: %v", err)
	}
	_, restored := published(t, d, "restored", content(made))
	wantText(t, restored, "file", "old")
	write(t, restored, "file", "other")
	_, again := published(t, d, "restored-again", content(made))
	wantText(t, again, "file", "old")
	wantText(t, live, "file", "new")

	if _, err := d.DeleteSnapshot(t.Context(), &csi.DeleteSnapshotRequest{SnapshotId: made.GetSnapshotId()}); err != nil {
		t.Error(err)
	}
	wantText(t, restored, "file", "other")
	_, err := d.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "late", VolumeCapabilities: []*csi.VolumeCapability{asFolder()}, VolumeContentSource: content(made),
	})
	wantCode(t, err, codes.NotFound)
}

func TestWhatAnInterruptedCallLeftIsNotTakenForWhole(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	volume, live := published(t, d, "live", nil)
	write(t, live, "file", "of the volume")
	for _, h := range []handle{handleOf(volumes, "half", "node-1"), handleOf(snapshots, "half", "node-1")} {
		if err := createSubvolume(d.store.folder(h.kind), h.key); err != nil {
			t.Fatal(err)
		}
		write(t, d.store.path(h), "file", "left over")
	}
	_, target := published(t, d, "half", nil)
	if found, err := os.ReadDir(target); err != nil || len(found) > 0 {
		t.Errorf("a new volume holds %v, %v", found, err)
	}
	_, restored := published(t, d, "restored", content(snapshotted(t, d, "half", volume)))
	wantText(t, restored, "file", "of the volume")
}

func TestWhatIsOnAnotherNodeIsSaidToBe(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	source := &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: elsewhere},
	}}
	_, err := d.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "v", VolumeCapabilities: []*csi.VolumeCapability{asFolder()}, VolumeContentSource: source,
	})
	wantCode(t, err, codes.ResourceExhausted) // csi-provisioner then has another node selected
	_, err = d.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "v", VolumeCapabilities: []*csi.VolumeCapability{asFolder()}, AccessibilityRequirements: &csi.TopologyRequirement{
			Requisite: []*csi.Topology{{Segments: map[string]string{topologyKey: "node-2"}}},
		},
	})
	wantCode(t, err, codes.ResourceExhausted)
	_, err = d.DeleteSnapshot(t.Context(), &csi.DeleteSnapshotRequest{SnapshotId: elsewhere})
	wantCode(t, err, codes.FailedPrecondition)
	_, err = d.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: strings.Replace(elsewhere, snapshots, volumes, 1)})
	wantCode(t, err, codes.FailedPrecondition)
}

func TestMoreThanThePoolHasIsRefused(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	_, err := d.CreateVolume(t.Context(), &csi.CreateVolumeRequest{
		Name: "v", VolumeCapabilities: []*csi.VolumeCapability{asFolder()}, CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * poolBytes},
	})
	wantCode(t, err, codes.ResourceExhausted)
}

func TestAVolumeIsPublishedReadOnly(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	volume, live := published(t, d, "live", nil)
	write(t, live, "file", "text")
	target := filepath.Join(t.TempDir(), "read-only")
	for range 2 {
		publish(t, d, volume, target, true)
	}
	wantText(t, target, "file", "text")
	if err := os.WriteFile(filepath.Join(target, "file"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("a volume published read-only could be written: %v", err)
	}
	_, err := d.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{VolumeId: volume, TargetPath: target, VolumeCapability: asFolder()})
	wantCode(t, err, codes.AlreadyExists)
	for range 2 {
		if _, err := d.NodeUnpublishVolume(t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: volume, TargetPath: target}); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the target stays: %v", err)
	}
	wantText(t, live, "file", "text")
}

func TestUnpublishingRemovesNoData(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	folder := t.TempDir()
	write(t, folder, "file", "of somebody")
	_, err := d.NodeUnpublishVolume(t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: "v", TargetPath: folder})
	wantCode(t, err, codes.Internal)
	wantText(t, folder, "file", "of somebody")
}

func TestAPoolOutlivesTheDriverAndTheNode(t *testing.T) {
	pool := newPool(t)
	image := filepath.Join(filepath.Dir(pool), "pool.btrfs")
	_, live := published(t, newTestDriver(t, pool), "live", nil)
	write(t, live, "file", "text")
	if err := openPool(image, poolBytes, pool); err != nil { // the driver was started again
		t.Fatal(err)
	}
	wantText(t, live, "file", "text")
	if err := errors.Join(unix.Unmount(live, 0), unix.Unmount(pool, 0)); err != nil { // the node was
		t.Fatal(err)
	}
	if err := openPool(image, poolBytes, pool); err != nil {
		t.Fatal(err)
	}
	_, again := published(t, newTestDriver(t, pool), "live", nil)
	wantText(t, again, "file", "text")
}

func TestAPoolLeavesNoLoopDevice(t *testing.T) {
	uses := func() int {
		found, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, name := range found {
			if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), t.Name()) {
				count++
			}
		}
		return count
	}
	t.Run("pool", func(t *testing.T) {
		newPool(t)
		if uses() != 1 {
			t.Errorf("%d loop devices are in use", uses())
		}
	})
	if uses() != 0 {
		t.Errorf("%d loop devices are left", uses())
	}
}

func TestTheKubeletIsTold(t *testing.T) {
	r := &registrar{endpoint: "/plugins/csi.sock", ended: make(chan error, 1)}
	told, err := r.GetInfo(t.Context(), &registration.InfoRequest{})
	if err != nil || told.Type != registration.CSIPlugin || told.Name != driverName || told.Endpoint != r.endpoint {
		t.Errorf("%v, %v", told, err)
	}
	for registered, wanted := range map[bool]int{true: 0, false: 1} {
		ended := make(chan error, 1)
		r.ended = ended
		if _, err := r.NotifyRegistrationStatus(t.Context(), &registration.RegistrationStatus{PluginRegistered: registered}); err != nil {
			t.Error(err)
		}
		if len(ended) != wanted {
			t.Errorf("registered: %t, and the driver ends: %d", registered, len(ended))
		}
	}
}
