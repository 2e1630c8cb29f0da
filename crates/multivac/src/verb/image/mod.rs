//! `multivac image`: makes, lists and removes guest images.

mod configure;
mod progress;

use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::{Exit, Failure};
use image::debian::mirror::Mirror;
use image::{Built, ImageError, Recipe, Store};
use progress::Bars;
use serde_json::json;
use std::path::PathBuf;

/// Flags of `multivac image`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make an image out of Debian's riscv64 packages.
    Build(Build),
    /// List the images.
    List {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Remove images.
    Rm {
        /// The images' names.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Check images against their checksums.
    Verify {
        /// The images' names; all if none is given.
        names: Vec<String>,
    },
}

#[derive(clap::Args)]
struct Build {
    /// The distribution: debian:13.
    distribution: String,
    /// Leave the packages unpacked: their maintainer scripts do not run.
    #[arg(long)]
    unpack_only: bool,
    /// More packages, besides Debian's essential ones.
    #[arg(long, value_delimiter = ',', value_name = "A,B,...")]
    packages: Vec<String>,
    /// The Debian archive: an http address, or a folder. Default: that of the host's apt.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Keys that may sign the archive, instead of Debian's.
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// The image's name. Default: debian-13.
    #[arg(long)]
    name: Option<String>,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let store = Store::of_user().map_err(|error| failure(&error))?;
        match self.action {
            Action::Build(build) => build.run(&store),
            Action::List { json } => list(&store, json),
            Action::Rm { names } => {
                names.iter().try_for_each(|name| store.remove(name)).map_err(|error| failure(&error))?;
                Ok(Exit::Ok)
            }
            Action::Verify { names } => verify(&store, names),
        }
    }
}

impl Build {
    fn run(self, store: &Store) -> Result<Exit, Failure> {
        let name = self.name.unwrap_or_else(|| Recipe::default_name(&self.distribution));
        let recipe = Recipe {
            distribution: self.distribution,
            packages: self.packages,
            mirror: self.mirror.as_deref().map(Mirror::parse),
            keyring: self.keyring,
            name,
            configure: !self.unpack_only,
        };
        let mut progress: Box<dyn image::Progress> =
            if crate::diag::tone().quiet { Box::new(image::Silent) } else { Box::new(Bars::new()) };
        let built = image::build(&recipe, store, &mut *progress).map_err(|error| failure(&error))?;
        let (bundle, what) = match built {
            Built::Unchanged(bundle) => (bundle, "unchanged"),
            Built::New(bundle) => (bundle, "built"),
            Built::Unpacked(configuration) => {
                (configure::configure(*configuration, store, &mut *progress)?, "built")
            }
        };
        drop(progress);
        if crate::diag::tone().quiet {
            return Ok(Exit::Ok);
        }
        let manifest = bundle.manifest();
        println!(
            "{}: {what}: {}, {}, {} packages, {} MB",
            recipe.name,
            manifest.release,
            manifest.kernel_version,
            manifest.packages.len(),
            megabytes(&bundle)
        );
        Ok(Exit::Ok)
    }
}

fn megabytes(bundle: &image::Bundle) -> u64 {
    bundle.manifest().files.iter().map(|file| file.bytes).sum::<u64>() / 1_000_000
}

fn list(store: &Store, as_json: bool) -> Result<Exit, Failure> {
    let entries = store.list().map_err(|error| failure(&error))?;
    if as_json {
        let entry = |entry: &image::Entry| match &entry.bundle {
            Ok(bundle) => json!({
                "name": entry.name,
                "distribution": bundle.manifest().distribution,
                "release": bundle.manifest().release,
                "state": bundle.manifest().state,
                "kernel": bundle.manifest().kernel_version,
                "packages": bundle.manifest().packages.len(),
                "bytes": bundle.manifest().files.iter().map(|file| file.bytes).sum::<u64>(),
                "folder": bundle.dir(),
            }),
            Err(error) => json!({ "name": entry.name, "error": error.to_string() }),
        };
        println!("{:#}", json!({ "images": entries.iter().map(entry).collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    if entries.is_empty() {
        println!("no images; `multivac image build debian:13 --unpack-only` makes one");
        return Ok(Exit::Ok);
    }
    let whole = entries.iter().filter_map(|entry| entry.bundle.as_ref().ok().map(|bundle| (entry, bundle)));
    let rows = whole.map(|(entry, bundle)| {
        let manifest = bundle.manifest();
        vec![
            entry.name.clone(),
            manifest.release.clone(),
            manifest.state.to_string(),
            manifest.kernel_version.clone(),
            manifest.packages.len().to_string(),
            megabytes(bundle).to_string(),
        ]
    });
    let table = Table::new(&["NAME", "RELEASE", "STATE", "KERNEL", "PACKAGES", "MB"], rows.collect());
    print!("{}", table.with_left(4).within(1, fit::columns()));
    for entry in &entries {
        if let Err(error) = &entry.bundle {
            println!("{}", fit::wrap(&format!("{}  {error}", entry.name), fit::columns(), 4));
        }
    }
    Ok(Exit::Ok)
}

fn verify(store: &Store, names: Vec<String>) -> Result<Exit, Failure> {
    let all = || store.names().map_err(|error| failure(&error));
    let names = if names.is_empty() { all()? } else { names };
    for name in names {
        let bundle = store.open(&name).map_err(|error| failure(&error))?;
        bundle.verify().map_err(|error| failure(&error))?;
        println!("{name}: whole");
    }
    Ok(Exit::Ok)
}

/// The failure that an image's error is on the command line.
pub(crate) fn failure(error: &ImageError) -> Failure {
    let exit = match error {
        ImageError::UnknownDistribution(_) | ImageError::BadName(_) => Exit::Usage,
        ImageError::NoMirror | ImageError::Unsatisfiable(_) => Exit::Config,
        error if error.is_host() => Exit::Host,
        _ => Exit::Image,
    };
    Failure::new(exit, error, error.help())
}
