//! From the initramfs to the image's root: file systems, modules, the squashfs under a tmpfs overlay.

use crate::log;
use crate::sys::{self, Errno};
use crate::text::Text;
use crate::{cmdline, files};
use core::ffi::CStr;

/// What stopped the boot.
pub struct Failure {
    /// What was being done.
    pub step: &'static str,
    /// Why it failed.
    pub errno: Errno,
}

fn at(step: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { step, errno }
}

/// Mounts what the kernel offers; called first, in the initramfs.
pub fn mount_kernel_views() -> Result<(), Failure> {
    for (source, target) in [(c"proc", c"/proc"), (c"sysfs", c"/sys"), (c"devtmpfs", c"/dev")] {
        let _ = sys::mkdir(target);
        match sys::mount(source, target, source, 0, c"") {
            // The kernel itself may have mounted /dev (CONFIG_DEVTMPFS_MOUNT).
            Ok(()) | Err(16) => {}
            Err(errno) => return Err(at("mounting /proc, /sys and /dev")(errno)),
        }
    }
    for (target, kind, data) in
        [(c"/dev/pts", c"devpts", c"gid=5,mode=620,ptmxmode=666"), (c"/dev/shm", c"tmpfs", c"mode=1777")]
    {
        let _ = sys::mkdir(target);
        let _ = sys::mount(kind, target, kind, 0, data);
    }
    for (target, link) in [
        (c"/proc/self/fd", c"/dev/fd"),
        (c"/proc/self/fd/0", c"/dev/stdin"),
        (c"/proc/self/fd/1", c"/dev/stdout"),
        (c"/proc/self/fd/2", c"/dev/stderr"),
    ] {
        let _ = sys::symlink(target, link);
    }
    Ok(())
}

/// Loads the modules of `/multivac/modules` that are wanted now: those without a condition, or those
/// whose `virtio:N` names a device type that is there.
///
/// A line is `CONDITION PATH`, in dependency order; the condition is `-` or `virtio:N`.
pub fn load_modules(conditional: bool) {
    let Ok(list) = files::read::<8192>(c"/multivac/modules") else {
        log!("no module list in the initramfs");
        return;
    };
    for line in list.bytes().split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(condition), Some(path)) = (words.next(), words.next()) else { continue };
        let wanted = match condition.strip_prefix(b"virtio:") {
            None => !conditional,
            Some(kind) => conditional && virtio_device_present(kind),
        };
        if !wanted {
            continue;
        }
        let path = Text::<256>::of(&[path]);
        let loaded = sys::open(path.c_str(), sys::O_RDONLY | sys::O_CLOEXEC).and_then(|fd| {
            let result = sys::load_module(fd);
            sys::close(fd);
            result
        });
        if let Err(errno) = loaded {
            log!("module {}: error {errno}", core::str::from_utf8(path.bytes()).unwrap_or("?"));
        }
    }
}

/// Is a virtio device of type `kind` (decimal digits) on the bus?
fn virtio_device_present(kind: &[u8]) -> bool {
    let Some(kind) = cmdline::number(kind, 10) else { return false };
    let mut found = false;
    let _ = files::entries(c"/sys/bus/virtio/devices", |name| {
        let path = Text::<128>::of(&[b"/sys/bus/virtio/devices/", name, b"/device"]);
        let id = files::read::<32>(path.c_str()).ok();
        found = id
            .and_then(|id| cmdline::number(id.trimmed().strip_prefix(b"0x")?, 16))
            .is_some_and(|id| id == kind);
        found
    });
    found
}

/// Mounts the root and moves there: squashfs below, a tmpfs above that takes all writes.
pub fn enter_root(wanted: Option<&[u8]>) -> Result<(), Failure> {
    let device = find_root(wanted)
        .ok_or(Failure { step: "looking for a disk with a squashfs", errno: sys::ENODEV })?;
    for path in [c"/multivac/lower", c"/multivac/upper", c"/multivac/root"] {
        sys::mkdir(path).map_err(at("making mount points"))?;
    }
    const READ_ONLY: usize = 1;
    sys::mount(device.c_str(), c"/multivac/lower", c"squashfs", READ_ONLY, c"")
        .map_err(at("mounting the squashfs"))?;
    sys::mount(c"tmpfs", c"/multivac/upper", c"tmpfs", 0, c"mode=755,size=90%")
        .map_err(at("mounting the tmpfs"))?;
    for path in [c"/multivac/upper/data", c"/multivac/upper/work"] {
        sys::mkdir(path).map_err(at("making the overlay's folders"))?;
    }
    let layers = c"lowerdir=/multivac/lower,upperdir=/multivac/upper/data,workdir=/multivac/upper/work";
    sys::mount(c"overlay", c"/multivac/root", c"overlay", 0, layers).map_err(at("mounting the overlay"))?;
    for (from, to) in [
        (c"/dev", c"/multivac/root/dev"),
        (c"/proc", c"/multivac/root/proc"),
        (c"/sys", c"/multivac/root/sys"),
    ] {
        let _ = sys::mkdir(to);
        sys::mount(from, to, c"", sys::MS_MOVE, c"").map_err(at("moving /dev, /proc and /sys"))?;
    }
    switch_root().map_err(at("switching to the root"))
}

/// Mounts each shared folder whose tag is a path, at that path of the root.
pub fn mount_shares() {
    const DEVICES: &CStr = c"/sys/bus/virtio/devices";
    const OPTIONS: &CStr = c"trans=virtio,version=9p2000.L,cache=mmap,msize=262144,access=any";
    let _ = files::entries(DEVICES, |name| {
        let path = Text::<128>::of(&[DEVICES.to_bytes(), b"/", name, b"/mount_tag"]);
        let Ok(tag) = files::read::<260>(path.c_str()) else { return false };
        // Linux ends the tag with a zero byte.
        let tag = tag.bytes().split(|byte| *byte == 0).next().unwrap_or_default();
        if !tag.starts_with(b"/") {
            return false;
        }
        for end in (1..=tag.len()).filter(|end| tag.get(*end).is_none_or(|byte| *byte == b'/')) {
            let _ = sys::mkdir(Text::<260>::of(&[&tag[..end]]).c_str());
        }
        let target = Text::<260>::of(&[tag]);
        if let Err(errno) = sys::mount(target.c_str(), target.c_str(), c"9p", 0, OPTIONS) {
            log!("mounting the shared folder {}: error {errno}", core::str::from_utf8(tag).unwrap_or("?"));
        }
        false
    });
}

/// Frees the initramfs and makes `/multivac/root` the root.
fn switch_root() -> Result<(), Errno> {
    remove_files(c"/multivac/modules.d");
    let _ = sys::unlink(c"/multivac/modules", false);
    let _ = sys::unlink(c"/bin/busybox", false);
    sys::chdir(c"/multivac/root")?;
    sys::mount(c".", c"/", c"", sys::MS_MOVE, c"")?;
    sys::chroot(c".")?;
    sys::chdir(c"/")?;
    for (target, data) in [(c"/run", c"mode=755"), (c"/tmp", c"mode=1777")] {
        let _ = sys::mkdir(target);
        let _ = sys::mount(c"tmpfs", target, c"tmpfs", 0, data);
    }
    let _ = sys::mkdir(c"/run/lock");
    Ok(())
}

/// Removes the files (not folders) of a folder; their memory is the initramfs's.
fn remove_files(folder: &CStr) {
    let _ = files::entries(folder, |name| {
        let path = Text::<256>::of(&[folder.to_bytes(), b"/", name]);
        let _ = sys::unlink(path.c_str(), false);
        false
    });
}

/// The disk to mount: the named one, else the first by name that starts with a squashfs's magic.
/// Disks appear while their driver probes, so this looks for a while.
fn find_root(wanted: Option<&[u8]>) -> Option<Text<64>> {
    for _ in 0..200 {
        let mut best = Text::<64>::new();
        let _ = files::entries(c"/sys/block", |name| {
            let path = Text::<64>::of(&[b"/dev/", name]);
            let fits = match wanted {
                Some(wanted) => name == wanted || path.bytes() == wanted,
                None => is_squashfs(path.c_str()),
            };
            if fits && (best.bytes().is_empty() || path.bytes() < best.bytes()) {
                best = path;
            }
            false
        });
        if !best.bytes().is_empty() {
            return Some(best);
        }
        let _ = sys::poll(&mut [], 50);
    }
    None
}

fn is_squashfs(path: &CStr) -> bool {
    let Ok(fd) = sys::open(path, sys::O_RDONLY | sys::O_CLOEXEC) else { return false };
    let mut magic = [0u8; 4];
    let read = sys::read(fd, &mut magic);
    sys::close(fd);
    read == Ok(4) && &magic == b"hsqs"
}
