// Reads all data of one of Velero's kopia repositories, with the library that Velero itself uses, and says what
// of it is damaged. It only reads, and has no secret among its arguments or in a file: what it is
// asked comes as JSON on standard input, and what it says goes as JSON to standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/s3"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/snapshotfs"
)

const maxLines = 100

type question struct {
	Endpoint  string        `json:"endpoint"` // URL
	Bucket    string        `json:"bucket"`
	Prefix    string        `json:"prefix"` // of all keys of the repository
	AccessKey string        `json:"access_key"`
	SecretKey string        `json:"secret_key"`
	Password  string        `json:"password"`  // of the repository
	Snapshots []manifest.ID `json:"snapshots"` // that must be in it
}

// The check came to its end where `trouble` is empty; only then does `damage` say all that there is to say.
type answer struct {
	Lost     []manifest.ID `json:"lost"`    // of the snapshots asked for
	Damage   []string      `json:"damage"`  // what is wrong with what the bucket holds
	Trouble  []string      `json:"trouble"` // what kept the check from its end
	Contents int           `json:"contents"`
	Bytes    int64         `json:"bytes"` // packed, all read
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "kopia-check: no question on standard input:", err)
		os.Exit(64)
	}
	ctx := context.Background()
	bucket, err := connect(ctx, asked)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kopia-check: no way to the bucket:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(check(ctx, bucket, asked)); err != nil {
		fmt.Fprintln(os.Stderr, "kopia-check:", err)
		os.Exit(1)
	}
}

// As long as the bucket answers everything, whatever fails is the fault of what lies there. Where it once does not,
// there is nothing more to be learned; the library would ask again for ever.
func check(ctx context.Context, bucket blob.Storage, asked question) answer {
	c := checker{sound: map[content.ID]bool{}}
	c.said.Lost, c.said.Damage = []manifest.ID{}, []string{}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	store := watch(bucket)
	store.stop = stop
	if err := c.run(ctx, store, asked); err != nil {
		c.damaged("%v", err) // a password that does not open it as well: Velero would restore by it
	}
	c.said.Trouble = store.trouble[:min(len(store.trouble), maxLines)]
	c.said.Damage = c.said.Damage[:min(len(c.said.Damage), maxLines)]
	return c.said
}

type checker struct {
	mu    sync.Mutex
	sound map[content.ID]bool // every content that was read: whether it is whole
	said  answer
}

func (c *checker) run(ctx context.Context, store *watched, asked question) error {
	folder, err := os.MkdirTemp("", "kopia-check-")
	if err != nil {
		store.note(err)
		return nil
	}
	defer os.RemoveAll(folder)
	config, at := filepath.Join(folder, "config"), store.ConnectionInfo()
	text, err := json.Marshal(repo.LocalConfig{Storage: &at, ClientOptions: repo.ClientOptions{ReadOnly: true}})
	if err == nil {
		err = os.WriteFile(config, text, 0o600)
	}
	if err != nil {
		store.note(err)
		return nil
	}
	opened, err := repo.Open(ctx, config, asked.Password, nil)
	if err != nil {
		return fmt.Errorf("the repository cannot be opened: %w", err)
	}
	defer opened.Close(ctx)
	rep := opened.(repo.DirectRepository)
	rep.DisableIndexRefresh()
	if err := c.contents(ctx, rep); err != nil {
		return err
	}
	return c.snapshots(ctx, rep, asked.Snapshots)
}

// Every content that the index knows is read, decrypted and unpacked: its key is made of what it should be.
func (c *checker) contents(ctx context.Context, rep repo.DirectRepository) error {
	err := rep.ContentReader().IterateContents(
		ctx, content.IterateOptions{Parallel: 2 * runtime.NumCPU()}, func(info content.Info) error {
			c.read(ctx, rep, info.ContentID)
			c.mu.Lock()
			c.said.Contents++
			c.said.Bytes += int64(info.PackedLength)
			c.mu.Unlock()
			return nil
		})
	if err != nil {
		return fmt.Errorf("the index cannot be read: %w", err)
	}
	return nil
}

func (c *checker) read(ctx context.Context, rep repo.DirectRepository, id content.ID) bool {
	c.mu.Lock()
	whole, known := c.sound[id]
	c.mu.Unlock()
	if known {
		return whole
	}
	_, err := rep.ContentReader().GetContent(ctx, id)
	if err != nil {
		c.damaged("content %v: %v", id, err)
	}
	c.mu.Lock()
	c.sound[id] = err == nil
	c.mu.Unlock()
	return err == nil
}

// Every snapshot must be there, with every file of its tree made of contents that are whole.
func (c *checker) snapshots(ctx context.Context, rep repo.DirectRepository, wanted []manifest.ID) error {
	found, err := snapshot.ListSnapshotManifests(ctx, rep, nil, nil)
	if err != nil {
		c.damaged("the snapshots cannot be listed: %v", err)
	}
	walker, err := snapshotfs.NewTreeWalker(ctx, snapshotfs.TreeWalkerOptions{
		MaxErrors: -1, // none is too many
		EntryCallback: func(ctx context.Context, _ fs.Entry, id object.ID, path string) error {
			return c.entry(ctx, rep, id, path)
		},
	})
	if err != nil {
		return err
	}
	defer walker.Close(ctx)
	ids := slices.Concat(wanted, found)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		of, err := snapshot.LoadSnapshot(ctx, rep, id)
		if err != nil {
			if slices.Contains(wanted, id) {
				c.said.Lost = append(c.said.Lost, id)
			}
			if !errors.Is(err, snapshot.ErrSnapshotNotFound) {
				c.damaged("snapshot %v: %v", id, err)
			}
			continue
		}
		if of.RootEntry == nil || of.IncompleteReason != "" {
			c.damaged("snapshot %v: incomplete %v", id, of.IncompleteReason)
			continue
		}
		root, err := snapshotfs.SnapshotRoot(rep, of)
		if err != nil {
			c.damaged("snapshot %v: %v", id, err)
			continue
		}
		// What it returns is of all snapshots so far; it is looked at in the end.
		_ = walker.Process(ctx, root, string(id))
	}
	if err := walker.Err(); err != nil && !errors.Is(err, errDamaged) {
		c.damaged("snapshots: %v", err)
	}
	return nil
}

var errDamaged = errors.New("damaged, and said so")

func (c *checker) entry(ctx context.Context, rep repo.DirectRepository, id object.ID, path string) error {
	parts, err := rep.VerifyObject(ctx, id)
	if err != nil {
		c.damaged("%v: %v", path, err)
		return errDamaged
	}
	for _, part := range parts {
		if !c.read(ctx, rep, part) {
			c.damaged("%v: content %v is damaged", path, part)
			return errDamaged
		}
	}
	return nil
}

func (c *checker) damaged(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said.Damage = append(c.said.Damage, fmt.Sprintf(format, args...))
}

// The repository's bucket, which notes whatever it could not answer. It is opened again by what kopia's library
// keeps of it in a file, its type; so its keys are in no file.
type watched struct {
	blob.Storage
	stop    func() // ends the check
	mu      sync.Mutex
	trouble []string
}

const kind = "watched"

type options struct{}

func connect(ctx context.Context, asked question) (blob.Storage, error) {
	at, err := url.Parse(asked.Endpoint)
	if err != nil {
		return nil, err
	}
	return s3.New(ctx, &s3.Options{
		BucketName: asked.Bucket, Prefix: asked.Prefix, Endpoint: at.Host, DoNotUseTLS: at.Scheme == "http",
		AccessKeyID: asked.AccessKey, SecretAccessKey: asked.SecretKey,
	}, false)
}

func watch(bucket blob.Storage) *watched {
	store := &watched{Storage: bucket, stop: func() {}, trouble: []string{}}
	blob.AddSupportedStorage(kind, options{}, func(context.Context, *options, bool) (blob.Storage, error) {
		return store, nil
	})
	return store
}

func (w *watched) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: kind, Config: &options{}}
}

func (w *watched) GetBlob(ctx context.Context, id blob.ID, offset, length int64, to blob.OutputBuffer) error {
	return w.note(w.Storage.GetBlob(ctx, id, offset, length, to))
}

func (w *watched) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	found, err := w.Storage.GetMetadata(ctx, id)
	return found, w.note(err)
}

func (w *watched) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	var own error
	err := w.Storage.ListBlobs(ctx, prefix, func(found blob.Metadata) error {
		own = each(found)
		return own
	})
	if own != nil {
		return err
	}
	return w.note(err)
}

// That a blob is not there, or is too short, is an answer. What is cancelled was so after another error.
func (w *watched) note(err error) error {
	answered := []error{nil, blob.ErrBlobNotFound, blob.ErrInvalidRange, context.Canceled}
	if !slices.ContainsFunc(answered, func(one error) bool { return errors.Is(err, one) }) {
		w.mu.Lock()
		w.trouble = append(w.trouble, err.Error())
		w.mu.Unlock()
		w.stop()
	}
	return err
}
