//! Errors in configuration files, shown with file, line, span and a way out.

use crate::exit::{Exit, Failure};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A place in a configuration text that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Byte range in the text.
    pub(crate) span: Range<usize>,
    /// What is wrong, in a line.
    pub(crate) message: String,
    /// What to do about it; empty when there is nothing to say.
    pub(crate) help: String,
}

impl Problem {
    /// Renders the problem against its text as a [`Failure`] with [`Exit::Config`].
    pub(crate) fn failure(&self, path: &Path, text: &str) -> Failure {
        let span = whole_characters(text, &self.span);
        let name = path.display().to_string();
        let mut report = vec![Level::ERROR.primary_title(self.message.as_str()).element(
            Snippet::source(text).path(name.as_str()).annotation(AnnotationKind::Primary.span(span)),
        )];
        if !self.help.is_empty() {
            report.push(
                Level::HELP
                    .secondary_title(self.help.as_str())
                    .elements([] as [annotate_snippets::Element<'_>; 0]),
            );
        }
        Failure { exit: Exit::Config, text: renderer().render(&report).to_string() }
    }
}

/// The range in `text` that covers `span` and cuts no character.
fn whole_characters(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut end = span.end.min(text.len());
    let mut start = span.start.min(end);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    // The renderer shows an empty range as one byte, which may be a part of a character.
    match text[start..].chars().next() {
        Some(next) if start == end && !next.is_ascii() => start..start + next.len_utf8(),
        _ => start..end,
    }
}

/// When messages and charts are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

static COLORED: AtomicBool = AtomicBool::new(false);
static COLORED_OUTPUT: AtomicBool = AtomicBool::new(false);

/// Settles whether messages, and charts on standard output, are coloured.
pub(crate) fn set_color(color: Color) {
    let wanted = std::env::var_os("NO_COLOR").is_none();
    let settle = |terminal: bool| color == Color::Always || color == Color::Auto && terminal && wanted;
    COLORED.store(settle(std::io::stderr().is_terminal()), Ordering::Relaxed);
    COLORED_OUTPUT.store(settle(std::io::stdout().is_terminal()), Ordering::Relaxed);
}

/// Whether charts on standard output are coloured.
pub(crate) fn colored_output() -> bool {
    COLORED_OUTPUT.load(Ordering::Relaxed)
}

/// How much is said beside results and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tone {
    /// Less: no report, no progress, no hints.
    pub(crate) quiet: bool,
    /// More: counters, and what is otherwise left unseen.
    pub(crate) verbose: bool,
}

static QUIET: AtomicBool = AtomicBool::new(false);
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Settles how much is said.
pub(crate) fn set_tone(tone: Tone) {
    QUIET.store(tone.quiet, Ordering::Relaxed);
    VERBOSE.store(tone.verbose, Ordering::Relaxed);
}

/// How much is said.
pub(crate) fn tone() -> Tone {
    Tone { quiet: QUIET.load(Ordering::Relaxed), verbose: VERBOSE.load(Ordering::Relaxed) }
}

fn renderer() -> Renderer {
    if COLORED.load(Ordering::Relaxed) { Renderer::styled() } else { Renderer::plain() }
}

/// The known word nearest to `word`, if one is near enough to be what was meant.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // Words of very different lengths are far from each other, and need not be compared.
    let comparable = |candidate: &&str| length.abs_diff(candidate.chars().count()) <= 1 + candidate.len() / 4;
    known
        .into_iter()
        .filter(comparable)
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What serde's "unknown field `x`, expected one of `a`, `b`" may have meant.
pub(crate) fn unknown_field(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let word = words.next()?;
    did_you_mean(word, words).map(|near| format!("did you mean `{near}`?"))
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_wins_and_far_words_do_not() {
        assert_eq!(did_you_mean("hypercub", ["ring", "hypercube", "star"]), Some("hypercube"));
        assert_eq!(did_you_mean("zzz", ["ring", "hypercube", "star"]), None);
    }

    #[test]
    fn a_problem_may_be_in_the_middle_of_a_character_or_before_one() {
        for (span, text) in
            [(0..0, "\u{feff}"), (0..1, "\u{feff}"), (2..9, "a\u{e9}\n"), (1..1, "a\u{e9}"), (9..9, "")]
        {
            let problem = Problem { span, message: "wrong".into(), help: String::new() };
            assert!(problem.failure(Path::new("a.toml"), text).text.contains("wrong"));
        }
    }

    #[test]
    fn a_problem_names_file_line_and_help() {
        let problem =
            Problem { span: 4..7, message: "unknown key".into(), help: "did you mean `bar`?".into() };
        let text = problem.failure(Path::new("x.toml"), "a=1\nbaz=2\n").text;
        assert!(
            text.contains("x.toml:2") && text.contains("unknown key") && text.contains("did you mean"),
            "{text}"
        );
    }
}
