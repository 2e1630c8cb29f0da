//! What a long build tells whoever waits for it.

/// Receives how far a build is. Every method may be called from the building thread only.
pub trait Progress: Send {
    /// A new phase begins, with so much to do; `unit_bytes` says whether that is bytes or things.
    fn phase(&mut self, title: &str, total: u64, unit_bytes: bool);
    /// The phase went on by so much.
    fn advance(&mut self, amount: u64);
    /// The phase is over.
    fn done(&mut self);
    /// Something worth a line.
    fn note(&mut self, line: &str);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn phase(&mut self, _title: &str, _total: u64, _unit_bytes: bool) {}
    fn advance(&mut self, _amount: u64) {}
    fn done(&mut self) {}
    fn note(&mut self, _line: &str) {}
}
