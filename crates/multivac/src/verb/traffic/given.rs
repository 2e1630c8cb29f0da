//! What the user gave: flags, and the same words as keys of a TOML file. A flag goes before its key.

use crate::diag::{Problem, unknown_field};
use crate::exit::{Exit, Failure};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

macro_rules! given {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// Flags of `multivac traffic` that a file can give too.
        #[derive(Clone, Debug, Default, clap::Args, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Given {
            $($(#[$doc])* #[arg(long, allow_negative_numbers = true)] pub(super) $name: Option<$kind>,)*
        }

        impl Given {
            /// The keys in use.
            fn keys(&self) -> Vec<&'static str> {
                [$(self.$name.is_some().then_some(stringify!($name)),)*].into_iter().flatten().collect()
            }

            /// These, and what `other` has besides.
            fn or(self, other: Given) -> Given {
                Given { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

given! {
    /// The network: as for `multivac topology`, sizes or a file [default: mesh:8x8].
    topology: String,
    /// The number of nodes, from which sizes that the topology leaves out follow.
    nodes: u32,
    /// uniform, transpose, bit-complement, bit-reverse, tornado, neighbour, hotspot[:NODE:SHARE], or permutation:FILE
    /// [default: uniform].
    pattern: String,
    /// Flits that each node makes a cycle, 0 to 1; without it (and without --sweep) the curve is swept.
    rate: f64,
    /// Flits of a packet [default: 8].
    packet_flits: u32,
    /// Virtual channels of a port [default: 4].
    vcs: u32,
    /// Flits that the buffer of a virtual channel holds [default: 8].
    buffer_flits: u32,
    /// store-and-forward, cut-through, wormhole or circuit [default: wormhole].
    switching: String,
    /// auto, dimension-order (e-cube), up-down, minimal-adaptive, valiant, ugal or table [default: auto].
    routing: String,
    /// flit (every flit in every router) or packet (links as servers) [default: flit].
    level: String,
    /// bernoulli, or bursty with the mean burst as in `bursty:100` [default: bernoulli].
    process: String,
    /// Priority classes, 1 to 4; packets of the highest go first [default: 1].
    classes: u32,
    /// The share of packets that are of the highest class [default: 0.1 with several classes].
    high_share: f64,
    /// A plan of faults: lines as `1000 link 3 7 down`, `0 link 1 2 loss 0.01`, `2000 node 5 crash`.
    faults: PathBuf,
    /// Cycles to compute a route [default: 0].
    route_delay: u32,
    /// Cycles to allocate a virtual channel [default: 1].
    vc_alloc_delay: u32,
    /// Cycles to allocate the switch [default: 1].
    switch_alloc_delay: u32,
    /// Cycles to cross the switch [default: 1].
    switch_delay: u32,
    /// Cycles to cross a link [default: 1].
    link_delay: u32,
    /// Cycles to take account of a credit [default: 1].
    credit_delay: u32,
    /// Cycles of warm-up; without it, until the network is steady.
    warmup: u64,
    /// Cycles of measurement; without it, until the mean latency is known to about 1 %.
    cycles: u64,
    /// The seed of all that is random [default: 1].
    seed: u64,
}

/// The file, and where in it the keys stand that count.
#[derive(Debug, Default)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
    places: BTreeMap<String, Range<usize>>,
}

impl Source {
    /// A mistake in the value of `key`, shown in the file if it stands there, else as that of a flag.
    pub(super) fn failure(&self, key: &str, message: &str, help: &str) -> Failure {
        match self.places.get(&key.replace('-', "_")) {
            Some(span) => Problem { span: span.clone(), message: message.to_owned(), help: help.to_owned() }
                .failure(&self.path, &self.text),
            None => Failure::new(Exit::Config, message, help),
        }
    }

    /// Where the value of `key` begins in the file, and the file's path and text.
    pub(super) fn place(&self, key: &str) -> Option<(usize, &Path, &str)> {
        self.places.get(key).map(|span| (span.start, self.path.as_path(), self.text.as_str()))
    }
}

impl Given {
    /// With what the file at `path` gives besides.
    ///
    /// Errors: a file that cannot be read or is no TOML, a key that is not known, a value of the wrong kind.
    pub(super) fn with_file(self, path: &Path) -> Result<(Given, Source), Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Failure::new(Exit::Config, message, "name a TOML file with the flags as keys, as `rate = 0.1`")
        })?;
        let broken = |error: &toml::de::Error| {
            let help = || "keys are the flags of `multivac traffic --help`, with `_` for `-`".to_owned();
            let message = error.message().split(", expected one of").next().unwrap_or_default();
            let problem = Problem {
                span: error.span().unwrap_or(0..0),
                message: message.to_owned(),
                help: unknown_field(error.message()).unwrap_or_else(help),
            };
            problem.failure(path, &text)
        };
        let mut file: Given = toml::from_str(&text).map_err(|error| broken(&error))?;
        let table = toml::de::DeTable::parse(&text).map_err(|error| broken(&error))?;
        let flags = self.keys();
        let counts = |key: &str| !flags.contains(&key);
        let places = table.get_ref().iter().map(|(key, value)| (key.get_ref().to_string(), value.span()));
        let places = places.filter(|(key, _)| counts(key)).collect();
        // What a file names stands beside it.
        let folder = path.parent().unwrap_or(Path::new(""));
        file.faults = file.faults.map(|faults| folder.join(faults));
        Ok((self.or(file), Source { path: path.to_owned(), text, places }))
    }
}
