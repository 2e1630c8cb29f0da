//! Makes an image: chooses packages, fetches them, unpacks them, writes the bundle.

mod configure;
mod extras;
mod modules;
mod root;

pub use configure::{Configuration, apply};

use crate::archive::{cpio, squashfs};
use crate::bundle::{INITRAMFS, KERNEL, MANIFEST, ROOT};
use crate::debian::deb::{Deb, decompress};
use crate::debian::fetch::Fetcher;
use crate::debian::index::{Index, Package};
use crate::debian::mirror::Mirror;
use crate::debian::release::Release;
use crate::debian::{clearsign, keyring, resolve};
use crate::kernel::{self, Modules};
use crate::manifest::{FileEntry, Manifest, PackageEntry};
use crate::store::{Workspace, check_name};
use crate::tree::{Content, Node, Spool, Tree};
use crate::{Bundle, ImageError, Progress, Sha256, Store, initramfs};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Changes whenever the same packages give a different bundle.
const FORMAT: u32 = 4;
const SUITE: &str = "trixie";
/// The package index, in the forms that it may come in, the smallest first.
const INDICES: [&str; 3] = ["Packages.xz", "Packages.gz", "Packages"];
const INDEX_FOLDER: &str = "main/binary-riscv64";
const KERNEL_PACKAGE: &str = "linux-image-riscv64";
const RESCUE_PACKAGE: &str = "busybox-static";
/// In every image, besides Debian's essential packages.
const DEFAULT_PACKAGES: [&str; 7] = ["busybox", "iproute2", "kmod", "mount", "netbase", "passwd", "procps"];
/// What systemd needs to let someone log in at the console, though no package depends on it: it waits for the console's
/// device until udev tells it of one, and who logs in gets a session over the bus.
const WITH_SYSTEMD: [&str; 4] = ["dbus", "libpam-systemd", "login", "udev"];
const SYSTEMD: &str = "systemd-sysv";
/// No package index is larger, uncompressed.
const INDEX_BYTES_MAX: u64 = 1 << 30;

/// What to build.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// `debian:13`.
    pub distribution: String,
    /// Packages besides the default ones.
    pub packages: Vec<String>,
    /// The archive; that of the host's apt if not named.
    pub mirror: Option<Mirror>,
    /// The keys to check the archive with, instead of Debian's.
    pub keyring: Option<PathBuf>,
    /// The image's name.
    pub name: String,
    /// Let the packages' scripts configure them, in a guest.
    pub configure: bool,
}

/// What came of a build.
#[derive(Debug)]
pub enum Built {
    /// The store had it.
    Unchanged(Bundle),
    /// It is made.
    New(Bundle),
    /// It is unpacked, and needs a guest to go on.
    Unpacked(Box<Configuration>),
}

impl Recipe {
    /// The name of an image that is not given one: `debian-13` for `debian:13`.
    pub fn default_name(distribution: &str) -> String {
        distribution.replace(':', "-")
    }
}

/// Makes the image that a recipe describes, or finds that the store has it.
///
/// Errors: any [`ImageError`]; the store's images are then as they were.
pub fn build(recipe: &Recipe, store: &Store, progress: &mut dyn Progress) -> Result<Built, ImageError> {
    check_name(&recipe.name)?;
    if !["debian:13", "debian:trixie"].contains(&recipe.distribution.as_str()) {
        return Err(ImageError::UnknownDistribution(recipe.distribution.clone()));
    }
    let mirror = recipe.mirror.clone().or_else(Mirror::of_host).ok_or(ImageError::NoMirror)?;
    let keys = keyring::trusted(recipe.keyring.as_deref())?;
    let fetcher = Fetcher::new(mirror, store.cache());
    let (release, text) = fetch_index(&fetcher, &keys, progress)?;
    let index =
        Index::parse(&text).map_err(|reason| ImageError::malformed(fetcher.address(INDEX_FOLDER), reason))?;
    let plan = Plan::choose(&index, &recipe.packages)?;
    let manifest = plan.manifest(&release);
    let key = configure::key_of(recipe, manifest.key);
    if store.bundle(key).is_some() {
        return Ok(Built::Unchanged(store.point(&recipe.name, key)?));
    }
    let debs = fetch_packages(&fetcher, &plan, progress)?;
    let work = store.workspace()?;
    let (tree, spool) = write_bundle(&plan, &debs, manifest, &work, recipe.configure, progress)?;
    if !recipe.configure {
        return Ok(Built::New(store.publish(&recipe.name, key, work)?));
    }
    let bundle = Bundle::open(work.dir())?;
    Ok(Built::Unpacked(Box::new(Configuration { name: recipe.name.clone(), work, bundle, tree, spool })))
}

/// The packages of an image.
struct Plan<'i, 'a> {
    root: Vec<&'i Package<'a>>,
    kernel: &'i Package<'a>,
    rescue: &'i Package<'a>,
}

impl<'i, 'a> Plan<'i, 'a> {
    fn choose(index: &'i Index<'a>, more: &[String]) -> Result<Plan<'i, 'a>, ImageError> {
        let mut wanted: Vec<&str> =
            DEFAULT_PACKAGES.into_iter().chain(more.iter().map(String::as_str)).collect();
        let mut names = resolve::resolve(index, &wanted).map_err(ImageError::Unsatisfiable)?;
        if names.contains(SYSTEMD) {
            wanted.extend(WITH_SYSTEMD);
            names = resolve::resolve(index, &wanted).map_err(ImageError::Unsatisfiable)?;
        }
        let root = names.into_iter().filter_map(|name| index.get(name)).collect();
        let get = |name: &str| {
            let missing = || ImageError::Unsatisfiable(format!("the archive has no package `{name}`"));
            index.get(name).ok_or_else(missing)
        };
        // The package of that name only depends on the one with the kernel, which it names first.
        let latest = get(KERNEL_PACKAGE)?;
        let real = latest.depends.split([' ', ',', '(', '|']).next().unwrap_or("");
        Ok(Plan { root, kernel: get(real)?, rescue: get(RESCUE_PACKAGE)? })
    }

    /// The packages to fetch, each once.
    fn all(&self) -> Vec<&'i Package<'a>> {
        let mut all = self.root.clone();
        for more in [self.kernel, self.rescue] {
            if !all.iter().any(|package| package.name == more.name) {
                all.push(more);
            }
        }
        all
    }

    /// The manifest, without the files.
    fn manifest(&self, release: &Release) -> Manifest {
        let packages: Vec<PackageEntry> = self
            .root
            .iter()
            .map(|package| PackageEntry {
                name: package.name.into(),
                version: package.version.into(),
                architecture: package.architecture.into(),
                sha256: package.sha256,
            })
            .collect();
        let release = format!("{} {}", release.codename, release.version);
        let mut content = format!("{FORMAT}\nunpacked\n{release}\n{}\n", Sha256::of(initramfs::AGENT));
        content.push_str(&format!("{}\n{}\n", self.kernel.sha256, self.rescue.sha256));
        for package in &packages {
            content.push_str(&format!("{} {}\n", package.name, package.sha256));
        }
        Manifest {
            distribution: "debian:13".into(),
            release,
            state: "unpacked".into(),
            key: Sha256::of(content.as_bytes()),
            kernel_version: self.kernel.name.trim_start_matches("linux-image-").into(),
            files: Vec::new(),
            packages,
        }
    }
}

/// The release and the text of its package index, both checked.
fn fetch_index(
    fetcher: &Fetcher,
    keys: &[crate::debian::openpgp::Key],
    progress: &mut dyn Progress,
) -> Result<(Release, String), ImageError> {
    let path = format!("dists/{SUITE}/InRelease");
    let url = fetcher.address(&path);
    let signed = String::from_utf8(fetcher.fetch_unsized(&path)?)
        .map_err(|_| ImageError::malformed(&url, "not text"))?;
    let untrusted = |reason| ImageError::Untrusted { url: url.clone(), reason };
    let text = clearsign::verified(&signed, keys).map_err(untrusted)?;
    let release = Release::parse(&text).map_err(|reason| ImageError::malformed(&url, reason))?;
    if release.codename != SUITE {
        let reason = format!("it is of `{}`, not of `{SUITE}`", release.codename);
        return Err(ImageError::Mismatch { url, reason });
    }
    let known = |name: &&str| release.file(&format!("{INDEX_FOLDER}/{name}")).is_some();
    let missing = || ImageError::malformed(&url, format!("no checksum of {INDEX_FOLDER}/Packages"));
    let name = INDICES.into_iter().find(known).ok_or_else(missing)?;
    let (bytes, sum) = release.file(&format!("{INDEX_FOLDER}/{name}")).ok_or_else(missing)?;
    progress.phase("package index", bytes, true);
    // By its checksum first: the plain name changes under readers when the archive is updated.
    let by_hash = format!("dists/{SUITE}/{INDEX_FOLDER}/by-hash/SHA256/{sum}");
    let plain = format!("dists/{SUITE}/{INDEX_FOLDER}/{name}");
    let place = fetcher
        .fetch(&by_hash, bytes, sum, progress)
        .or_else(|_| fetcher.fetch(&plain, bytes, sum, progress))?;
    progress.done();
    let packed = std::fs::read(&place).map_err(ImageError::at(&place))?;
    let mut text = String::new();
    let malformed = |reason: String| ImageError::malformed(fetcher.address(&plain), reason);
    let reader = decompress(&packed, name).map_err(malformed)?;
    let read = reader.take(INDEX_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| ImageError::malformed(fetcher.address(&plain), error.to_string()))?;
    Ok((release, text))
}

/// The fetched package files, by name.
type Debs = std::collections::BTreeMap<String, PathBuf>;

fn fetch_packages(
    fetcher: &Fetcher,
    plan: &Plan<'_, '_>,
    progress: &mut dyn Progress,
) -> Result<Debs, ImageError> {
    let all = plan.all();
    progress.phase("packages", all.iter().map(|package| package.size_bytes).sum(), true);
    let mut debs = Debs::new();
    for package in all {
        let place = fetcher.fetch(package.filename, package.size_bytes, package.sha256, progress)?;
        debs.insert(package.name.to_owned(), place);
    }
    progress.done();
    Ok(debs)
}

/// Unpacks one package; files that `wanted` refuses are left out.
fn unpack(
    debs: &Debs,
    name: &str,
    tree: &mut Tree,
    spool: &mut Spool,
    wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Unpacked, ImageError> {
    let place = &debs[name];
    let bytes = std::fs::read(place).map_err(ImageError::at(place))?;
    let malformed = |reason| ImageError::malformed(format!("package {name}"), reason);
    let deb = Deb::open(&bytes).map_err(malformed)?;
    let shipped = deb.unpack(tree, spool, wanted).map_err(|reason| match spool.refusal() {
        Some(source) => ImageError::Host { path: PathBuf::from("the scratch file"), source },
        None => malformed(reason),
    })?;
    let control = deb.control().map_err(malformed)?;
    Ok(Unpacked { control, shipped })
}

struct Unpacked {
    control: Vec<(String, u16, Vec<u8>)>,
    shipped: Vec<Vec<u8>>,
}

fn write_bundle(
    plan: &Plan<'_, '_>,
    debs: &Debs,
    manifest: Manifest,
    work: &Workspace,
    configure: bool,
    progress: &mut dyn Progress,
) -> Result<(Tree, Spool), ImageError> {
    let scratch = work.dir().join("scratch");
    let file = File::options().read(true).write(true).create_new(true).open(&scratch);
    let mut spool = Spool::new(file.map_err(ImageError::at(&scratch))?);
    // Open without a name: gone whenever this process is.
    std::fs::remove_file(&scratch).map_err(ImageError::at(&scratch))?;

    let mut kernel_tree = Tree::new();
    let mut rescue_tree = Tree::new();
    progress.phase("unpacking", plan.root.len() as u64 + 2, false);
    let part =
        |path: &[u8]| path.starts_with(b"/boot/vmlinu") || path.windows(13).any(|w| w == b"/lib/modules/");
    unpack(debs, plan.kernel.name, &mut kernel_tree, &mut spool, &part)?;
    unpack(debs, plan.rescue.name, &mut rescue_tree, &mut spool, &|path| path.ends_with(b"/busybox"))?;
    progress.advance(2);
    let modules =
        Modules::find(&kernel_tree).map_err(|reason| ImageError::malformed("the kernel package", reason))?;
    let mut root = root::tree(plan, debs, &mut spool, (&modules, &kernel_tree), progress)?;
    if !configure {
        extras::add(&mut root).map_err(|reason| ImageError::malformed("the root", reason))?;
    }
    progress.done();

    write_kernel(&kernel_tree, &work.dir().join(KERNEL))?;
    let busybox = rescue_tree.file(b"usr/bin/busybox").or_else(|| rescue_tree.file(b"bin/busybox"));
    let initramfs = initramfs::tree(&modules, &kernel_tree, busybox.cloned())
        .map_err(|reason| ImageError::malformed("the kernel package", reason))?;
    write_initramfs(&initramfs, &work.dir().join(INITRAMFS))?;
    progress.phase("writing the root", content_bytes(&root), true);
    squashfs::write(&root, &work.dir().join(ROOT), |bytes| progress.advance(bytes))?;
    progress.done();
    describe(manifest, work)?;
    Ok((root, spool))
}

/// Adds the files to a manifest, and writes it.
fn describe(mut manifest: Manifest, work: &Workspace) -> Result<(), ImageError> {
    for name in [KERNEL, INITRAMFS, ROOT] {
        let path = work.dir().join(name);
        let bytes = std::fs::metadata(&path).map_err(ImageError::at(&path))?.len();
        manifest.files.push(FileEntry { name: name.into(), bytes, sha256: Sha256::of_file(&path)? });
    }
    let path = work.dir().join(MANIFEST);
    std::fs::write(&path, manifest.to_string()).map_err(ImageError::at(&path))
}

fn content_bytes(tree: &Tree) -> u64 {
    let size = |node: &Node| match node {
        Node::File(content) => content.len(),
        _ => 0,
    };
    tree.entries().map(|(_, _, node)| size(node)).sum()
}

fn write_kernel(tree: &Tree, path: &Path) -> Result<(), ImageError> {
    let is_kernel = |(name, _, node): (&[u8], _, &Node)| match node {
        Node::File(content) if name.starts_with(b"boot/vmlinu") => Some(content.clone()),
        _ => None,
    };
    let content: Option<Content> = tree.entries().find_map(is_kernel);
    let content = content.ok_or_else(|| ImageError::malformed("the kernel package", "no kernel in it"))?;
    let bytes = content.read_all().map_err(ImageError::at(path))?;
    kernel::check_image(&bytes).map_err(|reason| ImageError::malformed("the kernel package", reason))?;
    std::fs::write(path, bytes).map_err(ImageError::at(path))
}

fn write_initramfs(tree: &Tree, path: &Path) -> Result<(), ImageError> {
    let mut out = BufWriter::new(File::create(path).map_err(ImageError::at(path))?);
    cpio::write(tree, &mut out).and_then(|()| out.flush()).map_err(ImageError::at(path))
}
