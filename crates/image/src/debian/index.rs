//! The archive's list of packages.

use crate::Sha256;
use crate::debian::version;
use std::collections::BTreeMap;

/// One package of the index; the fields are the text's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// `riscv64` or `all`.
    pub architecture: &'a str,
    /// `required`, `important`, `standard`, `optional` or `extra`.
    pub priority: &'a str,
    /// Must it be on every system?
    pub essential: bool,
    /// `Depends`, unread.
    pub depends: &'a str,
    /// `Pre-Depends`, unread.
    pub pre_depends: &'a str,
    /// `Provides`, unread.
    pub provides: &'a str,
    /// `Conflicts`, unread.
    pub conflicts: &'a str,
    /// `Breaks`, unread.
    pub breaks: &'a str,
    /// Where the `.deb` is, below the mirror's root.
    pub filename: &'a str,
    /// The size of the `.deb` in bytes.
    pub size_bytes: u64,
    /// The checksum of the `.deb`.
    pub sha256: Sha256,
}

/// All packages by name, the latest version of each.
#[derive(Debug)]
pub struct Index<'a> {
    packages: BTreeMap<&'a str, Package<'a>>,
}

impl<'a> Index<'a> {
    /// Reads the text of a `Packages` file.
    ///
    /// Errors: the first paragraph that lacks what every package has.
    pub fn parse(text: &'a str) -> Result<Index<'a>, String> {
        let mut packages: BTreeMap<&str, Package<'_>> = BTreeMap::new();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            let package = package(paragraph.trim_start_matches('\n'))?;
            let known = packages.get(package.name);
            if known.is_none_or(|known| version::compare(known.version, package.version).is_lt()) {
                packages.insert(package.name, package);
            }
        }
        Ok(Index { packages })
    }

    /// The package of a name.
    pub fn get(&self, name: &str) -> Option<&Package<'a>> {
        self.packages.get(name)
    }

    /// All packages, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Package<'a>> {
        self.packages.values()
    }
}

fn package(paragraph: &str) -> Result<Package<'_>, String> {
    let mut package = Package {
        name: "",
        version: "",
        architecture: "",
        priority: "optional",
        essential: false,
        depends: "",
        pre_depends: "",
        provides: "",
        conflicts: "",
        breaks: "",
        filename: "",
        size_bytes: 0,
        sha256: Sha256::of(b""),
    };
    let mut has_checksum = false;
    let wrong = |name: &str, field: &str| format!("package `{name}`: bad or missing `{field}`");
    for (key, value) in fields(paragraph) {
        match key {
            "Package" => package.name = value,
            "Version" => package.version = value,
            "Architecture" => package.architecture = value,
            "Priority" => package.priority = value,
            "Essential" => package.essential = value == "yes",
            "Depends" => package.depends = value,
            "Pre-Depends" => package.pre_depends = value,
            "Provides" => package.provides = value,
            "Conflicts" => package.conflicts = value,
            "Breaks" => package.breaks = value,
            "Filename" => package.filename = value,
            "Size" => package.size_bytes = value.parse().map_err(|_| wrong(package.name, "Size"))?,
            "SHA256" => {
                package.sha256 = Sha256::parse(value).ok_or_else(|| wrong(package.name, "SHA256"))?;
                has_checksum = true;
            }
            _ => {}
        }
    }
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.:~".contains(&c))
    };
    let climbs = package.filename.split('/').any(|part| part == "..") || package.filename.starts_with('/');
    if !plain(package.name) {
        return Err(wrong(package.name, "Package"));
    } else if !plain(package.version) {
        return Err(wrong(package.name, "Version"));
    } else if package.filename.is_empty() || climbs {
        return Err(wrong(package.name, "Filename"));
    } else if !has_checksum {
        return Err(wrong(package.name, "SHA256"));
    }
    Ok(package)
}

/// The fields of one paragraph: key and value, a continued value with its line ends.
pub fn fields(paragraph: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = paragraph;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let bytes = rest.as_bytes();
            let mut end = 0;
            loop {
                end += bytes[end..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - end);
                match bytes.get(end + 1) {
                    Some(b' ' | b'\t') => end += 1,
                    _ => break,
                }
            }
            let field = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or("");
            if let Some((key, value)) = field.split_once(':') {
                return Some((key, value.trim()));
            }
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A paragraph with what is required and `more`.
    pub(crate) fn paragraph(name: &str, version: &str, more: &str) -> String {
        let sum = Sha256::of(name.as_bytes());
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: riscv64\nFilename: pool/{name}.deb\n\
             Size: 10\nSHA256: {sum}\n{more}\n"
        )
    }

    #[test]
    fn the_latest_version_is_kept_and_long_fields_are_whole() {
        let text = paragraph("a", "1.9", "")
            + "\n"
            + &paragraph("a", "1.10", "Depends: b,\n c (>= 1)\nEssential: yes\n")
            + "\n"
            + &paragraph("a", "1.2", "");
        let index = Index::parse(&text).expect("an index");
        let a = index.get("a").expect("there");
        assert_eq!((a.version, a.essential, a.depends), ("1.10", true, "b,\n c (>= 1)"));
        assert_eq!(index.iter().count(), 1);
    }

    #[test]
    fn hostile_paragraphs_are_refused() {
        for (from, to) in
            [("pool/", "../"), ("pool/", "/"), ("Size: 10", "Size: x"), ("SHA256: ", "SHA256: x")]
        {
            assert!(Index::parse(&paragraph("a", "1", "").replace(from, to)).is_err(), "{to}");
        }
        assert!(Index::parse(&paragraph("a/b", "1", "")).is_err());
        assert!(Index::parse(&paragraph("a", "1 2", "")).is_err());
        assert!(Index::parse("garbage").is_err());
    }
}
