//! The trace of instructions: a line for each, with what it changed.
//!
//! A line has the number of instructions completed before, the hart, the address and its symbol, the bits, the
//! instruction, and behind a semicolon registers and memory with their new values:
//! `1234 h0 ffffffff80001000 idle+0x4 00113423 sd ra,8(sp) ; [ffffffff81003e08+8]=0xffffffff80002a44`.

use crate::symbols::Symbols;
use machine::debug::{Driven, Driver, Executed, Go, Happening};
use machine::hart::Hart;
use machine::node::{Limits, Node, Pause};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

/// Lines written when no count is given.
const LINES_DEFAULT: u64 = 1_000_000;

/// What to trace and where to, as in `FILE,from=1000,count=500,hart=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The file; with the ending `.zst` it is compressed.
    pub file: PathBuf,
    /// Instructions of all harts together that pass before.
    pub from: u64,
    /// Lines at most.
    pub count: u64,
    /// Only this hart's.
    pub hart: Option<usize>,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Order, String> {
        let mut words = text.split(',');
        let file = words.next().filter(|file| !file.is_empty()).ok_or("no file is named")?;
        let mut order = Order { file: file.into(), from: 0, count: LINES_DEFAULT, hart: None };
        for word in words {
            let number = |digits: &str| {
                digits.parse::<u64>().map_err(|_| format!("`{digits}` is no number, in `{word}`"))
            };
            match word.split_once('=') {
                Some(("from", digits)) => order.from = number(digits)?,
                Some(("count", digits)) => order.count = number(digits)?,
                Some(("hart", digits)) => {
                    order.hart = Some(usize::try_from(number(digits)?).map_err(|error| error.to_string())?);
                }
                _ => return Err(format!("`{word}` is none of from=N, count=N, hart=N")),
            }
        }
        Ok(order)
    }
}

/// Where lines go.
type Sink = Box<dyn Write + Send>;

/// The pen: what is left to write, and the first error of writing.
struct Pen {
    sink: Sink,
    left: u64,
    error: Option<std::io::Error>,
}

/// Runs a node and keeps the trace.
pub struct Tracer {
    order: Order,
    symbols: Arc<Symbols>,
    pen: Arc<Mutex<Pen>>,
    begun: bool,
    over: bool,
}

impl Tracer {
    /// A tracer that writes to `sink`, which it closes when the run or the trace ends.
    pub fn new(order: Order, symbols: Arc<Symbols>, sink: Sink) -> Tracer {
        let pen = Pen { sink, left: order.count, error: None };
        Tracer { order, symbols, pen: Arc::new(Mutex::new(pen)), begun: false, over: false }
    }

    /// What went wrong in writing, if something did.
    pub fn error(&self) -> impl Fn() -> Option<String> + Send + use<> {
        let pen = Arc::clone(&self.pen);
        move || pen.lock().ok()?.error.as_ref().map(ToString::to_string)
    }

    fn begin(&mut self, node: &mut Node) {
        let (pen, symbols) = (Arc::clone(&self.pen), Arc::clone(&self.symbols));
        node.record(
            self.order.hart,
            Some(Box::new(move |executed| {
                let Ok(mut pen) = pen.lock() else { return };
                if pen.left == 0 || pen.error.is_some() {
                    return;
                }
                pen.left -= 1;
                let line = line(executed, &symbols);
                pen.error = pen.sink.write_all(line.as_bytes()).err();
            })),
        );
        self.begun = true;
    }

    fn is_spent(&self) -> bool {
        self.pen.lock().map_or(true, |pen| pen.left == 0 || pen.error.is_some())
    }

    fn close(&mut self, node: &mut Node) {
        if !std::mem::replace(&mut self.over, true) {
            node.record(None, None);
            if let Ok(mut pen) = self.pen.lock() {
                let flushed = pen.sink.flush().err();
                pen.error = pen.error.take().or(flushed);
                // Whatever completes the file does it when it goes.
                pen.sink = Box::new(std::io::sink());
            }
        }
    }
}

impl Driver for Tracer {
    fn run(&mut self, node: &mut Node, limits: Limits, go: Go) -> Driven {
        if !self.begun {
            let first = Limits { instructions: self.order.from.min(limits.instructions), ..limits };
            let pause = go(node, first);
            if pause != Pause::Instructions || first.instructions == limits.instructions {
                return Driven::Pause(pause);
            }
            self.begin(node);
        }
        while !self.over {
            // In stretches, so that a trace that is complete costs no more time.
            // The limit bounds traps as well, of which a guest may take more than it retires instructions.
            let traps = node.harts.iter().map(Hart::diversions).sum();
            let stretch = node.retired().max(traps).saturating_add(4096).min(limits.instructions);
            let pause = go(node, Limits { instructions: stretch, ..limits });
            if self.is_spent() {
                self.close(node);
            }
            if pause != Pause::Instructions || stretch == limits.instructions {
                return Driven::Pause(pause);
            }
        }
        Driven::Pause(go(node, limits))
    }

    fn end(&mut self, node: &mut Node, _reason: &str, _failed: bool) {
        self.close(node);
    }
}

/// The line of an instruction.
fn line(executed: &Executed<'_>, symbols: &Symbols) -> String {
    let Executed { hart, number, pc, raw, happening, registers, csrs, stores } = executed;
    let mut text = format!("{number} h{hart} {pc:016x} ");
    if !symbols.is_empty() {
        let name = symbols.describe(*pc);
        let _ = write!(text, "{} ", if name.is_empty() { "-" } else { &name });
    }
    if *happening == Happening::Interrupted {
        text.push_str("interrupt");
    } else {
        let _ = match raw {
            None => write!(text, "- not to be fetched"),
            Some(raw) => {
                let _ = if raw & 3 == 3 { write!(text, "{raw:08x} ") } else { write!(text, "{raw:04x} ") };
                match isa::decode(*raw) {
                    Some(inst) => write!(text, "{}", isa::disassemble(inst, *pc)),
                    None => write!(text, "illegal"),
                }
            }
        };
    }
    if *happening == Happening::Diverted {
        text.push_str(" (trap or firmware call)");
    }
    let mut mark = " ;";
    let mut changed = |change: String| {
        let _ = write!(text, "{mark} {change}");
        mark = "";
    };
    registers.iter().for_each(|(name, value)| changed(format!("{name}={value:#x}")));
    csrs.iter().for_each(|(number, value)| changed(format!("{}={value:#x}", isa::csr::name(*number))));
    for store in *stores {
        let value = store.value.map_or_else(|| "?".to_owned(), |value| format!("{value:#x}"));
        changed(format!("[{:x}+{}]={value}", store.span.start, store.span.bytes));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let read = |text: &str| text.parse::<Order>();
        let order = Order { file: "t.zst".into(), from: 10, count: 5, hart: Some(1) };
        assert_eq!(read("t.zst,from=10,count=5,hart=1"), Ok(order));
        assert_eq!(read("t").unwrap().count, LINES_DEFAULT);
        for wrong in ["", ",from=1", "t,form=1", "t,from=x", "t,5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
