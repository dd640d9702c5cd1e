//! Tables with aligned columns.
//!
//! Widths are found from the first [`ROWS_TO_MEASURE`] rows; rows after them are printed as they
//! come, so that a result of any length needs little memory. A cell that is wider than its column
//! shifts the rest of its row and is never cut. A table that does not fit the terminal is printed as
//! one block a row.

use std::io::{self, Write};
use std::sync::Arc;

use console::measure_text_width;
use retrograph_engine::output::Output;
use retrograph_graph::value::Value;

use super::text::cell;

/// How many rows decide about the widths of columns.
const ROWS_TO_MEASURE: usize = 1_000;

/// Prints a table.
pub struct Table<'w> {
    out: &'w mut dyn Write,
    width_max: Option<usize>,
    columns: Vec<Column>,
    waiting: Vec<Vec<String>>,
    rows: u64,
    layout: Layout,
}

struct Column {
    name: String,
    width: usize,
    /// Numbers stand right, in columns that hold nothing else.
    is_number: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Undecided,
    Columns,
    Blocks,
}

impl<'w> Table<'w> {
    /// Prints to `out`, if it fits into `width_max` cells.
    pub fn new(out: &'w mut dyn Write, width_max: Option<usize>) -> Self {
        let (columns, waiting) = (Vec::new(), Vec::new());
        Self {
            out,
            width_max,
            columns,
            waiting,
            rows: 0,
            layout: Layout::Undecided,
        }
    }

    /// Sets the columns.
    pub fn head(&mut self, columns: &[Arc<str>]) {
        self.columns = columns
            .iter()
            .map(|name| {
                let name = cell(&Output::Value(Value::String(name.clone())));
                Column {
                    width: measure_text_width(&name),
                    name,
                    is_number: true,
                }
            })
            .collect();
    }

    /// Adds a row.
    pub fn row(&mut self, row: &[Output]) -> io::Result<()> {
        let cells: Vec<String> = row.iter().map(cell).collect();
        if self.layout != Layout::Undecided {
            return self.print(&cells);
        }
        for ((column, output), cell) in self.columns.iter_mut().zip(row).zip(&cells) {
            column.width = column.width.max(measure_text_width(cell));
            let fits = matches!(
                output,
                Output::Value(Value::Int(_) | Value::Float(_) | Value::Null)
            );
            column.is_number &= fits;
        }
        self.waiting.push(cells);
        if self.waiting.len() == ROWS_TO_MEASURE {
            self.decide()?;
        }
        Ok(())
    }

    /// Prints what is held back.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.layout == Layout::Undecided && !self.columns.is_empty() {
            self.decide()?;
        }
        self.out.flush()
    }

    fn decide(&mut self) -> io::Result<()> {
        // A blank on either side of a cell, and a line between two.
        let width: usize = self.columns.iter().map(|column| column.width + 3).sum();
        let fits = self
            .width_max
            .is_none_or(|width_max| width <= width_max + 1);
        self.layout = if fits {
            Layout::Columns
        } else {
            Layout::Blocks
        };
        if fits {
            self.rule_off()?;
        }
        for cells in std::mem::take(&mut self.waiting) {
            self.print(&cells)?;
        }
        Ok(())
    }

    fn rule_off(&mut self) -> io::Result<()> {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        self.line(&names)?;
        let rules: Vec<String> = self
            .columns
            .iter()
            .map(|column| "─".repeat(column.width + 2))
            .collect();
        writeln!(self.out, "{}", rules.join("┼"))
    }

    fn print(&mut self, cells: &[String]) -> io::Result<()> {
        self.rows += 1;
        if self.layout == Layout::Columns {
            return self.line(cells);
        }
        writeln!(self.out, "─── {} ───", self.rows)?;
        let width = self
            .columns
            .iter()
            .map(|column| measure_text_width(&column.name))
            .max();
        for (column, cell) in self.columns.iter().zip(cells) {
            let blanks = width.unwrap_or(0) - measure_text_width(&column.name);
            writeln!(self.out, "{}{} │ {cell}", column.name, " ".repeat(blanks))?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (place, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let blanks = " ".repeat(column.width.saturating_sub(measure_text_width(cell)));
            line.push_str(if place == 0 { " " } else { " │ " });
            if column.is_number {
                line.push_str(&blanks);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&blanks);
            }
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[Value]], width_max: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, width_max);
        let columns: Vec<Arc<str>> = columns.iter().map(|&column| column.into()).collect();
        table.head(&columns);
        for row in rows {
            let row: Vec<Output> = row.iter().cloned().map(Output::Value).collect();
            table.row(&row).expect("memory takes everything");
        }
        table.finish().expect("memory takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn wide_and_combining_characters_are_measured() {
        let rows: &[&[Value]] = &[
            &["漢字".into(), Value::Int(1)],
            &["e\u{301}".into(), Value::Int(22)],
        ];
        let text = table(&["名", "n"], rows, None);
        let expected = " 名   │  n\n──────┼────\n 漢字 │  1\n e\u{301}    │ 22\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_result_shows_its_columns() {
        assert_eq!(table(&["a"], &[], None), " a\n───\n");
    }

    #[test]
    fn a_table_too_wide_becomes_blocks() {
        let rows: &[&[Value]] = &[&["x".repeat(30).into(), Value::Int(1)]];
        let narrow = table(&["text", "n"], rows, Some(20));
        assert_eq!(
            narrow,
            format!("─── 1 ───\ntext │ {}\nn    │ 1\n", "x".repeat(30))
        );
        assert!(table(&["text", "n"], rows, Some(80)).starts_with(" text"));
    }

    #[test]
    fn long_results_are_printed_as_they_come() {
        let count = ROWS_TO_MEASURE + 5;
        let rows: Vec<Vec<Value>> = (0..count).map(|n| vec![(n as i64).into()]).collect();
        let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let text = table(&["n"], &rows, None);
        assert_eq!(text.lines().count(), count + 2);
        assert!(text.ends_with(" 1004\n"), "{text}");
    }
}
