//! `multivac tour`: lists the course, or runs one concept of it.

use crate::diag::did_you_mean;
use crate::draw::fit;
use crate::exit::{Exit, Failure};
use crate::tour::{CHAPTERS, Entry, Lang};

/// Flags of `multivac tour`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The concept to show; without it, the list of all.
    concept: Option<String>,
    /// The language of titles.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let Some(name) = self.concept else {
            list(self.lang);
            return Ok(Exit::Ok);
        };
        let mut all = CHAPTERS.iter().flat_map(|chapter| chapter.entries);
        match all.find(|entry| entry.name == name) {
            Some(entry) => show(entry, self.lang),
            None => {
                let names = CHAPTERS.iter().flat_map(|chapter| chapter.entries).map(|entry| entry.name);
                let help = match did_you_mean(&name, names) {
                    Some(near) => format!("did you mean `{near}`? `multivac tour` lists all concepts"),
                    None => "`multivac tour` lists all concepts".to_owned(),
                };
                Err(Failure::new(Exit::Usage, format!("no concept is called `{name}`"), help))
            }
        }
    }
}

fn list(lang: Lang) {
    for chapter in CHAPTERS {
        println!("{}", lang.pick(chapter.title));
        for entry in chapter.entries {
            let line = format!("  {:24} {}", entry.name, lang.pick(entry.title));
            println!("{}", fit::wrap(&line, fit::columns(), 27));
        }
    }
}

fn show(entry: &Entry, lang: Lang) -> Result<Exit, Failure> {
    println!("{}\n", lang.pick(entry.title));
    let shown = (entry.run)()?;
    println!("{}\n", fit::picture(shown.picture.trim_end(), fit::columns()));
    let line = |name: &str, text: &str| {
        println!("{}", fit::wrap(&format!("{name:10}{text}"), fit::columns(), 10));
    };
    line("measured", &shown.measured);
    line("means", entry.means);
    if !crate::diag::tone().quiet {
        line("code", entry.file);
        line("try", entry.next);
    }
    Ok(Exit::Ok)
}
