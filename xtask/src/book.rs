//! `cargo xtask book`: the guide of `docs/` as a book, by mdBook's own library, and a look at whether it is whole.
//!
//! The library is behind the feature `book`, since nothing else needs it.

use crate::tree;
use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;
use std::path::{Path, PathBuf};

/// Builds the book.
///
/// Errors: mdBook's; a page without its file, a link that leads nowhere.
pub(crate) fn run() -> Result<()> {
    let mut book = MDBook::load(tree::root().join("docs"))?;
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let out = own.unwrap_or_else(|| tree::root().join("target")).join("book");
    book.config.build.build_dir.clone_from(&out);
    book.config.build.create_missing = false;
    book.build()?;
    let mut pages = Vec::new();
    collect(&out, &mut pages)?;
    let mut broken = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
        let folder = page.parent().unwrap_or(&out);
        let lost = links(&text).filter(|link| !leads_somewhere(&out, folder, link));
        broken.extend(lost.map(|link| format!("{}: {link}", page.display())));
    }
    broken.iter().for_each(|link| eprintln!("book: a link leads nowhere: {link}"));
    ensure!(broken.is_empty(), "{} links lead nowhere", broken.len());
    let chapters =
        book.iter().filter(|item| matches!(item, mdbook_driver::book::BookItem::Chapter(_))).count();
    ensure!(pages.len() > chapters, "{} pages for {chapters} chapters", pages.len());
    println!("book: {chapters} chapters in {}", out.display());
    Ok(())
}

/// The HTML files in a folder, at any depth.
fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            pages.push(path);
        }
    }
    Ok(())
}

/// What a page's links and pictures name within the book.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let after = |mark| text.split(mark).skip(1).filter_map(|rest: &str| rest.split('"').next());
    after("href=\"").chain(after("src=\"")).filter(|link| !link.contains(':') && !link.starts_with('#'))
}

/// Whether a link of a page in `folder` leads to a file of the book, or of the repository.
fn leads_somewhere(book: &Path, folder: &Path, link: &str) -> bool {
    let path = link.split(['#', '?']).next().unwrap_or_default();
    // Pages outside of the book are linked to as they lie in the repository.
    let docs = tree::root().join("docs");
    let source = folder.strip_prefix(book).map(|inside| docs.join(inside)).unwrap_or(docs);
    path.is_empty() || folder.join(path).exists() || source.join(path).exists()
}
