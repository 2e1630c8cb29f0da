//! Programs flattened, and the synchronizers that they name.

use super::build::{Builder, Names};
use super::spec::{self, Kind, Peer, Phase, Sync};
use super::{Checked, ConfigError};
use crate::sim::{NESTING_MAX, Op, Program, SyncKind, SyncRef, Wait, Workload};
use crate::unit::ThreadId;
use serde_spanned::Spanned;
use std::ops::Range;

/// A group's own synchronizers, as they are found in its programs.
pub(super) struct Scope<'a> {
    pub(super) locals: Names,
    pub(super) list: Vec<(String, SyncKind)>,
    pub(super) width: u32,
    pub(super) declared: &'a [Spanned<Sync>],
}

impl Builder {
    /// What a declared synchronizer is.
    pub(super) fn kind(&self, sync: &Sync, width: Option<u32>, locals: &Names) -> Checked<SyncKind> {
        let wait = if sync.wait == Some(spec::Wait::Spin) { Wait::Spin } else { Wait::Block };
        Ok(match sync.kind {
            Kind::Spin => SyncKind::SpinLock,
            Kind::Mutex => SyncKind::Mutex,
            Kind::Monitor => SyncKind::Monitor,
            Kind::Semaphore => SyncKind::Semaphore(sync.count.unwrap_or(0)),
            Kind::Barrier => {
                let parties = sync.parties.as_ref().map(|parties| *parties.get_ref()).or(width).unwrap_or(0);
                if parties == 0 {
                    let span = sync.parties.as_ref().map_or(sync.name.span(), Spanned::span);
                    return Err(ConfigError::new(span, "a barrier needs `parties`, at least one", ""));
                }
                SyncKind::Barrier(parties, wait)
            }
            Kind::Condition => {
                let Some(monitor) = &sync.monitor else {
                    return Err(ConfigError::new(
                        sync.name.span(),
                        "a condition belongs to a `monitor`",
                        "name it",
                    ));
                };
                let names = if width.is_some() { locals } else { &self.globals };
                match names.get(monitor.get_ref()) {
                    Some((SyncRef::Global(at) | SyncRef::Local(at), SyncKind::Monitor)) => {
                        SyncKind::Condition(*at)
                    }
                    _ => {
                        let known = names.iter().filter(|(_, (_, kind))| *kind == SyncKind::Monitor);
                        let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
                        return Err(ConfigError::unknown(
                            monitor.span(),
                            "monitor declared before",
                            monitor.get_ref(),
                            known,
                        ));
                    }
                }
            }
        })
    }

    /// Adds a program; its number.
    pub(super) fn compile(&mut self, phases: &[Spanned<Phase>], scope: &mut Scope<'_>) -> Checked<u32> {
        let (mut ops, mut places) = (Program::new(), Vec::new());
        let number = ThreadId::new(self.workload.programs.len()).0;
        self.flatten(phases, scope, number, 0, &mut ops, &mut places)?;
        self.places.phases.push(places);
        Ok(self.workload.program(ops))
    }

    fn flatten(
        &mut self,
        phases: &[Spanned<Phase>],
        scope: &mut Scope<'_>,
        number: u32,
        depth: usize,
        ops: &mut Program,
        places: &mut Vec<Range<usize>>,
    ) -> Checked<()> {
        for phase in phases {
            let (span, phase) = (phase.span(), phase.get_ref());
            let verbs = phase.verbs();
            if verbs.len() != 1 {
                let message = if verbs.is_empty() {
                    "this phase does nothing".to_owned()
                } else {
                    format!("a phase does one thing, not {}", verbs.join(" and "))
                };
                let help = "compute, io, lock (with hold), unlock, down, up, barrier, wait, signal, send, receive, repeat (with do)";
                return Err(ConfigError::new(span, message, help));
            }
            if (phase.hold.is_some() && phase.lock.is_none())
                || (phase.r#do.is_some() && phase.repeat.is_none())
            {
                return Err(ConfigError::new(span, "`hold` belongs to `lock`, and `do` to `repeat`", ""));
            }
            let before = ops.len();
            let sync = |builder: &Builder, scope: &mut Scope<'_>, name: &Spanned<String>, verb: &str| {
                builder.named(name, verb, scope)
            };
            if let Some(times) = phase.compute {
                ops.push(Op::Compute(times.0));
            } else if let Some(times) = phase.io {
                ops.push(Op::Io(times.0));
            } else if let Some(name) = &phase.lock {
                let lock = sync(self, scope, name, "lock")?;
                ops.push(Op::Lock(lock));
                if let Some(hold) = phase.hold {
                    ops.extend([Op::Compute(hold.0), Op::Unlock(lock)]);
                }
            } else if let Some(name) = &phase.unlock {
                ops.push(Op::Unlock(sync(self, scope, name, "unlock")?));
            } else if let Some(name) = &phase.down {
                ops.push(Op::Down(sync(self, scope, name, "down")?));
            } else if let Some(name) = &phase.up {
                ops.push(Op::Up(sync(self, scope, name, "up")?));
            } else if let Some(name) = &phase.barrier {
                ops.push(Op::Barrier(sync(self, scope, name, "barrier")?));
            } else if let Some(name) = &phase.wait {
                ops.push(Op::WaitFor(sync(self, scope, name, "wait")?));
            } else if let Some(name) = &phase.signal {
                ops.push(Op::Signal(sync(self, scope, name, "signal")?));
            } else if let Some(peer) = &phase.send {
                match peer.get_ref() {
                    Peer::Rank(rank) if *rank < scope.width => ops.push(Op::Send(*rank)),
                    Peer::Rank(_) => {
                        return Err(ConfigError::new(
                            peer.span(),
                            format!("ranks are 0 to {}", scope.width - 1),
                            "",
                        ));
                    }
                    Peer::Name(name) => {
                        self.sends.push((number, ops.len(), name.clone(), peer.span()));
                        ops.push(Op::SendTo(ThreadId(0)));
                    }
                }
            } else if let Some(wait) = phase.receive {
                ops.push(Op::Receive(if wait == spec::Wait::Spin { Wait::Spin } else { Wait::Block }));
            } else if let Some(times) = &phase.repeat {
                if *times.get_ref() == 0 || depth + 1 >= NESTING_MAX {
                    let message = format!(
                        "a loop runs at least once, and at most {} stand inside each other",
                        NESTING_MAX - 1
                    );
                    return Err(ConfigError::new(times.span(), message, ""));
                }
                ops.push(Op::Repeat(*times.get_ref()));
                places.push(span.clone());
                self.flatten(
                    phase.r#do.as_deref().unwrap_or_default(),
                    scope,
                    number,
                    depth + 1,
                    ops,
                    places,
                )?;
                ops.push(Op::End(0));
                places.push(span.clone());
                continue;
            }
            places.extend((before..ops.len()).map(|_| span.clone()));
        }
        Ok(())
    }

    /// The synchronizer called `name`, which must be fit for `verb`; a barrier nobody declared is the group's own.
    fn named(&self, name: &Spanned<String>, verb: &str, scope: &mut Scope<'_>) -> Checked<SyncRef> {
        let word = name.get_ref();
        if verb == "barrier" && !scope.locals.contains_key(word) && !self.globals.contains_key(word) {
            scope.add(word, SyncKind::Barrier(scope.width, Wait::Block));
        }
        let Some((reference, kind)) = scope.locals.get(word).or_else(|| self.globals.get(word)) else {
            let known: Vec<&str> =
                scope.locals.keys().chain(self.globals.keys()).map(String::as_str).collect();
            let mut error = ConfigError::unknown(name.span(), "synchronizer", word, known);
            error.help = format!("declare it: [[sync]] name = \"{word}\", kind = \"spin\"");
            return Err(error);
        };
        let fits = match verb {
            "lock" | "unlock" => matches!(kind, SyncKind::SpinLock | SyncKind::Mutex | SyncKind::Monitor),
            "down" | "up" => matches!(kind, SyncKind::Semaphore(_)),
            "barrier" => matches!(kind, SyncKind::Barrier(..)),
            _ => matches!(kind, SyncKind::Condition(_)),
        };
        if !fits {
            return Err(ConfigError::new(
                name.span(),
                format!("`{verb}` does not go with what `{word}` is"),
                "",
            ));
        }
        Ok(*reference)
    }
}

impl Scope<'_> {
    pub(super) fn add(&mut self, name: &str, kind: SyncKind) {
        let reference = SyncRef::Local(ThreadId::new(self.list.len()).0);
        self.list.push((name.to_owned(), kind));
        self.locals.insert(name.to_owned(), (reference, kind));
    }

    pub(super) fn declare(&self, workload: &mut Workload) {
        for (name, kind) in &self.list {
            workload.synchronizer(name, *kind);
        }
    }
}

impl Phase {
    fn verbs(&self) -> Vec<&'static str> {
        let all = [
            ("compute", self.compute.is_some()),
            ("io", self.io.is_some()),
            ("lock", self.lock.is_some()),
            ("unlock", self.unlock.is_some()),
            ("down", self.down.is_some()),
            ("up", self.up.is_some()),
            ("barrier", self.barrier.is_some()),
            ("wait", self.wait.is_some()),
            ("signal", self.signal.is_some()),
            ("send", self.send.is_some()),
            ("receive", self.receive.is_some()),
            ("repeat", self.repeat.is_some()),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(verb, _)| verb).collect()
    }
}
