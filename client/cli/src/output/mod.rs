//! Results on standard output: tables, JSON Lines, CSV.

mod table;
mod text;

use std::io::{self, Write};
use std::sync::Arc;

use clap::ValueEnum;
use retrograph_engine::QueryError;
use retrograph_engine::output::{Control, Output, RowSink, Views};
use retrograph_graph::value::Value;

pub use table::Table;

use crate::json;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// One JSON object a row and line
    Json,
    /// RFC 4180 with a header; lists, maps and elements as JSON
    Csv,
}

/// Prints the rows of one result as they come.
///
/// A reader that goes away (`| head`) is no error: nothing more is printed.
pub struct Printer<'w> {
    columns: Vec<Arc<str>>,
    sheet: Sheet<'w>,
    rows: u64,
    has_begun: bool,
    failed: Option<io::Error>,
}

enum Sheet<'w> {
    Table(Table<'w>),
    Json(&'w mut dyn Write),
    Csv(Box<csv::Writer<&'w mut dyn Write>>),
}

impl<'w> Printer<'w> {
    /// Prints to `out`; tables wider than `width_max` cells are turned into one block a row.
    pub fn new(format: Format, out: &'w mut dyn Write, width_max: Option<usize>) -> Self {
        let sheet = match format {
            Format::Table => Sheet::Table(Table::new(out, width_max)),
            Format::Json => Sheet::Json(out),
            Format::Csv => Sheet::Csv(Box::new(csv::Writer::from_writer(out))),
        };
        Self {
            columns: Vec::new(),
            sheet,
            rows: 0,
            has_begun: false,
            failed: None,
        }
    }

    /// Sets the columns of a result that is no query's.
    pub fn head(&mut self, columns: &[&str]) {
        let columns: Vec<Arc<str>> = columns.iter().map(|&column| column.into()).collect();
        self.start(&columns);
    }

    fn start(&mut self, columns: &[Arc<str>]) {
        self.columns = columns.to_vec();
        if let Sheet::Table(table) = &mut self.sheet {
            table.head(columns);
        }
    }

    /// Whether nothing more is printed: the output cannot be written.
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Prints the header of a CSV. That of a table comes with the rows it is aligned with.
    fn begin(&mut self) {
        if let Sheet::Csv(csv) = &mut self.sheet
            && !std::mem::replace(&mut self.has_begun, true)
            && !self.columns.is_empty()
        {
            let header = csv.write_record(self.columns.iter().map(|column| column.as_bytes()));
            self.note(header.map_err(io_error));
        }
    }

    /// Prints a row.
    pub fn print(&mut self, row: &[Output]) {
        self.rows += 1;
        self.begin();
        if self.failed.is_some() || self.columns.is_empty() {
            return;
        }
        let printed = match &mut self.sheet {
            Sheet::Table(table) => table.row(row),
            Sheet::Json(out) => {
                let members = self.columns.iter().zip(row);
                let object: serde_json::Map<String, serde_json::Value> = members
                    .map(|(column, output)| (column.to_string(), json::write(output)))
                    .collect();
                serde_json::to_writer(&mut **out, &object)
                    .map_err(io::Error::from)
                    .and_then(|()| out.write_all(b"\n"))
            }
            Sheet::Csv(csv) => csv.write_record(row.iter().map(field)).map_err(io_error),
        };
        self.note(printed);
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    /// Prints what is held back.
    ///
    /// # Errors
    /// The output could not be written, other than because its reader went away.
    pub fn finish(mut self) -> io::Result<()> {
        self.begin();
        self.flush()
    }

    /// Prints the rows that came before an error, if any did.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub fn abandon(mut self) -> io::Result<()> {
        if self.rows == 0 { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.sheet {
            Sheet::Table(table) => table.finish(),
            Sheet::Json(out) => out.flush(),
            Sheet::Csv(csv) => csv.flush(),
        };
        match self.failed.take().map_or(flushed, Err) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

impl RowSink for Printer<'_> {
    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        self.start(columns);
        Ok(())
    }

    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError> {
        let row: Vec<Output> = row
            .iter()
            .map(|value| Output::of(value, views))
            .collect::<Result<_, _>>()?;
        self.print(&row);
        Ok(if self.has_failed() {
            Control::Stop
        } else {
            Control::Continue
        })
    }
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A field of CSV: null is empty, strings and numbers are plain, what has parts is JSON.
fn field(output: &Output) -> String {
    match output {
        Output::Value(Value::Null) => String::new(),
        Output::Value(Value::String(text)) => text.to_string(),
        Output::Value(value @ (Value::Point(_) | Value::Vector(_))) => {
            json::write(&Output::Value(value.clone())).to_string()
        }
        Output::Value(value) => value.to_string(),
        composite => json::write(composite).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(format, &mut out, None);
        printer.head(&["name", "n", "list"]);
        let value = |value: Value| Output::Value(value);
        let list = Output::List(vec![value("a, b".into()), value(Value::Null)]);
        printer.print(&[value("Zoë, \"Z\"".into()), value(Value::Int(12)), list]);
        printer.print(&[
            value(Value::Null),
            value(Value::Int(-1)),
            Output::List(Vec::new()),
        ]);
        printer.finish().expect("memory takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn csv_quotes_and_leaves_null_empty() {
        let expected = "name,n,list\n\"Zoë, \"\"Z\"\"\",12,\"[\"\"a, b\"\",null]\"\n,-1,[]\n";
        assert_eq!(printed(Format::Csv), expected);
    }

    #[test]
    fn json_is_one_object_a_line() {
        let expected = "{\"name\":\"Zoë, \\\"Z\\\"\",\"n\":12,\"list\":[\"a, b\",null]}\n\
                        {\"name\":null,\"n\":-1,\"list\":[]}\n";
        assert_eq!(printed(Format::Json), expected);
    }

    #[test]
    fn tables_align() {
        let expected = " name     │  n │ list\n\
                        ──────────┼────┼────────────────\n \
                         Zoë, \"Z\" │ 12 │ ['a, b', null]\n \
                         null     │ -1 │ []\n";
        assert_eq!(printed(Format::Table), expected);
    }

    /// A result without columns, such as that of a CREATE, prints nothing.
    #[test]
    fn nothing_is_printed_without_columns() {
        for format in [Format::Table, Format::Json, Format::Csv] {
            let mut out = Vec::new();
            let mut printer = Printer::new(format, &mut out, None);
            printer.head(&[]);
            printer.print(&[]);
            printer.finish().expect("memory takes everything");
            assert!(out.is_empty(), "{format:?}");
        }
    }
}
