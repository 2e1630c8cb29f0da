//! The archive's release file: what it is, and the checksums of its indices.

use crate::Sha256;
use crate::debian::index::fields;

/// What a release file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its code name: `trixie`.
    pub codename: String,
    /// Its version: `13.7`.
    pub version: String,
    files: Vec<(String, u64, Sha256)>,
}

impl Release {
    /// Reads the signed text.
    ///
    /// Errors: what is missing or does not follow the format.
    pub fn parse(text: &str) -> Result<Release, String> {
        let mut release = Release { codename: String::new(), version: String::new(), files: Vec::new() };
        for (key, value) in fields(text) {
            match key {
                "Codename" => release.codename = value.into(),
                "Version" => release.version = value.into(),
                "SHA256" => {
                    for line in value.lines().map(str::trim).filter(|line| !line.is_empty()) {
                        let mut words = line.split_ascii_whitespace();
                        let entry = || {
                            let sum = Sha256::parse(words.next()?)?;
                            let size = words.next()?.parse().ok()?;
                            Some((words.next()?.to_owned(), size, sum))
                        };
                        release.files.push({ entry }().ok_or_else(|| format!("bad line `{line}`"))?);
                    }
                }
                _ => {}
            }
        }
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b".-".contains(&c));
        if release.codename.is_empty() || !plain(&release.codename) || !plain(&release.version) {
            return Err("bad or missing `Codename` or `Version`".into());
        }
        Ok(release)
    }

    /// Size and checksum of a file of the release.
    pub fn file(&self, name: &str) -> Option<(u64, Sha256)> {
        self.files.iter().find(|(known, ..)| known == name).map(|(_, size, sum)| (*size, *sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_found_by_name() {
        let sum = Sha256::of(b"x");
        let text = format!(
            "Codename: trixie\nVersion: 13.7\nMD5Sum:\n 00 1 main/a\nSHA256:\n {sum} 12 main/a\n {sum}  3 main/b\n"
        );
        let release = Release::parse(&text).expect("a release");
        assert_eq!(release.file("main/b"), Some((3, sum)));
        assert_eq!(release.file("main/c"), None);
        assert!(Release::parse(&text.replace(" 12 ", " -1 ")).is_err());
        assert!(Release::parse("Codename: a b\n").is_err());
    }
}
