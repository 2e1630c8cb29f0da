//! How simulated state is written out, for digests and snapshots, and read back.
//!
//! A component lists its fields once, with [`state_fields!`](crate::state_fields); saving and restoring both follow
//! that list, so they cannot drift apart. Numbers are little-endian at their own width; what can vary in length is
//! preceded by its length in 8 bytes.
//!
//! Invariant: a `Box<[T]>` has the length that the configuration gave it, and a saved one of another length is
//! refused; a `Vec` or `VecDeque` has whatever length was saved.

use std::collections::{BTreeMap, VecDeque};

/// Why saved state was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The bytes end inside a field.
    Truncated {
        /// Where the field that did not fit begins.
        offset: usize,
    },
    /// A field holds a value that it never has.
    Invalid {
        /// Where the field begins.
        offset: usize,
    },
    /// The state is of a machine of another shape.
    Shape {
        /// The length that the configuration calls for.
        expected: usize,
        /// The length that was saved.
        found: u64,
    },
}

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StateError::Truncated { offset } => write!(f, "the state ends inside the field at byte {offset}"),
            StateError::Invalid { offset } => write!(f, "the field at byte {offset} has an impossible value"),
            StateError::Shape { expected, found } => {
                write!(f, "the state has {found} entries where this machine has {expected}")
            }
        }
    }
}

impl std::error::Error for StateError {}

/// Saved state, read from the front.
#[derive(Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Source<'a> {
    /// Reads from the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes, offset: 0 }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let error = StateError::Truncated { offset: self.offset };
        let found = self.bytes[self.offset..].first_chunk::<N>().ok_or(error)?;
        self.offset += N;
        Ok(*found)
    }

    /// A length, refused when more than the bytes left could not fill.
    fn length(&mut self) -> Result<usize, StateError> {
        let offset = self.offset;
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.remaining())
            .ok_or(StateError::Truncated { offset })
    }
}

/// Something with simulated state.
pub trait State {
    /// Hands all of the state to `sink`, always in the same order.
    fn save(&self, sink: &mut dyn FnMut(&[u8]));

    /// Takes over what [`State::save`] wrote.
    ///
    /// Errors: when the bytes cannot have come from such a component; it is then partly overwritten.
    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError>;
}

/// Implements [`State`] from a list of fields; what is restored must be `sound`, if that is given.
#[macro_export]
macro_rules! state_fields {
    ($type:ty { $($field:tt),* $(,)? }) => {
        $crate::state_fields!($type { $($field),* }, |_: &$type| true);
    };
    ($type:ty { $($field:tt),* $(,)? }, $sound:expr) => {
        impl $crate::state::State for $type {
            fn save(&self, sink: &mut dyn FnMut(&[u8])) {
                $($crate::state::State::save(&self.$field, sink);)*
                let _ = sink;
            }

            fn restore(
                &mut self,
                source: &mut $crate::state::Source<'_>,
            ) -> Result<(), $crate::state::StateError> {
                let offset = source.offset();
                $($crate::state::State::restore(&mut self.$field, source)?;)*
                let sound: fn(&$type) -> bool = $sound;
                if sound(self) { Ok(()) } else { Err($crate::state::StateError::Invalid { offset }) }
            }
        }
    };
}

/// No count of what happened comes near this: 2 years of nanoseconds. One that did could not be added to those of others.
pub const COUNT_MAX: u64 = 1 << 56;

/// As [`state_fields!`](crate::state_fields), for a list of counts, of which none is [`COUNT_MAX`] or more.
#[macro_export]
macro_rules! state_counts {
    ($type:ty { $($field:ident),* $(,)? }) => {
        $crate::state_fields!($type { $($field),* }, |counts: &$type| {
            [$(counts.$field),*].iter().all(|count| *count < $crate::state::COUNT_MAX)
        });
    };
}

macro_rules! state_numbers {
    ($($type:ty),*) => {
        $(impl State for $type {
            fn save(&self, sink: &mut dyn FnMut(&[u8])) {
                sink(&self.to_le_bytes());
            }

            fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
                *self = <$type>::from_le_bytes(source.array()?);
                Ok(())
            }
        })*
    };
}

state_numbers!(u8, u16, u32, u64, u128);

impl State for usize {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (*self as u64).save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset;
        let word = u64::from_le_bytes(source.array()?);
        *self = usize::try_from(word).map_err(|_| StateError::Invalid { offset })?;
        Ok(())
    }
}

impl<A: State, B: State> State for (A, B) {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.0.save(sink);
        self.1.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.0.restore(source)?;
        self.1.restore(source)
    }
}

impl State for String {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).save(sink);
        sink(self.as_bytes());
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset;
        let mut bytes = Vec::new();
        bytes.restore(source)?;
        *self = String::from_utf8(bytes).map_err(|_| StateError::Invalid { offset })?;
        Ok(())
    }
}

impl State for bool {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&[u8::from(*self)]);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset;
        *self = match source.array()? {
            [0] => false,
            [1] => true,
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.iter().for_each(|item| item.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|item| item.restore(source))
    }
}

impl<T: State> State for Box<[T]> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).save(sink);
        self.iter().for_each(|item| item.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let found = u64::from_le_bytes(source.array()?);
        if found != self.len() as u64 {
            return Err(StateError::Shape { expected: self.len(), found });
        }
        self.iter_mut().try_for_each(|item| item.restore(source))
    }
}

impl<T: State + Default> State for Option<T> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.is_some().save(sink);
        if let Some(value) = self {
            value.save(sink);
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let mut some = false;
        some.restore(source)?;
        *self = None;
        if some {
            self.insert(T::default()).restore(source)?;
        }
        Ok(())
    }
}

impl<T: State + Default> State for Vec<T> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).save(sink);
        self.iter().for_each(|item| item.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.clear();
        for _ in 0..source.length()? {
            let mut item = T::default();
            item.restore(source)?;
            self.push(item);
        }
        Ok(())
    }
}

impl<T: State + Default> State for VecDeque<T> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).save(sink);
        self.iter().for_each(|item| item.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let mut items = Vec::new();
        items.restore(source)?;
        *self = items.into();
        Ok(())
    }
}

impl<K: State + Default + Ord, V: State + Default> State for BTreeMap<K, V> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (self.len() as u64).save(sink);
        for (key, value) in self {
            key.save(sink);
            value.save(sink);
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.clear();
        for _ in 0..source.length()? {
            let (mut key, mut value) = (K::default(), V::default());
            key.restore(source)?;
            value.restore(source)?;
            self.insert(key, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample {
        flag: bool,
        word: u32,
        queue: VecDeque<u8>,
        alarm: Option<u64>,
        names: BTreeMap<usize, String>,
    }

    state_fields!(Sample { flag, word, queue, alarm, names });

    fn saved(state: &impl State) -> Vec<u8> {
        let mut bytes = Vec::new();
        state.save(&mut |part| bytes.extend_from_slice(part));
        bytes
    }

    #[test]
    fn what_was_saved_is_restored_and_every_shorter_state_is_refused() {
        let names = [(3, "three".to_owned()), (1, String::new())].into();
        let sample = Sample { flag: true, word: 7, queue: [1, 2, 3].into(), alarm: Some(9), names };
        let bytes = saved(&sample);
        let mut copy = Sample::default();
        copy.restore(&mut Source::new(&bytes)).unwrap();
        assert_eq!(copy, sample);
        for length in 0..bytes.len() {
            let refused = Sample::default().restore(&mut Source::new(&bytes[..length]));
            assert!(matches!(refused, Err(StateError::Truncated { .. })), "{length} bytes: {refused:?}");
        }
    }

    #[test]
    fn counts_that_could_not_be_added_to_are_refused() {
        #[derive(Debug, Default, PartialEq)]
        struct Counts {
            a: u64,
            b: u64,
        }
        state_counts!(Counts { a, b });
        for (b, fits) in [(COUNT_MAX - 1, true), (COUNT_MAX, false), (u64::MAX, false)] {
            let bytes = saved(&Counts { a: 1, b });
            let restored = Counts::default().restore(&mut Source::new(&bytes));
            assert_eq!(restored.is_ok(), fits, "{b:#x}: {restored:?}");
        }
    }

    #[test]
    fn another_shape_and_an_impossible_value_are_refused() {
        let mut four: Box<[u8]> = vec![0; 4].into();
        let three: Box<[u8]> = vec![0; 3].into();
        let refused = four.restore(&mut Source::new(&saved(&three)));
        assert_eq!(refused, Err(StateError::Shape { expected: 4, found: 3 }));
        assert_eq!(true.restore(&mut Source::new(&[2])), Err(StateError::Invalid { offset: 0 }));
        let not_text = [1, 0, 0, 0, 0, 0, 0, 0, 0xff];
        assert_eq!(
            String::new().restore(&mut Source::new(&not_text)),
            Err(StateError::Invalid { offset: 0 })
        );
    }
}
