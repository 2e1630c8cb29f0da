//! The project's own chores: `tidy`, `guest [check|bless]`, `fuzz`, `book` and `bench-compare`, each as `cargo xtask NAME`.

#[cfg(feature = "book")]
mod book;
mod compare;
mod fuzz;
mod guest;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy            hold the tree to the house rules
       cargo xtask guest [check]   rebuild guest/ and compare it with guest/prebuilt/
       cargo xtask guest bless     rebuild guest/ and store what came out
       cargo xtask fuzz               run the fuzz targets, each for a minute
       cargo book                     make the guide of docs/ a book in target/book
       cargo xtask bench-compare      measure Multivac against QEMU and native code";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["tidy"] => tidy::run(),
        ["guest"] | ["guest", "check"] => guest::check(),
        ["guest", "bless"] => guest::bless(),
        ["fuzz", "--help"] => {
            println!("{}", fuzz::USAGE);
            return ExitCode::SUCCESS;
        }
        ["fuzz", ref rest @ ..] => fuzz::run(rest),
        #[cfg(feature = "book")]
        ["book"] => book::run(),
        ["bench-compare", "--help"] => {
            println!("{}", compare::USAGE);
            return ExitCode::SUCCESS;
        }
        ["bench-compare", ref rest @ ..] => compare::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
