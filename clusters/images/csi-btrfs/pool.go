package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const loopMajor = 7

// openPool mounts the btrfs file system of the file `image` at the folder `at`; makes it with `size` bytes, which take
// no space before they are written, if the file does not exist. A pool that is mounted already is used as it is: it
// outlives this program, since pods work in it.
func openPool(image string, size int64, at string) error {
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if isSubvolume(at) {
		return nil
	}
	if _, err := os.Stat(image); errors.Is(err, os.ErrNotExist) {
		if err := format(image, size); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	device, err := attach(image)
	if err != nil {
		return err
	}
	defer device.Close() // the mount keeps it
	// Without access times: who only reads a volume must not change it.
	if err := unix.Mount(device.Name(), at, "btrfs", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("cannot mount the pool %s (%s) at %s: %w", image, device.Name(), at, err)
	}
	return nil
}

// format makes an empty file system; the file gets its name when it is complete.
func format(image string, size int64) error {
	unfinished := image + ".new"
	if err := os.MkdirAll(filepath.Dir(image), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(file.Truncate(size), file.Close())
	if err != nil {
		return err
	}
	if output, err := exec.Command("mkfs.btrfs", "--quiet", "--data", "single", "--metadata", "single", unfinished).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a file system of %d bytes in %s: %w: %s", size, unfinished, err, output)
	}
	return os.Rename(unfinished, image)
}

// attach binds the file to a free loop device. The kernel frees the device when its last user closes it, which is the
// mount: a node that is removed, or killed, leaves none behind.
func attach(image string) (*os.File, error) {
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	loops, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("no loop devices: %w", err)
	}
	defer loops.Close()
	for {
		number, err := unix.IoctlRetInt(int(loops.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("no free loop device: %w", err)
		}
		device, err := openLoop(number)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		copy(config.Info.File_name[:len(config.Info.File_name)-1], image)
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
		if err == nil {
			return device, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) { // else another node was faster: all nodes share the machine's devices
			return nil, fmt.Errorf("cannot attach %s to %s: %w", image, device.Name(), err)
		}
	}
}

// openLoop opens a loop device, and makes its node in /dev if that is missing: the kernel makes it in the machine's
// /dev, not in that of a container.
func openLoop(number int) (*os.File, error) {
	path := fmt.Sprintf("/dev/loop%d", number)
	device, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return device, err
	}
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(loopMajor, uint32(number)))); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("cannot make %s: %w", path, err)
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// freeBytes is how much can be written into the pool.
func freeBytes(pool string) (int64, error) {
	var found unix.Statfs_t
	if err := unix.Statfs(pool, &found); err != nil {
		return 0, err
	}
	return int64(found.Bavail) * found.Bsize, nil
}
