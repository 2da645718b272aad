package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	driverName  = "btrfs.csi.drillproof"
	topologyKey = "topology." + driverName + "/node"

	// The CSI specification allows identifiers of 128 bytes.
	longestHandle = 128
)

// driver serves the volumes of one node. Every call may be repeated: after a lost answer, a caller does.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	node  string
	store store
	lock  sync.Mutex // of all changes of the store
}

func newDriver(node, pool string) (*driver, error) {
	if longest := len(handleOf(snapshots, "", node).String()); node == "" || longest > longestHandle {
		return nil, fmt.Errorf("the node's name %q must have 1 to %d bytes", node, longestHandle-(longest-len(node)))
	}
	store := store{pool}
	return &driver{node: node, store: store}, store.prepare()
}

// ---------------------------------------------------------------- identity

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: version}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	able := []*csi.PluginCapability{}
	for _, service := range []csi.PluginCapability_Service_Type{
		csi.PluginCapability_Service_CONTROLLER_SERVICE,
		csi.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS,
	} {
		able = append(able, &csi.PluginCapability{Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{Type: service}}})
	}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: able}, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(isBtrfs(d.store.pool))}, nil
}

// ---------------------------------------------------------------- controller

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	able := []*csi.ControllerServiceCapability{}
	for _, call := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_GET_CAPACITY,
	} {
		able = append(able, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: call}}})
	}
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: able}, nil
}

func (d *driver) CreateVolume(_ context.Context, asked *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if asked.GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "the name is missing")
	}
	if err := checkCapabilities(asked.GetVolumeCapabilities()); err != nil {
		return nil, err
	}
	if err := noParameters(asked.GetParameters()); err != nil {
		return nil, err
	}
	if !d.isReachable(asked.GetAccessibilityRequirements()) {
		return nil, status.Errorf(codes.ResourceExhausted, "this is the node %s, and the volume is wanted on others", d.node)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	wanted := record{Name: asked.GetName(), Bytes: asked.GetCapacityRange().GetRequiredBytes()}
	from, err := d.sourceOf(asked.GetVolumeContentSource(), &wanted, asked.GetCapacityRange().GetLimitBytes())
	if err != nil {
		return nil, err
	}
	h := handleOf(volumes, asked.GetName(), d.node)
	made, err := d.store.find(h)
	if err != nil {
		return nil, failed(err)
	}
	if made != nil && (made.Source != wanted.Source || !fits(made.Bytes, asked.GetCapacityRange())) {
		return nil, status.Errorf(codes.AlreadyExists, "%s exists with %d bytes and the source %q", asked.GetName(), made.Bytes, made.Source)
	}
	if made == nil {
		free, err := freeBytes(d.store.pool)
		if err != nil {
			return nil, failed(err)
		}
		if wanted.Bytes > free {
			return nil, status.Errorf(codes.ResourceExhausted, "the pool of %s has %d bytes free, and the volume needs %d", d.node, free, wanted.Bytes)
		}
		if made, err = d.store.add(h, wanted, from); err != nil {
			return nil, failed(err)
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId:           made.Handle,
		CapacityBytes:      made.Bytes,
		ContentSource:      asked.GetVolumeContentSource(),
		AccessibleTopology: []*csi.Topology{d.topology()},
	}}, nil
}

// sourceOf returns the data that a volume begins with, "" for none, and completes what is wanted.
func (d *driver) sourceOf(source *csi.VolumeContentSource, wanted *record, limit int64) (string, error) {
	if source == nil {
		return "", nil
	}
	name := source.GetSnapshot().GetSnapshotId()
	if source.GetSnapshot() == nil {
		return "", status.Error(codes.InvalidArgument, "a volume begins empty or as a snapshot, not as a copy of a volume")
	}
	h, ours := parseHandle(snapshots, name)
	if ours && h.node != d.node {
		// The code that makes the provisioner have another node selected.
		return "", status.Errorf(codes.ResourceExhausted, "the snapshot %s is on the node %s, and this is %s", name, h.node, d.node)
	}
	var found *record
	if ours {
		var err error
		if found, err = d.store.find(h); err != nil {
			return "", failed(err)
		}
	}
	if found == nil {
		return "", status.Errorf(codes.NotFound, "there is no snapshot %q", name)
	}
	if limit > 0 && limit < found.Bytes {
		return "", status.Errorf(codes.OutOfRange, "the snapshot %s is of a volume of %d bytes, and the limit is %d", name, found.Bytes, limit)
	}
	wanted.Source, wanted.Bytes = name, max(wanted.Bytes, found.Bytes)
	return d.store.path(h), nil
}

func (d *driver) DeleteVolume(_ context.Context, asked *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, d.remove(volumes, asked.GetVolumeId())
}

func (d *driver) DeleteSnapshot(_ context.Context, asked *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	return &csi.DeleteSnapshotResponse{}, d.remove(snapshots, asked.GetSnapshotId())
}

func (d *driver) remove(kind, name string) error {
	if name == "" {
		return status.Error(codes.InvalidArgument, "the identifier is missing")
	}
	h, ours := parseHandle(kind, name)
	if !ours {
		return nil // never given out, so it does not exist
	}
	if h.node != d.node { // "does not exist" would be a lie, and what it holds would stay for ever
		return status.Errorf(codes.FailedPrecondition, "%s is on the node %s, and this is %s", name, h.node, d.node)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	return failed(d.store.remove(h))
}

func (d *driver) CreateSnapshot(_ context.Context, asked *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if asked.GetName() == "" || asked.GetSourceVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "the name or the volume is missing")
	}
	if err := noParameters(asked.GetParameters()); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	source, volume, err := d.volume(asked.GetSourceVolumeId())
	if err != nil {
		return nil, err
	}
	h := handleOf(snapshots, asked.GetName(), d.node)
	made, err := d.store.find(h)
	if err != nil {
		return nil, failed(err)
	}
	if made != nil && made.Source != asked.GetSourceVolumeId() {
		return nil, status.Errorf(codes.AlreadyExists, "%s exists, of the volume %s", asked.GetName(), made.Source)
	}
	if made == nil {
		wanted := record{Name: asked.GetName(), Bytes: volume.Bytes, Source: volume.Handle}
		if made, err = d.store.add(h, wanted, d.store.path(source)); err != nil {
			return nil, failed(err)
		}
	}
	return &csi.CreateSnapshotResponse{Snapshot: snapshotOf(*made)}, nil
}

func (d *driver) ListSnapshots(_ context.Context, asked *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	all, err := d.store.list(snapshots, d.node)
	if err != nil {
		return nil, failed(err)
	}
	answer := &csi.ListSnapshotsResponse{}
	for _, made := range all {
		switch {
		case asked.GetSnapshotId() != "" && asked.GetSnapshotId() != made.Handle,
			asked.GetSourceVolumeId() != "" && asked.GetSourceVolumeId() != made.Source,
			made.Handle <= asked.GetStartingToken(): // a token is the last handle of the page before
			continue
		case asked.GetMaxEntries() > 0 && len(answer.Entries) == int(asked.GetMaxEntries()):
			answer.NextToken = answer.Entries[len(answer.Entries)-1].GetSnapshot().GetSnapshotId()
			return answer, nil
		}
		answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: snapshotOf(made)})
	}
	return answer, nil
}

func (d *driver) GetCapacity(_ context.Context, asked *csi.GetCapacityRequest) (*csi.GetCapacityResponse, error) {
	if segments := asked.GetAccessibleTopology().GetSegments(); segments != nil && segments[topologyKey] != d.node {
		return &csi.GetCapacityResponse{}, nil
	}
	free, err := freeBytes(d.store.pool)
	return &csi.GetCapacityResponse{AvailableCapacity: free}, failed(err)
}

func (d *driver) ValidateVolumeCapabilities(_ context.Context, asked *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if asked.GetVolumeId() == "" || len(asked.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the volume or its capabilities are missing")
	}
	if _, _, err := d.volume(asked.GetVolumeId()); err != nil {
		return nil, err
	}
	if err := errors.Join(checkCapabilities(asked.GetVolumeCapabilities()), noParameters(asked.GetParameters())); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: asked.GetVolumeCapabilities(),
	}}, nil
}

// ---------------------------------------------------------------- node

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node, AccessibleTopology: d.topology()}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{
		Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_GET_VOLUME_STATS}},
	}}}, nil
}

func (d *driver) NodePublishVolume(_ context.Context, asked *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	target := asked.GetTargetPath()
	if asked.GetVolumeId() == "" || target == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume or the target path is missing")
	}
	if err := checkCapabilities([]*csi.VolumeCapability{asked.GetVolumeCapability()}); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	h, _, err := d.volume(asked.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return nil, failed(err)
	}
	readOnly := asked.GetReadonly()
	switch mounted, mountedReadOnly, err := isMountOf(target, d.store.path(h)); {
	case err != nil:
		return nil, failed(err)
	case mounted && mountedReadOnly != readOnly:
		return nil, status.Errorf(codes.AlreadyExists, "%s is published at %s, read-only: %t", asked.GetVolumeId(), target, mountedReadOnly)
	case !mounted:
		err = bind(d.store.path(h), target, readOnly)
	}
	return &csi.NodePublishVolumeResponse{}, failed(err)
}

func (d *driver) NodeUnpublishVolume(_ context.Context, asked *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	target := asked.GetTargetPath()
	if asked.GetVolumeId() == "" || target == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume or the target path is missing")
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
	if err == nil || errors.Is(err, unix.EINVAL) { // EINVAL: no mount, so an earlier call came this far
		err = os.Remove(target) // an empty folder: never what a volume holds
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return &csi.NodeUnpublishVolumeResponse{}, failed(err)
}

func (d *driver) NodeGetVolumeStats(_ context.Context, asked *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if asked.GetVolumeId() == "" || asked.GetVolumePath() == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume or its path is missing")
	}
	h, _, err := d.volume(asked.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if mounted, _, err := isMountOf(asked.GetVolumePath(), d.store.path(h)); err != nil || !mounted {
		return nil, status.Errorf(codes.NotFound, "%s is not published at %s", asked.GetVolumeId(), asked.GetVolumePath())
	}
	var found unix.Statfs_t
	if err := unix.Statfs(asked.GetVolumePath(), &found); err != nil {
		return nil, failed(err)
	}
	// These are the pool's: volumes share it, and there are no quotas. It has no inodes that could run out.
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{{
		Unit:      csi.VolumeUsage_BYTES,
		Total:     int64(found.Blocks) * found.Bsize,
		Used:      int64(found.Blocks-found.Bfree) * found.Bsize,
		Available: int64(found.Bavail) * found.Bsize,
	}}}, nil
}

// ---------------------------------------------------------------- parts

func (d *driver) topology() *csi.Topology {
	return &csi.Topology{Segments: map[string]string{topologyKey: d.node}}
}

// isReachable tells whether a volume of this node satisfies the requirements.
func (d *driver) isReachable(wanted *csi.TopologyRequirement) bool {
	for _, topology := range wanted.GetRequisite() {
		if topology.GetSegments()[topologyKey] == d.node {
			return true
		}
	}
	return len(wanted.GetRequisite()) == 0
}

// volume finds a volume of this node.
func (d *driver) volume(name string) (handle, *record, error) {
	h, ours := parseHandle(volumes, name)
	if ours && h.node != d.node {
		return h, nil, status.Errorf(codes.NotFound, "the volume %s is on the node %s, and this is %s", name, h.node, d.node)
	}
	var found *record
	if ours {
		var err error
		if found, err = d.store.find(h); err != nil {
			return h, nil, failed(err)
		}
	}
	if found == nil {
		return h, nil, status.Errorf(codes.NotFound, "there is no volume %q", name)
	}
	return h, found, nil
}

func snapshotOf(made record) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId:     made.Handle,
		SourceVolumeId: made.Source,
		SizeBytes:      made.Bytes,
		CreationTime:   timestamppb.New(made.Created),
		ReadyToUse:     true,
	}
}

// checkCapabilities refuses what a folder on one node cannot be.
func checkCapabilities(wanted []*csi.VolumeCapability) error {
	if len(wanted) == 0 {
		return status.Error(codes.InvalidArgument, "the capabilities are missing")
	}
	for _, capability := range wanted {
		mount := capability.GetMount()
		switch mode := capability.GetAccessMode().GetMode(); {
		case mount == nil:
			return status.Error(codes.InvalidArgument, "volumes are file systems, not block devices")
		case mount.GetFsType() != "" && mount.GetFsType() != "btrfs":
			return status.Errorf(codes.InvalidArgument, "the file system is btrfs, not %s", mount.GetFsType())
		case len(mount.GetMountFlags()) > 0:
			return status.Errorf(codes.InvalidArgument, "volumes take no mount options: %v", mount.GetMountFlags())
		case mode != csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER && mode != csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY:
			return status.Errorf(codes.InvalidArgument, "volumes are of one node: the access mode %s is impossible", mode)
		}
	}
	return nil
}

func noParameters(given map[string]string) error {
	for name := range given {
		return status.Errorf(codes.InvalidArgument, "there is no parameter %q: classes have none", name)
	}
	return nil
}

// fits tells whether a volume of so many bytes is in the range.
func fits(bytes int64, wanted *csi.CapacityRange) bool {
	limit := wanted.GetLimitBytes()
	return bytes >= wanted.GetRequiredBytes() && (limit == 0 || bytes <= limit)
}

// isMountOf tells whether `target` is a mount of the subvolume `source`, and whether that is read-only. Each subvolume
// has a device number of its own, so the same number and inode mean the same subvolume.
func isMountOf(target, source string) (mounted, readOnly bool, err error) {
	var there, here unix.Stat_t
	var mount unix.Statfs_t
	if err := errors.Join(unix.Stat(target, &there), unix.Stat(source, &here), unix.Statfs(target, &mount)); err != nil {
		return false, false, err
	}
	return there.Dev == here.Dev && there.Ino == here.Ino, mount.Flags&unix.ST_RDONLY != 0, nil
}

// bind mounts `source` at `target`. It is read-only before it is attached: to make it so later would not reach the
// copies of the mount that the kubelet sees.
func bind(source, target string, readOnly bool) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", source, err)
	}
	defer unix.Close(tree)
	if readOnly {
		attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attributes); err != nil {
			return fmt.Errorf("cannot make the mount of %s read-only: %w", source, err)
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("cannot mount %s at %s: %w", source, target, err)
	}
	return nil
}

// failed gives an error of the system the code that callers retry.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return status.Error(codes.Internal, err.Error())
}
