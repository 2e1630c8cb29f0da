//! Chooses packages so that every dependency is met.
//!
//! Each dependency is met by what is chosen already, else by its first alternative that the archive
//! has; a virtual package by its provider of the highest priority, then the first by name. No choice is
//! taken back: what the archive's own tools need that for is rare, and then the user names the package.

use crate::debian::index::{Index, Package};
use crate::debian::relation::{self, Relation};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The names of all packages that `wanted` and the essential packages need, those included.
///
/// Errors: the package that is not there, the dependency that cannot be met, or the conflict.
pub fn resolve<'a>(index: &Index<'a>, wanted: &[&str]) -> Result<BTreeSet<&'a str>, String> {
    let mut resolver =
        Resolver { index, provided: provided(index)?, chosen: BTreeSet::new(), queue: VecDeque::new() };
    for package in index.iter().filter(|package| package.essential) {
        resolver.choose(package);
    }
    for name in wanted {
        let relation = Relation { name, version: None };
        let package = resolver.candidate(&relation).ok_or_else(|| unknown(index, name))?;
        resolver.choose(package);
    }
    while let Some(package) = resolver.queue.pop_front() {
        resolver.meet(package)?;
    }
    resolver.refuse_conflicts()?;
    Ok(resolver.chosen)
}

fn unknown(index: &Index<'_>, name: &str) -> String {
    let similar: Vec<&str> =
        index.iter().map(|package| package.name).filter(|known| known.contains(name)).take(5).collect();
    if similar.is_empty() {
        format!("the archive has no package `{name}`")
    } else {
        format!("the archive has no package `{name}`; it has {}", similar.join(", "))
    }
}

/// Who provides a name, and in which version.
type Provided<'a> = BTreeMap<&'a str, Vec<(&'a str, Option<&'a str>)>>;

fn provided<'a>(index: &Index<'a>) -> Result<Provided<'a>, String> {
    let mut provided: Provided<'a> = BTreeMap::new();
    for package in index.iter() {
        for relation in relation::parse(package.provides)?.into_iter().flatten() {
            let version = relation.version.map(|(_, version)| version);
            provided.entry(relation.name).or_default().push((package.name, version));
        }
    }
    Ok(provided)
}

struct Resolver<'i, 'a> {
    index: &'i Index<'a>,
    provided: Provided<'a>,
    chosen: BTreeSet<&'a str>,
    queue: VecDeque<&'i Package<'a>>,
}

impl<'i, 'a> Resolver<'i, 'a> {
    fn choose(&mut self, package: &'i Package<'a>) {
        if self.chosen.insert(package.name) {
            self.queue.push_back(package);
        }
    }

    /// Chooses whatever `package` depends on.
    fn meet(&mut self, package: &'i Package<'a>) -> Result<(), String> {
        for field in [package.pre_depends, package.depends] {
            let list = relation::parse(field).map_err(|error| format!("{}: {error}", package.name))?;
            for alternatives in list {
                if alternatives.iter().any(|one| self.is_met(one)) {
                    continue;
                }
                let candidate = alternatives.iter().find_map(|one| self.candidate(one)).ok_or_else(|| {
                    let list: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                    format!("{} needs {}, which the archive does not have", package.name, list.join(" or "))
                })?;
                self.choose(candidate);
            }
        }
        Ok(())
    }

    fn is_met(&self, relation: &Relation<'_>) -> bool {
        let by_name = self.index.get(relation.name).filter(|package| self.chosen.contains(package.name));
        by_name.is_some_and(|package| relation.accepts(package.version))
            || self.providers(relation).any(|name| self.chosen.contains(name))
    }

    /// The package to choose for a relation.
    fn candidate(&self, relation: &Relation<'_>) -> Option<&'i Package<'a>> {
        let by_name = self.index.get(relation.name).filter(|package| relation.accepts(package.version));
        by_name.or_else(|| {
            let providers = self.providers(relation).filter_map(|name| self.index.get(name));
            providers.min_by_key(|package| (rank(package.priority), package.name))
        })
    }

    /// The packages that provide a relation; one with a version is provided only by a version.
    fn providers<'s>(&'s self, relation: &'s Relation<'_>) -> impl Iterator<Item = &'a str> + 's {
        let list = self.provided.get(relation.name).map_or(&[][..], Vec::as_slice);
        let fits = |version: &Option<&str>| match version {
            Some(version) => relation.accepts(version),
            None => relation.version.is_none(),
        };
        list.iter().filter(move |(_, version)| fits(version)).map(|(name, _)| *name)
    }

    fn refuse_conflicts(&self) -> Result<(), String> {
        for package in self.chosen.iter().filter_map(|name| self.index.get(name)) {
            for field in [package.conflicts, package.breaks] {
                for relation in relation::parse(field)?.into_iter().flatten() {
                    let by_name =
                        self.index.get(relation.name).filter(|other| relation.accepts(other.version));
                    let others = by_name.map(|other| other.name).into_iter().chain(self.providers(&relation));
                    for other in others {
                        // A package may conflict with a name that it provides itself.
                        if other != package.name && self.chosen.contains(other) {
                            return Err(format!("{} cannot be with {other}", package.name));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn rank(priority: &str) -> usize {
    let order = ["required", "important", "standard", "optional"];
    order.iter().position(|known| *known == priority).unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::index::tests::paragraph;

    fn check(packages: &[(&str, &str, &str)], wanted: &[&str]) -> Result<String, String> {
        let text: Vec<String> =
            packages.iter().map(|(name, version, more)| paragraph(name, version, more)).collect();
        let text = text.join("\n");
        let index = Index::parse(&text).expect("an index");
        resolve(&index, wanted).map(|names| names.into_iter().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn essential_packages_and_dependencies_are_chosen() {
        let archive = [
            ("base", "1", "Essential: yes\nPre-Depends: awk\n"),
            ("gawk", "1", "Provides: awk\nPriority: optional\n"),
            ("mawk", "1", "Provides: awk\nPriority: required\n"),
            ("app", "1", "Depends: lib (>= 2) | libold, tool\n"),
            ("lib", "1", ""),
            ("libold", "1", ""),
            ("tool", "3", "Depends: app\n"),
            ("other", "1", ""),
        ];
        assert_eq!(check(&archive, &["app"]).as_deref(), Ok("app base libold mawk tool"));
        assert_eq!(check(&archive, &["app", "gawk"]).as_deref(), Ok("app base gawk libold tool"));
    }

    #[test]
    fn versioned_dependencies_take_versioned_provisions_only() {
        let archive = [
            ("app", "1", "Depends: api (>= 2)\n"),
            ("a", "1", "Provides: api\n"),
            ("b", "1", "Provides: api (= 2)\n"),
        ];
        assert_eq!(check(&archive, &["app"]).as_deref(), Ok("app b"));
    }

    #[test]
    fn what_cannot_be_met_is_named() {
        let archive =
            [("app", "1", "Depends: none (>= 2)\n"), ("libapp1", "1", "Breaks: z (<< 3)\n"), ("z", "2", "")];
        let error = |wanted: &[&str]| check(&archive, wanted).expect_err("an error");
        assert_eq!(error(&["app"]), "app needs none (>= 2), which the archive does not have");
        assert_eq!(error(&["ap"]), "the archive has no package `ap`; it has app, libapp1");
        assert_eq!(error(&["libapp1", "z"]), "libapp1 cannot be with z");
    }

    #[test]
    fn a_package_may_conflict_with_what_it_provides() {
        let archive = [("mta", "1", "Provides: agent\nConflicts: agent\n")];
        assert_eq!(check(&archive, &["mta"]).as_deref(), Ok("mta"));
    }
}
