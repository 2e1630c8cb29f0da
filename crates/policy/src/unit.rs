//! Names of things and of time: no bare integer crosses a module's edge.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The one with this index.
            ///
            /// Panics: on an index of 2^32 or more; no structure here is that long.
            #[must_use]
            pub fn new(index: usize) -> $name {
                $name(u32::try_from(index).expect("fewer than 2^32 of a kind"))
            }

            /// Its place in the arrays indexed by it.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A thread, numbered from 0 in the order of creation.
    ThreadId, "t"
);
id!(
    /// A CPU of the multiprocessor, numbered from 0.
    CpuId, "cpu"
);
id!(
    /// A group of related threads (a gang); a thread without companions is a group of one.
    GroupId, "g"
);
id!(
    /// A node of a multicomputer, numbered from 0.
    NodeId, "n"
);

/// An instant or a length of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ns(pub u64);

impl Ns {
    /// No time, or the beginning of it.
    pub const ZERO: Ns = Ns(0);
    /// Never.
    pub const MAX: Ns = Ns(u64::MAX);

    /// This many microseconds.
    #[must_use]
    pub const fn us(us: u64) -> Ns {
        Ns(us * 1_000)
    }

    /// This many milliseconds.
    #[must_use]
    pub const fn ms(ms: u64) -> Ns {
        Ns(ms * 1_000_000)
    }

    /// In seconds, for reports.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "reports need no more than 53 bits")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for Ns {
    type Output = Ns;
    fn add(self, other: Ns) -> Ns {
        Ns(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Ns {
    fn add_assign(&mut self, other: Ns) {
        *self = *self + other;
    }
}

/// Differences end at zero: time has no sign here.
impl Sub for Ns {
    type Output = Ns;
    fn sub(self, other: Ns) -> Ns {
        Ns(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Ns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (1e-6, "us"),
            1_000_000..1_000_000_000 => (1e-3, "ms"),
            _ => (1.0, "s"),
        };
        let value = self.seconds() / scale;
        let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        write!(f, "{value:.digits$} {unit}")
    }
}
