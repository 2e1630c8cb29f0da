//! The project's own chores: `cargo xtask tidy` and `cargo xtask guest [check|bless]`.

mod guest;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy            hold the tree to the house rules
       cargo xtask guest [check]   rebuild guest/ and compare it with guest/prebuilt/
       cargo xtask guest bless     rebuild guest/ and store what came out";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["tidy"] => tidy::run(),
        ["guest"] | ["guest", "check"] => guest::check(),
        ["guest", "bless"] => guest::bless(),
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
