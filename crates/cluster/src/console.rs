//! A node's console, between its guest and the outside: which device the guest speaks through, and input that waits
//! until it listens.

use machine::dev::virtio::console::CONSOLE_PORT;
use machine::node::Node;
use machine::state::{Source, State, StateError};
use std::collections::VecDeque;

/// A device that is a console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mouth {
    #[default]
    Serial,
    Virtio,
}

impl State for Mouth {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (*self == Mouth::Virtio).save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let mut virtio = false;
        virtio.restore(source)?;
        *self = if virtio { Mouth::Virtio } else { Mouth::Serial };
        Ok(())
    }
}

/// How long console input waits for a guest that has said nothing: it may still be setting its console up, and
/// would lose what comes before.
const SILENCE_NS: u64 = 100_000_000;

/// What a Linux kernel that panics says.
const PANIC: &str = "Kernel panic - not syncing";

/// How much of the end of what a guest said is kept.
const LAST_WORDS_BYTES: usize = 4096;

/// One node's console.
#[derive(Debug, Default)]
pub(crate) struct Console {
    /// Input that waits for the guest to listen, or for room.
    pending: Vec<u8>,
    /// Input waits until the guest opens its virtio console.
    waits: bool,
    /// Through which device the guest spoke last: it listens there.
    mouth: Option<Mouth>,
    last_words: VecDeque<u8>,
    /// What opens its virtio console has yet to say something there. No state: only the outside asks.
    boots: bool,
}

machine::state_fields!(Console { pending, waits, mouth, last_words });

impl Console {
    /// Makes input wait until the guest opens its virtio console.
    pub(crate) fn hold(&mut self) {
        self.waits = true;
        self.boots = true;
    }

    /// Takes the guest for one that listens already, as one that was restored may.
    pub(crate) fn awake(&mut self) {
        self.boots = false;
    }

    /// Whether somebody in the guest listens, as far as can be told: not before what opened the console that input waits for has
    /// said something there.
    pub(crate) fn listens(&self) -> bool {
        !self.boots
    }

    /// Takes input for the guest.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Whether no input waits.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether a Linux kernel has said that it panicked.
    pub(crate) fn tells_of_panic(&self) -> bool {
        String::from_utf8_lossy(&self.last_words()).contains(PANIC)
    }

    /// The end of what the guest said.
    pub(crate) fn last_words(&self) -> Vec<u8> {
        self.last_words.iter().copied().collect()
    }

    /// Gives the guest as much input as it takes, where it listens. A node that is `asleep` for good gets what it
    /// was to wait for.
    pub(crate) fn feed(&mut self, node: &mut Node, shadow: Option<&mut Node>, now_ns: u64, asleep: bool) {
        if self.pending.is_empty() {
            return;
        }
        let closed = node.bus.console().is_some_and(|console| !console.is_open(CONSOLE_PORT));
        let silent = self.mouth.is_none() && now_ns < SILENCE_NS;
        if !asleep && (silent || self.waits && closed) {
            return;
        }
        let mouth = if self.waits { Mouth::Virtio } else { self.mouth.unwrap_or(Mouth::Serial) };
        let taken = push(node, mouth, &self.pending);
        if let Some(shadow) = shadow {
            push(shadow, mouth, &self.pending);
        }
        self.pending.drain(..taken);
    }

    /// Takes what the guest said.
    pub(crate) fn hear(&mut self, node: &mut Node, shadow: Option<&mut Node>) -> Vec<u8> {
        let (bytes, mouth) = take(node);
        self.mouth = mouth.or(self.mouth);
        if self.boots && mouth == Some(Mouth::Virtio) {
            self.boots = node.bus.console().is_none_or(|console| !console.is_open(CONSOLE_PORT));
        }
        if let Some(shadow) = shadow {
            take(shadow);
        }
        self.last_words.extend(&bytes);
        let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        self.last_words.drain(..excess);
        bytes
    }
}

/// Gives a console as much of `input` as it takes.
fn push(node: &mut Node, mouth: Mouth, input: &[u8]) -> usize {
    let bus = &mut node.bus;
    let taken = match (mouth, bus.console()) {
        (Mouth::Virtio, Some(console)) => console.push_input(CONSOLE_PORT, input),
        _ => match &mut bus.uart {
            Some(uart) => uart.push_input(input, &mut bus.lines),
            None => input.len(),
        },
    };
    bus.settle();
    taken
}

/// What the guest wrote to its consoles, and on which last.
fn take(node: &mut Node) -> (Vec<u8>, Option<Mouth>) {
    let mut bytes = node.take_console();
    let mut mouth = (!bytes.is_empty()).then_some(Mouth::Serial);
    let console = node.bus.console();
    let mut spoken = console.map(|console| console.take_output(CONSOLE_PORT)).unwrap_or_default();
    if !spoken.is_empty() {
        mouth = Some(Mouth::Virtio);
        bytes.append(&mut spoken);
    }
    (bytes, mouth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::dev::virtio::console::Console as Device;
    use machine::dev::virtio::mmio::{Mmio, Peripheral};
    use machine::interp::Interpreter;
    use machine::node::Config;

    #[test]
    fn a_guest_listens_once_what_opened_its_console_has_spoken() {
        let mut node = Node::new(&Config::default(), Box::new(Interpreter::new(1))).unwrap();
        let mut console = Console::default();
        assert!(console.listens(), "a port takes whatever comes");
        console.hold();
        assert!(!console.listens());
        node.bus.virtio[0] = Mmio::new(1, Some(Peripheral::Console(Device::new(80, 24))));
        let say = |node: &mut Node| {
            let Some(Peripheral::Console(device)) = &mut node.bus.virtio[0].peripheral else {
                unreachable!()
            };
            machine::dev::virtio::Virtio::write_config(device, 8, b"#");
        };
        say(&mut node);
        assert_eq!(console.hear(&mut node, None), b"#");
        assert!(!console.listens(), "a kernel may speak there before anybody listens");
        console.awake();
        assert!(console.listens());
    }
}
