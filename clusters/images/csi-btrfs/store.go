package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The kinds of things in the pool.
const (
	volumes   = "vol"
	snapshots = "snap"
)

// handle names a volume or a snapshot, in the whole cluster: its kind, its key in the pool, and the node of that pool.
type handle struct {
	kind, key, node string
}

var handlePattern = regexp.MustCompile(`^(vol|snap)-([0-9a-f]{32})-(.+)$`)

// handleOf names what is called `name`. The key is a hash: the name may hold anything, and goes into no path.
func handleOf(kind, name, node string) handle {
	sum := sha256.Sum256([]byte(name))
	return handle{kind, hex.EncodeToString(sum[:16]), node}
}

// parseHandle reads a volume's or a snapshot's identifier; false for what this driver never gave out.
func parseHandle(kind, text string) (handle, bool) {
	found := handlePattern.FindStringSubmatch(text)
	if found == nil || found[1] != kind {
		return handle{}, false
	}
	return handle{found[1], found[2], found[3]}, true
}

func (h handle) String() string { return h.kind + "-" + h.key + "-" + h.node }

// record is what the pool remembers of a volume or a snapshot.
type record struct {
	Handle  string    `json:"handle"`
	Name    string    `json:"name"`
	Bytes   int64     `json:"bytes"`   // what was asked for: nothing holds a volume to it
	Source  string    `json:"source"`  // of a volume the snapshot that it began as, or ""; of a snapshot its volume
	Created time.Time `json:"created"` // of a snapshot the moment that it shows
}

// store keeps volumes and snapshots as subvolumes of a btrfs file system, each with a record beside it. A thing exists
// if it has a record: the record is written last and removed first, so that an interrupted call leaves nothing that
// looks whole. Callers hold the driver's lock.
type store struct {
	pool string
}

func (s store) folder(kind string) string { return filepath.Join(s.pool, kind) }

// path is where the data are.
func (s store) path(h handle) string { return filepath.Join(s.folder(h.kind), h.key) }

func (s store) recordPath(h handle) string { return s.path(h) + ".json" }

// prepare makes the folders; others than root do not get through them.
func (s store) prepare() error {
	return errors.Join(os.MkdirAll(s.folder(volumes), 0o700), os.MkdirAll(s.folder(snapshots), 0o700))
}

// find returns the record, or nil if there is no such thing.
func (s store) find(h handle) (*record, error) {
	content, err := os.ReadFile(s.recordPath(h))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := record{}
	if err := json.Unmarshal(content, &found); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.recordPath(h), err)
	}
	if !isSubvolume(s.path(h)) {
		return nil, fmt.Errorf("%s has a record and no data in %s", h, s.path(h))
	}
	return &found, nil
}

// list returns all records of a kind, in the order of their handles.
func (s store) list(kind, node string) ([]record, error) {
	names, err := filepath.Glob(filepath.Join(s.folder(kind), "*.json"))
	if err != nil {
		return nil, err
	}
	all := []record{}
	for _, name := range names {
		found, err := s.find(handle{kind, strings.TrimSuffix(filepath.Base(name), ".json"), node})
		if err != nil {
			return nil, err
		}
		all = append(all, *found)
	}
	slices.SortFunc(all, func(a, b record) int { return strings.Compare(a.Handle, b.Handle) })
	return all, nil
}

// add makes a thing: empty, or a snapshot of `source`. What an interrupted call left of it is removed first.
func (s store) add(h handle, made record, source string) (*record, error) {
	if err := s.removeData(h); err != nil {
		return nil, err
	}
	parent := s.folder(h.kind)
	var err error
	if source == "" {
		err = createSubvolume(parent, h.key)
	} else {
		err = snapshot(source, parent, h.key, h.kind == snapshots)
	}
	if err != nil {
		return nil, err
	}
	if source == "" {
		// Pods run as any user, and none of them can reach another one's volume. (Umask has no say in this.)
		if err := os.Chmod(s.path(h), 0o777); err != nil {
			return nil, err
		}
	}
	if made.Created, err = createdAt(s.path(h)); err != nil {
		return nil, err
	}
	made.Handle = h.String()
	return &made, s.writeRecord(h, made)
}

// remove ends a thing; without an error if there is none.
func (s store) remove(h handle) error {
	if err := os.Remove(s.recordPath(h)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := s.removeData(h); err != nil {
		return err
	}
	return s.sync()
}

func (s store) removeData(h handle) error {
	if _, err := os.Lstat(s.path(h)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return destroySubvolume(s.folder(h.kind), h.key)
}

func (s store) writeRecord(h handle, made record) error {
	content, err := json.Marshal(made)
	if err != nil {
		return err
	}
	unfinished, err := os.OpenFile(s.recordPath(h)+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = unfinished.Write(content)
	if err := errors.Join(err, unfinished.Sync(), unfinished.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished.Name(), s.recordPath(h)); err != nil {
		return err
	}
	return s.sync()
}

// sync writes what was done to the disk, in the order in which it was done: an answer is a promise.
func (s store) sync() error {
	folder, err := os.Open(s.pool)
	if err != nil {
		return err
	}
	defer folder.Close()
	return unix.Syncfs(int(folder.Fd()))
}
