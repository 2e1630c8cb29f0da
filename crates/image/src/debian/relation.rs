//! Relations between packages: `Depends`, `Conflicts`, `Provides` and their kind.

use crate::debian::version;
use std::cmp::Ordering;
use std::fmt;

/// One package name with the versions that will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The condition on the version: operator and version.
    pub version: Option<(Operator, &'a str)>,
}

/// How a version is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Relation<'_> {
    /// Will this version do?
    pub fn accepts(&self, version: &str) -> bool {
        let Some((operator, wanted)) = self.version else { return true };
        let order = version::compare(version, wanted);
        match operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        let Some((operator, version)) = self.version else { return Ok(()) };
        let sign = match operator {
            Operator::Earlier => "<<",
            Operator::EarlierOrEqual => "<=",
            Operator::Equal => "=",
            Operator::LaterOrEqual => ">=",
            Operator::Later => ">>",
        };
        write!(f, " ({sign} {version})")
    }
}

/// Reads a list of relations: the outer list is joined by commas, the inner ones by `|`.
///
/// Errors: the entry that does not follow the syntax.
/// Source: Debian Policy, "Syntax of relationship fields".
pub fn parse(field: &str) -> Result<Vec<Vec<Relation<'_>>>, String> {
    let entries = field.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| entry.split('|').map(|one| parse_one(one.trim())).collect()).collect()
}

fn parse_one(text: &str) -> Result<Relation<'_>, String> {
    let (name, condition) = match text.split_once('(') {
        Some((name, rest)) => {
            (name.trim(), Some(rest.split_once(')').ok_or_else(|| format!("`{text}`: no `)`"))?.0.trim()))
        }
        None => (text.split([' ', '[', '<']).next().unwrap_or(""), None),
    };
    // `name:any` and `name:native` name the same package here: there is one architecture.
    let name = name.split(':').next().unwrap_or("");
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c)) {
        return Err(format!("`{text}`: not a package name"));
    }
    let version = condition.map(|condition| {
        let (operator, skip) = match condition.as_bytes() {
            [b'<', b'<', ..] => (Operator::Earlier, 2),
            [b'<', b'=', ..] => (Operator::EarlierOrEqual, 2),
            [b'>', b'=', ..] => (Operator::LaterOrEqual, 2),
            [b'>', b'>', ..] => (Operator::Later, 2),
            [b'=', ..] => (Operator::Equal, 1),
            _ => return Err(format!("`{text}`: no operator")),
        };
        Ok((operator, condition[skip..].trim()))
    });
    Ok(Relation { name, version: version.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_alternatives_are_read() {
        let list = parse("libc6 (>= 2.41), debconf (>= 0.5) | debconf-2.0, perl:any, x [amd64] <!nocheck>")
            .expect("relations");
        let text: Vec<Vec<String>> =
            list.iter().map(|any| any.iter().map(ToString::to_string).collect()).collect();
        let expected: [&[&str]; 4] =
            [&["libc6 (>= 2.41)"], &["debconf (>= 0.5)", "debconf-2.0"], &["perl"], &["x"]];
        assert_eq!(text, expected);
    }

    #[test]
    fn versions_are_accepted_by_operator() {
        let check = |relation: &str, version: &str| parse_one(relation).expect("a relation").accepts(version);
        assert!(check("a (<< 2)", "1") && !check("a (<< 2)", "2") && check("a (<= 2)", "2"));
        assert!(check("a (>> 2)", "3") && !check("a (>> 2)", "2") && check("a (>= 2)", "2"));
        assert!(check("a (= 2)", "2") && !check("a (= 2)", "2.1") && check("a", "7"));
    }

    #[test]
    fn hostile_relations_are_refused() {
        for text in ["a (>= 1", "a (1)", "a b/c (= 1)", "(= 1)", "../x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(" , "), Ok(Vec::new()));
    }
}
