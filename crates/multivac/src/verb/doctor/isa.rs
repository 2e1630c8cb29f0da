//! `multivac doctor --isa`: which instructions of the table the translator leaves to the interpreter.

use isa::Op;
use serde_json::json;
use std::collections::BTreeMap;

/// What the translator has no host code for; everything, where there is no translator.
fn interpreted() -> Vec<Op> {
    #[cfg(target_arch = "x86_64")]
    return translator::interpreted();
    #[cfg(not(target_arch = "x86_64"))]
    return Op::ALL.to_vec();
}

/// A line for each extension that has such instructions, and what they come to.
pub(super) fn as_text() -> String {
    let interpreted = interpreted();
    let mut by_extension: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for op in &interpreted {
        by_extension.entry(format!("{:?}", op.extension())).or_default().push(op.mnemonic());
    }
    let mut text = format!(
        "{} of {} instructions have no host code; the interpreter executes them:\n",
        interpreted.len(),
        Op::ALL.len()
    );
    for (extension, names) in by_extension {
        text.push_str(&format!("  {extension:12} {}\n", names.join(" ")));
    }
    text
}

/// The same as a document.
pub(super) fn as_json() -> serde_json::Value {
    let names: Vec<&str> = interpreted().into_iter().map(Op::mnemonic).collect();
    json!({ "instructions": Op::ALL.len(), "interpreted": names })
}
