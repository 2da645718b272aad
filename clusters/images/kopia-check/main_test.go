package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kopia/kopia/fs/localfs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/policy"
	"github.com/kopia/kopia/snapshot/upload"
)

const password = "static"

var errDown = errors.New("connection refused")

// A bucket in memory, which may go down after so many answers.
type memory struct {
	blob.DefaultProviderImplementation
	mu      sync.Mutex
	blobs   map[blob.ID][]byte
	answers int
}

func (m *memory) answer() error {
	m.answers--
	if m.answers < 0 {
		return errDown
	}
	return nil
}

func (m *memory) GetBlob(_ context.Context, id blob.ID, offset, length int64, to blob.OutputBuffer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	to.Reset()
	data, there := m.blobs[id]
	if err := m.answer(); err != nil {
		return err
	} else if !there {
		return blob.ErrBlobNotFound
	}
	if length >= 0 {
		if offset > int64(len(data)) {
			return blob.ErrInvalidRange
		}
		data = data[offset:min(offset+length, int64(len(data)))]
	}
	_, _ = to.Write(data)
	return blob.EnsureLengthExactly(to.Length(), length)
}

func (m *memory) GetMetadata(_ context.Context, id blob.ID) (blob.Metadata, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, there := m.blobs[id]
	if !there {
		return blob.Metadata{}, blob.ErrBlobNotFound
	}
	return blob.Metadata{BlobID: id, Length: int64(len(data))}, m.answer()
}

func (m *memory) ListBlobs(_ context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	m.mu.Lock()
	found := []blob.Metadata{}
	for id, data := range m.blobs {
		if strings.HasPrefix(string(id), string(prefix)) {
			found = append(found, blob.Metadata{BlobID: id, Length: int64(len(data))})
		}
	}
	err := m.answer()
	m.mu.Unlock()
	for _, one := range found {
		if err := each(one); err != nil {
			return err
		}
	}
	return err
}

func (m *memory) PutBlob(_ context.Context, id blob.ID, data blob.Bytes, _ blob.PutOptions) error {
	var whole bytes.Buffer
	_, err := data.WriteTo(&whole)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[id] = whole.Bytes()
	return err
}

func (m *memory) DeleteBlob(_ context.Context, id blob.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, id)
	return nil
}

func (m *memory) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: kind, Config: &options{}}
}
func (m *memory) DisplayName() string { return "memory" }

// A repository with one snapshot of a thousand files, one of them larger than a content may be; made once, as keys
// are slow to derive.
var repository = sync.OnceValues(func() (map[blob.ID][]byte, manifest.ID) {
	ctx, bucket := context.Background(), &memory{blobs: map[blob.ID][]byte{}, answers: plenty}
	folder, err := os.MkdirTemp("", "kopia-check-")
	must(err)
	defer os.RemoveAll(folder)
	must(os.Mkdir(filepath.Join(folder, "data"), 0o755))
	dice := rand.NewChaCha8([32]byte{})
	for i, size := range append(slices.Repeat([]int{99}, 999), 10<<20) {
		data := make([]byte, size)
		_, _ = dice.Read(data)
		must(os.WriteFile(filepath.Join(folder, "data", strconv.Itoa(i)), data, 0o644))
	}
	must(repo.Initialize(ctx, bucket, &repo.NewRepositoryOptions{}, password))
	config := filepath.Join(folder, "config")
	watch(bucket)
	must(repo.Connect(ctx, config, bucket, password, nil))
	opened, err := repo.Open(ctx, config, password, nil)
	must(err)
	var id manifest.ID
	must(repo.WriteSession(ctx, opened, repo.WriteSessionOptions{}, func(ctx context.Context, w repo.RepositoryWriter) error {
		source, err := localfs.Directory(filepath.Join(folder, "data"))
		must(err)
		at := snapshot.SourceInfo{Host: "pod", UserName: "velero", Path: "/data"}
		taken, err := upload.NewUploader(w).Upload(ctx, source, policy.BuildTree(nil, policy.DefaultPolicy), at)
		must(err)
		id, err = snapshot.SaveSnapshot(ctx, w, taken)
		return err
	}))
	must(opened.Close(ctx))
	return bucket.blobs, id
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

const plenty = 1 << 30

func fresh() (*memory, manifest.ID) {
	blobs, id := repository()
	return &memory{blobs: maps.Clone(blobs), answers: plenty}, id
}

func asked(id manifest.ID) question {
	return question{Password: password, Snapshots: []manifest.ID{id}}
}

func (m *memory) spoil(prefix blob.ID, spoilt func([]byte) []byte) {
	for id, data := range m.blobs {
		if strings.HasPrefix(string(id), string(prefix)) {
			if data = spoilt(slices.Clone(data)); data == nil {
				delete(m.blobs, id)
			} else {
				m.blobs[id] = data
			}
		}
	}
}

func missing([]byte) []byte       { return nil }
func cutShort(data []byte) []byte { return data[:len(data)/2] }
func flipped(data []byte) []byte {
	data[len(data)/2] ^= 0xff
	return data
}

func TestAWholeRepositoryIsReadInFullAndLeftAsItWas(t *testing.T) {
	bucket, id := fresh()
	before := len(bucket.blobs)
	said := check(context.Background(), bucket, asked(id))
	if len(said.Lost)+len(said.Damage)+len(said.Trouble) > 0 {
		t.Fatal(said)
	}
	if said.Contents < 1000 || said.Bytes < 10<<20 || len(bucket.blobs) != before {
		t.Fatal(said, before, len(bucket.blobs))
	}
}

func TestEveryDamageIsSeen(t *testing.T) {
	for _, prefix := range []blob.ID{"p", "q", "x", "kopia.repository"} {
		for name, spoilt := range map[string]func([]byte) []byte{"missing": missing, "cut": cutShort, "flipped": flipped} {
			t.Run(string(prefix)+" "+name, func(t *testing.T) {
				bucket, id := fresh()
				bucket.spoil(prefix, spoilt)
				said := check(context.Background(), bucket, asked(id))
				if len(said.Lost)+len(said.Damage) == 0 {
					t.Fatal(said)
				}
				if len(said.Trouble) > 0 {
					t.Fatal(said)
				}
				if (prefix == "x" || prefix == "q") && name == "missing" && !slices.Equal(said.Lost, []manifest.ID{id}) {
					t.Fatal("not said to be lost", said)
				}
			})
		}
	}
}

func TestASnapshotThatIsGoneIsLostThoughAllElseIsWhole(t *testing.T) {
	bucket, _ := fresh()
	said := check(context.Background(), bucket, asked("0123456789abcdef"))
	if !slices.Equal(said.Lost, []manifest.ID{"0123456789abcdef"}) || len(said.Damage)+len(said.Trouble) > 0 {
		t.Fatal(said)
	}
}

func TestARepositoryThatThePasswordDoesNotOpenIsAsGoodAsLost(t *testing.T) {
	bucket, id := fresh()
	said := check(context.Background(), bucket, question{Password: "another", Snapshots: []manifest.ID{id}})
	if len(said.Damage) != 1 || !strings.Contains(said.Damage[0], "cannot be opened") || len(said.Trouble) > 0 {
		t.Fatal(said)
	}
}

// However early or late the bucket goes down, nothing is said to be sound.
func TestABucketThatGoesDownIsTrouble(t *testing.T) {
	bucket, id := fresh()
	check(context.Background(), bucket, asked(id))
	needed := plenty - bucket.answers
	for _, answers := range []int{0, 1, 2, 5, needed / 2, needed - 1} {
		bucket.answers = answers
		if said := check(context.Background(), bucket, asked(id)); len(said.Trouble) == 0 {
			t.Fatal(answers, needed, said)
		}
	}
	bucket.answers = needed
	if said := check(context.Background(), bucket, asked(id)); len(said.Lost)+len(said.Damage)+len(said.Trouble) > 0 {
		t.Fatal(needed, said)
	}
}
