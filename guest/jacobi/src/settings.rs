//! What the words of the device tree's `bootargs` ask for.

/// How nodes get their blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Map {
    /// By Gray code: blocks side by side differ in one bit of the nodes' numbers, so that they are neighbours in a
    /// hypercube.
    Gray,
    /// Row by row.
    Rows,
}

/// The computation.
#[derive(Clone, Copy)]
pub struct Settings {
    /// `nodes=N`: how many nodes work together; their numbers are 0 to N-1.
    pub nodes: usize,
    /// `grid=N`: cells inside the plate, along each side.
    pub grid: usize,
    /// `tolerance=N`: the plate is settled when no cell changes by more than N millionths of a degree.
    pub tolerance_millionths: usize,
    /// `iterations=N`: it is not waited for longer than this.
    pub iterations: usize,
    /// `check=N`: iterations from one look at the largest change to the next.
    pub check: usize,
    /// `map=gray|rows`.
    pub map: Map,
    /// `patience=N`: milliseconds after which a silent node is given up.
    pub patience_ms: usize,
}

const DEFAULT: Settings = Settings {
    nodes: 1,
    grid: 128,
    tolerance_millionths: 50_000,
    iterations: 2000,
    check: 20,
    map: Map::Gray,
    patience_ms: 2000,
};

impl Settings {
    /// Reads the words; the word that is not understood is the error.
    pub fn read(words: &'static str) -> Result<Settings, &'static str> {
        let mut settings = DEFAULT;
        for word in words.split_ascii_whitespace() {
            let (key, value) = word.split_once('=').ok_or(word)?;
            let number = || value.parse::<usize>().ok().filter(|number| *number > 0).ok_or(word);
            match key {
                "nodes" => settings.nodes = number()?,
                "grid" => settings.grid = number()?,
                "tolerance" => settings.tolerance_millionths = number()?,
                "iterations" => settings.iterations = number()?,
                "check" => settings.check = number()?,
                "patience" => settings.patience_ms = number()?,
                "map" if value == "gray" => settings.map = Map::Gray,
                "map" if value == "rows" => settings.map = Map::Rows,
                _ => return Err(word),
            }
        }
        let (high, wide) = settings.blocks();
        if settings.nodes > 0xffff || settings.grid > 8192 || settings.grid < wide.max(high) {
            return Err("more nodes than the grid has cells for, or a grid above 8192");
        }
        // Gray codes number powers of two.
        if !settings.nodes.is_power_of_two() {
            settings.map = Map::Rows;
        }
        Ok(settings)
    }

    /// Rows and columns of blocks: as square as the number of nodes allows.
    pub fn blocks(&self) -> (usize, usize) {
        let divides = |rows: &usize| self.nodes.is_multiple_of(*rows) && rows * rows <= self.nodes;
        let rows = (1..=self.nodes).take_while(|rows| rows * rows <= self.nodes).filter(divides).last();
        let rows = rows.unwrap_or(1);
        (rows, self.nodes / rows)
    }
}
