//! A sheet of characters on which lines and words are drawn.

/// A sheet that grows to what is drawn on it.
#[derive(Default)]
pub(crate) struct Canvas {
    rows: Vec<Vec<char>>,
}

impl Canvas {
    /// Puts one character.
    pub(crate) fn put(&mut self, x: usize, y: usize, c: char) {
        if self.rows.len() <= y {
            self.rows.resize(y + 1, Vec::new());
        }
        let row = &mut self.rows[y];
        if row.len() <= x {
            row.resize(x + 1, ' ');
        }
        row[x] = c;
    }

    /// Puts a word from left to right.
    pub(crate) fn word(&mut self, x: usize, y: usize, word: &str) {
        for (i, c) in word.chars().enumerate() {
            self.put(x + i, y, c);
        }
    }

    /// Puts a word with its middle at `x`.
    pub(crate) fn centred(&mut self, x: usize, y: usize, word: &str) {
        self.word(x.saturating_sub(word.chars().count() / 2), y, word);
    }

    fn at(&self, x: usize, y: usize) -> char {
        self.rows.get(y).and_then(|row| row.get(x)).copied().unwrap_or(' ')
    }

    /// A horizontal line, ends included.
    pub(crate) fn across(&mut self, from: usize, to: usize, y: usize, c: char) {
        (from.min(to)..=from.max(to)).for_each(|x| self.put(x, y, c));
    }

    /// A straight line between two points, ends excluded; where two slanted lines meet they cross.
    pub(crate) fn line(&mut self, a: (usize, usize), b: (usize, usize)) {
        let (dx, dy) = (b.0.abs_diff(a.0), b.1.abs_diff(a.1));
        let steps = dx.max(dy);
        let slanted = if (b.0 > a.0) == (b.1 > a.1) { '╲' } else { '╱' };
        let between = |from: usize, to: usize, step: usize| {
            let twice = 2 * from.abs_diff(to) * step + steps;
            let moved = twice / (2 * steps);
            if to >= from { from + moved } else { from - moved }
        };
        let mut before = a;
        for step in 1..steps {
            let here = (between(a.0, b.0, step), between(a.1, b.1, step));
            let c = match (here.0 == before.0, here.1 == before.1) {
                (true, _) => '│',
                (_, true) if dy == 0 || dx > 2 * dy => '─',
                (_, true) => slanted,
                _ => slanted,
            };
            before = here;
            let crossed = match (self.at(here.0, here.1), c) {
                ('╱', '╲') | ('╲', '╱') => '╳',
                ('─', '│') | ('│', '─') => '┼',
                _ => c,
            };
            self.put(here.0, here.1, crossed);
        }
    }
}

impl std::fmt::Display for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for row in &self.rows {
            let line: String = row.iter().collect();
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cross() {
        let mut canvas = Canvas::default();
        canvas.line((0, 0), (4, 4));
        canvas.line((4, 0), (0, 4));
        assert_eq!(canvas.to_string(), "\n ╲ ╱\n  ╳\n ╱ ╲\n");
    }
}
