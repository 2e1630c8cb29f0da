//! The folder where images are kept.
//!
//! ```text
//! STORE/images/NAME        a link to ../bundles/KEY
//! STORE/bundles/KEY/       a bundle; KEY is what determines its content
//! STORE/bundles/.new-...   a bundle in the making
//! STORE/cache/...          what was fetched, by checksum
//! ```
//!
//! Invariant: a folder under `bundles` without a leading dot is whole: it was renamed there after
//! everything in it was written. A name's link is replaced by a rename, so a build that is killed
//! leaves the old image.

use crate::bundle::Bundle;
use crate::{ImageError, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The images of one user.
#[derive(Clone, Debug)]
pub struct Store {
    data: PathBuf,
    cache: PathBuf,
}

/// One image in a listing.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The bundle, or why it cannot be used.
    pub bundle: Result<Bundle, ImageError>,
}

impl Store {
    /// The user's store: `$MULTIVAC_HOME` if set, else `multivac` under the XDG data and cache folders.
    ///
    /// Errors: [`ImageError::Host`] when there is no home folder.
    pub fn of_user() -> Result<Store, ImageError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(home) = set("MULTIVAC_HOME") {
            return Ok(Store::at(&home));
        }
        let under = |variable: &str, folder: &str| {
            let base = set(variable).filter(|path| path.is_absolute());
            let base = base.or_else(|| set("HOME").map(|home| home.join(folder)));
            base.map(|base| base.join("multivac")).ok_or_else(|| {
                let reason = io::Error::new(io::ErrorKind::NotFound, "set HOME or MULTIVAC_HOME");
                ImageError::at("home folder")(reason)
            })
        };
        Ok(Store { data: under("XDG_DATA_HOME", ".local/share")?, cache: under("XDG_CACHE_HOME", ".cache")? })
    }

    /// The store in a given folder.
    pub fn at(root: &Path) -> Store {
        Store { data: root.to_owned(), cache: root.join("cache") }
    }

    /// The folder of the images.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder of what was fetched.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Opens an image by name.
    ///
    /// Errors: [`ImageError::NoSuchImage`], [`ImageError::BadName`], [`ImageError::Damaged`].
    pub fn open(&self, name: &str) -> Result<Bundle, ImageError> {
        check_name(name)?;
        let link = self.images().join(name);
        if fs::symlink_metadata(&link).is_err() {
            return Err(ImageError::NoSuchImage { name: name.to_owned(), known: self.names()? });
        }
        match fs::canonicalize(&link) {
            Ok(dir) => Bundle::open(&dir),
            Err(_) => Err(ImageError::Damaged { dir: link, what: "its files are gone".into() }),
        }
    }

    /// All images, by name.
    ///
    /// Errors: [`ImageError::Host`] when the store cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, ImageError> {
        let names = self.names()?;
        Ok(names.into_iter().map(|name| Entry { bundle: self.open(&name), name }).collect())
    }

    /// Removes a name, and the bundle if no other name leads to it.
    ///
    /// Errors: [`ImageError::NoSuchImage`], [`ImageError::Host`].
    pub fn remove(&self, name: &str) -> Result<(), ImageError> {
        check_name(name)?;
        let link = self.images().join(name);
        if fs::symlink_metadata(&link).is_err() {
            return Err(ImageError::NoSuchImage { name: name.to_owned(), known: self.names()? });
        }
        let _lock = self.lock()?;
        fs::remove_file(&link).map_err(ImageError::at(&link))?;
        self.collect()
    }

    /// The whole bundle of a key, if the store has it.
    pub fn bundle(&self, key: Sha256) -> Option<Bundle> {
        Bundle::open(&self.bundles().join(key.to_string())).ok()
    }

    /// An empty folder to make a bundle in; hand it to [`Store::publish`]. What killed builds left makes room for it.
    ///
    /// Errors: [`ImageError::Host`].
    pub fn workspace(&self) -> Result<Workspace, ImageError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let bundles = self.bundles();
        fs::create_dir_all(&bundles).map_err(ImageError::at(&bundles))?;
        let _lock = self.lock()?;
        self.sweep()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = bundles.join(format!(".new-{}-{number}", std::process::id()));
        // A folder of that name is what a killed process of the same number left.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).map_err(ImageError::at(&dir))?;
        let lock = File::open(&dir).map_err(ImageError::at(&dir))?;
        let _ = lock.try_lock();
        Ok(Workspace { dir, _lock: lock })
    }

    /// Gives a finished bundle its place, and points the name at it.
    ///
    /// Errors: [`ImageError::Host`]; the name then still leads to what it led to before.
    pub fn publish(&self, name: &str, key: Sha256, work: Workspace) -> Result<Bundle, ImageError> {
        for entry in fs::read_dir(&work.dir).map_err(ImageError::at(&work.dir))? {
            let path = entry.map_err(ImageError::at(&work.dir))?.path();
            let file = File::open(&path).map_err(ImageError::at(&path))?;
            file.sync_all().map_err(ImageError::at(&path))?;
        }
        let _lock = self.lock()?;
        let place = self.bundles().join(key.to_string());
        if Bundle::open(&place).is_err() {
            let _ = fs::remove_dir_all(&place);
            fs::rename(&work.dir, &place).map_err(ImageError::at(&place))?;
        }
        self.link(name, key)
    }

    /// Points a name at a bundle that the store has.
    ///
    /// Errors: [`ImageError::Host`], [`ImageError::BadName`].
    pub fn point(&self, name: &str, key: Sha256) -> Result<Bundle, ImageError> {
        let _lock = self.lock()?;
        self.link(name, key)
    }

    fn link(&self, name: &str, key: Sha256) -> Result<Bundle, ImageError> {
        check_name(name)?;
        let images = self.images();
        fs::create_dir_all(&images).map_err(ImageError::at(&images))?;
        let fresh = images.join(format!(".{name}-{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        let target = Path::new("..").join("bundles").join(key.to_string());
        std::os::unix::fs::symlink(target, &fresh).map_err(ImageError::at(&fresh))?;
        let link = images.join(name);
        fs::rename(&fresh, &link).map_err(ImageError::at(&link))?;
        self.collect()?;
        self.open(name)
    }

    /// Keeps other processes from changing names and bundles while the returned file lives.
    fn lock(&self) -> Result<File, ImageError> {
        fs::create_dir_all(&self.data).map_err(ImageError::at(&self.data))?;
        let path = self.data.join(".lock");
        let file = File::create(&path).map_err(ImageError::at(&path))?;
        file.lock().map_err(ImageError::at(&path))?;
        Ok(file)
    }

    /// Removes what killed builds left.
    fn sweep(&self) -> Result<(), ImageError> {
        let abandoned = |path: &Path| File::open(path).is_ok_and(|dir| dir.try_lock().is_ok());
        self.remove_bundles(|name, path| name.starts_with('.') && abandoned(path))
    }

    /// Removes bundles that no name leads to, and what killed builds left.
    fn collect(&self) -> Result<(), ImageError> {
        self.sweep()?;
        let mut used = Vec::new();
        for name in self.names()? {
            if let Ok(target) = fs::read_link(self.images().join(name)) {
                used.extend(target.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        self.remove_bundles(|name, _| !name.starts_with('.') && !used.iter().any(|other| other == name))
    }

    /// Removes the folders among the bundles that are so.
    fn remove_bundles(&self, is_so: impl Fn(&str, &Path) -> bool) -> Result<(), ImageError> {
        let Ok(entries) = fs::read_dir(self.bundles()) else { return Ok(()) };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_so(&name, &path) {
                fs::remove_dir_all(&path).map_err(ImageError::at(&path))?;
            }
        }
        Ok(())
    }

    /// The names that there are, in order.
    ///
    /// Errors: [`ImageError::Host`].
    pub fn names(&self) -> Result<Vec<String>, ImageError> {
        let images = self.images();
        let entries = match fs::read_dir(&images) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ImageError::at(images)(error)),
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| check_name(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    fn bundles(&self) -> PathBuf {
        self.data.join("bundles")
    }
}

/// A folder in which a bundle is made; removed when dropped unpublished.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
    /// Held while the build lives, so that nobody takes the folder for a killed build's.
    _lock: File,
}

impl Workspace {
    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Errors: [`ImageError::BadName`].
pub(crate) fn check_name(name: &str) -> Result<(), ImageError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(fits) {
        return Err(ImageError::BadName(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle;
    use crate::manifest::{FileEntry, tests::sample};

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::at(dir.path());
        (dir, store)
    }

    /// The least that passes for a kernel, and for a squashfs.
    fn stubs() -> (Vec<u8>, Vec<u8>) {
        let mut kernel = vec![0; 64];
        kernel[0x30..0x35].copy_from_slice(b"RISCV");
        kernel[0x38..0x3c].copy_from_slice(b"RSC\x05");
        let mut root = vec![0; 128];
        root[..4].copy_from_slice(b"hsqs");
        (root[12 + 2], root[22], root[28], root[40]) = (2, 17, 4, 128);
        for table in [48, 56, 64, 72, 80, 88] {
            root[table] = 96;
        }
        (kernel, root)
    }

    /// Publishes a bundle whose initramfs is `content`.
    fn publish(store: &Store, name: &str, content: &[u8]) -> Result<Bundle, ImageError> {
        let work = store.workspace()?;
        let mut manifest = sample();
        manifest.key = Sha256::of(content);
        manifest.files.clear();
        let (kernel, root) = stubs();
        let files = [(bundle::KERNEL, &kernel[..]), (bundle::INITRAMFS, content), (bundle::ROOT, &root)];
        for (file, content) in files {
            fs::write(work.dir().join(file), content).map_err(ImageError::at(file))?;
            let bytes = content.len() as u64;
            manifest.files.push(FileEntry { name: file.into(), bytes, sha256: Sha256::of(content) });
        }
        fs::write(work.dir().join(bundle::MANIFEST), manifest.to_string()).map_err(ImageError::at("m"))?;
        store.publish(name, manifest.key, work)
    }

    #[test]
    fn a_new_build_replaces_the_old_one_and_drops_it() {
        let (_dir, store) = store();
        publish(&store, "a", b"one").expect("published");
        publish(&store, "b", b"one").expect("published");
        publish(&store, "a", b"two").expect("published");
        let read = |name: &str| fs::read(store.open(name).expect("open").initramfs()).expect("read");
        assert_eq!((read("a"), read("b")), (b"two".to_vec(), b"one".to_vec()));
        store.remove("b").expect("removed");
        assert!(store.bundle(Sha256::of(b"one")).is_none());
        assert_eq!(store.names().expect("names"), ["a"]);
    }

    #[test]
    fn a_build_that_stops_halfway_leaves_the_old_image() {
        let (_dir, store) = store();
        publish(&store, "a", b"one").expect("published");
        let work = store.workspace().expect("workspace");
        fs::write(work.dir().join("kernel"), b"half").expect("write");
        std::mem::forget(File::open(work.dir()));
        drop(work);
        assert!(store.open("a").is_ok_and(|bundle| bundle.verify().is_ok()));
    }

    #[test]
    fn what_a_killed_build_left_is_swept() {
        let (dir, store) = store();
        let left = dir.path().join("bundles/.new-1-0");
        fs::create_dir_all(&left).expect("folder");
        let live = store.workspace().expect("workspace");
        assert!(!left.exists());
        fs::create_dir_all(&left).expect("folder");
        publish(&store, "a", b"one").expect("published");
        assert!(!left.exists() && live.dir().exists());
    }

    #[test]
    fn damage_is_named() {
        let (_dir, store) = store();
        let bundle = publish(&store, "a", b"one").expect("published");
        let error = |store: &Store| {
            store.open("a").and_then(|bundle| bundle.verify()).expect_err("damaged").to_string()
        };
        fs::write(bundle.initramfs(), b"tw").expect("write");
        assert!(error(&store).contains("initramfs has 2 bytes instead of 3"), "{}", error(&store));
        fs::write(bundle.initramfs(), b"two").expect("write");
        assert!(error(&store).contains("initramfs is not what its checksum says"), "{}", error(&store));
        fs::write(bundle.root(), [0; 128]).expect("write");
        assert!(error(&store).contains("root.squashfs: not a squashfs"), "{}", error(&store));
        fs::remove_file(bundle.dir().join("manifest")).expect("remove");
        let error = store.open("a").expect_err("damaged").to_string();
        assert!(error.contains("no manifest"), "{error}");
    }

    #[test]
    fn names_stay_inside_the_store() {
        let (_dir, store) = store();
        for name in ["../x", "", ".hidden", "a/b", "a b"] {
            assert!(matches!(store.open(name), Err(ImageError::BadName(_))), "{name}");
        }
        assert!(matches!(store.open("x"), Err(ImageError::NoSuchImage { .. })));
    }
}
