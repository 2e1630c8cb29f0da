//! A TOML table read key by key: what nobody asked for is a problem, with the key that was meant.

use super::one_of;
use crate::diag::{Problem, did_you_mean};
use std::cell::RefCell;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Problems found so far in one text.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a problem.
    pub(super) fn add(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.0.borrow_mut().push(Problem { span, message: message.into(), help: help.into() });
    }

    /// All of them, in the order of the text.
    pub(super) fn into_vec(self) -> Vec<Problem> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|problem| problem.span.start);
        all
    }
}

/// A table whose keys are being asked for.
pub(super) struct Reader<'t> {
    name: String,
    table: &'t DeTable<'t>,
    problems: &'t Problems,
    known: RefCell<Vec<&'static str>>,
}

/// A value found, with its place.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    value: &'t Spanned<DeValue<'t>>,
    problems: &'t Problems,
    key: &'static str,
}

impl<'t> Reader<'t> {
    /// Reads `table`, called `name` in messages (empty for the whole text).
    pub(super) fn new(name: &str, table: &'t DeTable<'t>, problems: &'t Problems) -> Reader<'t> {
        Reader { name: name.to_owned(), table, problems, known: RefCell::default() }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Found<'t>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        drop(known);
        let (_, value) = self.table.iter().find(|(found, _)| found.get_ref() == key)?;
        Some(Found { value, problems: self.problems, key })
    }

    /// Ends the reading: keys that nobody asked for are problems.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let word = key.get_ref();
            let place = if self.name.is_empty() { "here".to_owned() } else { format!("in `{}`", self.name) };
            let help = match did_you_mean(word, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("keys {place} are {}", known.join(", ")),
            };
            self.problems.add(key.span(), format!("unknown key `{word}` {place}"), help);
        }
    }
}

impl<'t> Found<'t> {
    /// Notes a problem with this value.
    pub(super) fn problem(&self, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(self.value.span(), message, help);
    }

    fn expected(&self, what: &str) {
        let kind = self.value.get_ref().type_str();
        self.problem(format!("`{}` is a {kind}, and should be {what}", self.key), "");
    }

    /// The value as a table.
    pub(super) fn table(&self, name: &str) -> Option<Reader<'t>> {
        let table = self.value.get_ref().as_table();
        if table.is_none() {
            self.expected(&format!("a table, [{name}]"));
        }
        Some(Reader::new(name, table?, self.problems))
    }

    /// The value as one table or an array of them.
    pub(super) fn tables(&self, name: &str) -> Vec<(Found<'t>, Reader<'t>)> {
        match self.value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .map(|value| Found { value, ..*self })
                .filter_map(|found| Some((found, found.table(name)?)))
                .collect(),
            _ => self.table(name).map(|reader| (*self, reader)).into_iter().collect(),
        }
    }

    /// The value as a string.
    pub(super) fn string(&self) -> Option<&'t str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.expected("a string");
        }
        text
    }

    /// The value as a list of strings.
    pub(super) fn strings(&self) -> Option<Vec<&'t str>> {
        let Some(items) = self.value.get_ref().as_array() else {
            self.expected("a list of strings");
            return None;
        };
        items.iter().map(|value| Found { value, ..*self }.string()).collect()
    }

    /// The value as a whole number within bounds.
    pub(super) fn integer(&self, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (low, high) = (*bounds.start(), *bounds.end());
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.expected("a whole number");
            return None;
        };
        let within = u64::try_from(number).ok().filter(|number| bounds.contains(number));
        if within.is_none() {
            let range = if high == u64::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
            self.problem(format!("`{}` is {number}, and should be {range}", self.key), "");
        }
        within
    }

    /// The value as a number from 0 to 1.
    pub(super) fn probability(&self) -> Option<f64> {
        let number: Option<f64> = match self.value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let within = number.filter(|number| (0.0..=1.0).contains(number));
        if within.is_none() {
            self.expected("a probability, 0 to 1");
        }
        within
    }

    /// The value as yes or no.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        if flag.is_none() {
            self.expected("true or false");
        }
        flag
    }

    /// The value as a string with its place in the text, that of the quotes left out.
    pub(super) fn string_at(&self) -> Option<(&'t str, usize)> {
        Some((self.string()?, self.value.span().start + 1))
    }

    /// Notes a problem at a place of the text.
    pub(super) fn problem_at(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(span, message, help);
    }

    /// Whether the value is a string.
    pub(super) fn is_string(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// The value as a quantity with a unit, or as a bare number.
    pub(super) fn quantity(&self, parse: fn(&str) -> Result<u64, String>) -> Option<u64> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => {
                self.expected("a number with its unit, in quotes");
                return None;
            }
        };
        parse(text).map_err(|help| self.problem(format!("`{}` cannot be `{text}`", self.key), help)).ok()
    }

    /// The value as a word of a fixed list.
    pub(super) fn word<T: Copy>(&self, known: &[(&'static str, T)]) -> Option<T> {
        let word = self.string()?;
        one_of(word, known)
            .map_err(|help| self.problem(format!("unknown value `{word}` of `{}`", self.key), help))
            .ok()
    }
}
