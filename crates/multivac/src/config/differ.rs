//! In which key two configurations differ.

use super::{Config, canonical};
use toml::{Table, Value};

/// A key in which two configurations differ for what a run is, with the value of each; none when they do not.
pub(crate) fn difference(one: &Config, other: &Config) -> Option<(String, String, String)> {
    let table = |config: &Config| canonical(&config.for_digest()).parse::<Table>().unwrap_or_default();
    between("", &Value::Table(table(one)), &Value::Table(table(other)))
}

fn between(key: &str, one: &Value, other: &Value) -> Option<(String, String, String)> {
    let join = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (one, other) {
        (Value::Table(one), Value::Table(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            let absent = Value::String("nothing".to_owned());
            names.into_iter().find_map(|name| {
                between(&join(name), one.get(name).unwrap_or(&absent), other.get(name).unwrap_or(&absent))
            })
        }
        // One group of nodes is called as `--set` calls it.
        (Value::Array(one), Value::Array(other)) if one.len() == 1 && other.len() == 1 => {
            between(key, &one[0], &other[0])
        }
        _ => (one != other).then(|| (key.to_owned(), one.to_string(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_differs_is_named() {
        let one = Config::demo();
        let mut other = Config { name: "other".to_owned(), ..one.clone() };
        other.run.max_time_ns = Some(1);
        assert_eq!(difference(&one, &other), None);
        other.first_mut().harts = 3;
        let found = difference(&one, &other);
        assert_eq!(found, Some(("node.harts".to_owned(), "4".to_owned(), "3".to_owned())));
        let mut other = one.clone();
        other.first_mut().disks.push(super::super::disk("x,ro").unwrap());
        assert!(difference(&one, &other).is_some_and(|(key, ..)| key == "node.disk"));
    }
}
