package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

const (
	recordBytes = 4096
	trials      = 40
)

// journals is a pair of files to which one writer appends in lockstep: a record to A, then one to B. At every moment A
// has as many as B, or one more.
type journals struct {
	folder  string
	begun   atomic.Int64 // records of which the writer has begun to write A's
	written atomic.Int64 // records that both files have, for certain
}

// write appends until `stop` is closed; every record is synced before the next is written, as databases do.
func (j *journals) write(stop <-chan struct{}) error {
	files := []*os.File{}
	for _, name := range []string{"a", "b"} {
		file, err := os.OpenFile(filepath.Join(j.folder, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY|os.O_SYNC, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		files = append(files, file)
	}
	record := make([]byte, recordBytes)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		j.begun.Add(1)
		for _, file := range files {
			if _, err := file.Write(record); err != nil {
				return err
			}
		}
		j.written.Add(1)
	}
}

// counted returns how many records the files in `folder` have.
func counted(t *testing.T, folder string) (a, b int64) {
	t.Helper()
	sizes := []int64{}
	for _, name := range []string{"a", "b"} {
		found, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if found.Size()%recordBytes != 0 {
			t.Errorf("%s ends within a record: %d bytes", found.Name(), found.Size())
		}
		sizes = append(sizes, found.Size()/recordBytes)
	}
	return sizes[0], sizes[1]
}

// writing starts the writer on a volume that also holds a file which takes a copy some time.
func writing(t *testing.T, folder string) *journals {
	t.Helper()
	j := &journals{folder: folder}
	for _, name := range []string{"a", "between", "b"} { // folders list in the order of making
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, map[bool]int{true: 64 << 20}[name == "between"]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop, ended := make(chan struct{}), make(chan error)
	go func() { ended <- j.write(stop) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Errorf("the writer failed: %v", err)
		}
	})
	for deadline := time.Now().Add(time.Minute); j.written.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the writer has written nothing in a minute")
		}
	}
	return j
}

func TestASnapshotShowsOneMoment(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	volume, folder := published(t, d, "live", nil)
	j := writing(t, folder)
	before := int64(0)
	for trial := range trials {
		acknowledged, from := j.written.Load(), time.Now()
		made := snapshotted(t, d, fmt.Sprintf("trial-%d", trial), volume)
		begun, to := j.begun.Load(), time.Now()
		_, restored := published(t, d, fmt.Sprintf("restored-%d", trial), content(made))
		a, b := counted(t, restored)
		if a-b != 0 && a-b != 1 {
			t.Errorf("trial %d is torn: %d records in A, %d in B", trial, a, b)
		}
		if b < acknowledged || a > begun {
			t.Errorf("trial %d shows %d and %d records: not a moment between %d acknowledged and %d begun", trial, a, b, acknowledged, begun)
		}
		// The kernel's clock for files ticks some hundred times a second.
		if at := made.GetCreationTime().AsTime(); at.Before(from.Add(-20*time.Millisecond)) || at.After(to) {
			t.Errorf("trial %d was made at %s, says the driver: not between %s and %s", trial, at, from, to)
		}
		before = max(before, a)
	}
	t.Logf("%d snapshots, %d records in the last", trials, before)
}

// The test above could pass because nothing is ever torn here. A copy file by file is, on the same volume.
func TestACopyIsTorn(t *testing.T) {
	d := newTestDriver(t, newPool(t))
	_, folder := published(t, d, "live", nil)
	j := writing(t, folder)
	for trial := range trials {
		copied := filepath.Join(t.TempDir(), "copy")
		if output, err := exec.Command("cp", "-r", "--reflink=never", folder, copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		a, b := counted(t, copied)
		if a-b != 0 && a-b != 1 {
			t.Logf("copy %d is torn: %d records in A, %d in B; %d were written", trial, a, b, j.written.Load())
			return
		}
	}
	t.Errorf("none of %d copies is torn: the writer is too slow to show anything", trials)
}
