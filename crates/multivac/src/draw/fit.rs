//! Text made to fit the terminal. What goes to a file or a pipe stays as it is.

use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;
use unicode_width::UnicodeWidthStr;

/// Columns of the terminal that standard output is, or of `COLUMNS`; `None` where it is none.
pub(crate) fn columns() -> Option<usize> {
    columns_of(&stdout())
}

/// Columns of the terminal that standard error is, likewise.
pub(crate) fn error_columns() -> Option<usize> {
    columns_of(&stderr())
}

fn columns_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    told.or_else(|| terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0)))
        .filter(|columns| *columns >= 20)
}

/// Breaks lines between words where they are longer than `columns`; what is broken goes on `hang` columns in, or a third of
/// the way where that is less.
pub(crate) fn wrap(text: &str, columns: Option<usize>, hang: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    text.split_inclusive('\n').map(|line| wrap_line(line, columns, hang)).collect()
}

fn wrap_line(line: &str, columns: usize, hang: usize) -> String {
    let hang = hang.min(columns / 3);
    if line.trim_end().width() <= columns {
        return line.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let wide = word.trim_end().width();
        if used > hang && used + wide > columns && hang + wide <= columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            used = hang;
        }
        out.push_str(word);
        used += word.width();
    }
    out
}

/// A picture of drawings and text, with an empty line between parts: text is wrapped, and a part that has too wide a line
/// of a drawing is left out as [`drawing`] does.
pub(crate) fn picture(text: &str, columns: Option<usize>) -> String {
    let Some(wide) = columns else { return text.to_owned() };
    let parts = text.split("\n\n").map(|part| {
        let broken = part.lines().any(|line| is_drawn(line) && line.width() > wide);
        if broken { drawing(part, columns).trim_end().to_owned() } else { wrap(part, columns, 4) }
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

/// Whether a line belongs to a drawing: lines or blocks touch in it.
fn is_drawn(line: &str) -> bool {
    let drawn = |letter: char| ('\u{2500}'..='\u{259f}').contains(&letter);
    line.chars().zip(line.chars().skip(1)).any(|(one, next)| drawn(one) && drawn(next))
}

/// A drawing, or a line in its place where it is too wide to be read.
pub(crate) fn drawing(text: &str, columns: Option<usize>) -> String {
    let wide = text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    match columns.filter(|columns| wide > *columns) {
        Some(_) => format!("(its drawing takes {wide} columns)\n"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_go_on_further_in() {
        let text = "means     one two three four five six\nshort\n";
        assert_eq!(wrap(text, None, 10), text);
        assert_eq!(wrap(text, Some(80), 10), text);
        let narrow = "means     one two three four\n          five six\nshort\n";
        assert_eq!(wrap(text, Some(30), 10), narrow);
        let narrower = "means     one two\n      three four\n      five six\nshort\n";
        assert_eq!(wrap(text, Some(20), 10), narrower);
        assert_eq!(
            wrap("digest    0123456789012345678901234567890123456789\n", Some(24), 10).lines().count(),
            1
        );
    }

    #[test]
    fn a_drawing_is_whole_or_not_there() {
        assert_eq!(drawing("──\n│\n", Some(2)), "──\n│\n");
        assert_eq!(drawing("──\n│\n", None), "──\n│\n");
        assert_eq!(drawing("───\n│\n", Some(2)), "(its drawing takes 3 columns)\n");
    }

    #[test]
    fn a_picture_is_fitted_part_by_part() {
        let text = "┌────────────────────────────┐\n\n─ a line of the legend of it\n\n──┐\n";
        assert_eq!(picture(text, None), text);
        assert_eq!(picture(text, Some(30)), text);
        assert_eq!(
            picture(text, Some(20)),
            "(its drawing takes 30 columns)\n\n─ a line of the\n    legend of it\n\n──┐\n"
        );
    }
}
