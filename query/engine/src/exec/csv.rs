//! LOAD CSV: rows of a file, in batches as they are read.
//!
//! Opening and reading are the business of the [`CsvSource`](crate::csv::CsvSource) that the engine was
//! given; here records become lists, or maps by the names in the first line. Nothing between two
//! terminators is null, `""` an empty string.

use std::sync::Arc;

use retrograph_graph::value::{Map, Value};

use super::batch::{BATCH_ROWS_MAX, Batch};
use super::context::Context;
use super::expression::eval;
use super::pipeline::{Flow, Rest};
use super::vector::{Vector, value_bytes};
use crate::csv::CsvFile;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::Slot;
use crate::plan::operator::LoadCsv;

/// How many bytes of fields end a batch.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// LOAD CSV.
pub(crate) fn load(
    load: &LoadCsv,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let urls = eval(&load.url, batch, context)?.into_owned();
    for (row, number) in (0..batch.rows).zip(0u32..) {
        let url = match urls.get(row) {
            Value::String(url) => url,
            other => {
                return Err(RuntimeError::type_error(format!(
                    "LOAD CSV takes the URL of a file as a string, not {}",
                    other.type_name()
                ))
                .into());
            }
        };
        let Some(source) = context.csv.clone() else {
            return Err(failed(
                "LOAD CSV reads files of an import folder only, and none is configured; name one with \
                 --import-dir",
            ));
        };
        let mut file = source.open(&url, load.terminator).map_err(failed)?;
        let mut rows = Rows::new(load, &mut *file)?;
        loop {
            let (values, lines) = rows.next_batch(context)?;
            if values.is_empty() {
                break;
            }
            let bytes = values.iter().map(value_bytes).sum();
            context.charge("LoadCsv", bytes)?;
            let mut part = batch.gather(&vec![number; values.len()], live);
            part.set(load.row, Vector::from_values(values));
            if live.contains(&load.line) {
                part.set(load.line, Vector::from_values(lines));
            }
            if live.contains(&load.file) {
                part.set(load.file, Vector::Constant(Value::String(Arc::clone(&url))));
            }
            let flow = rest.push(context, part)?;
            context.release(bytes);
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
    }
    Ok(Flow::More)
}

/// A file being read.
struct Rows<'f> {
    file: &'f mut dyn CsvFile,
    /// The names of the fields, if the first line has them.
    headers: Option<Vec<Arc<str>>>,
    fields: Vec<Option<Arc<str>>>,
    is_done: bool,
}

impl<'f> Rows<'f> {
    fn new(load: &LoadCsv, file: &'f mut dyn CsvFile) -> Result<Self, QueryError> {
        let mut rows = Self {
            file,
            headers: None,
            fields: Vec::new(),
            is_done: false,
        };
        if load.headers {
            match rows.file.read(&mut rows.fields).map_err(failed)? {
                Some(line) => rows.headers = Some(headers(&rows.fields, line)?),
                None => rows.is_done = true,
            }
        }
        Ok(rows)
    }

    /// The next rows with their lines; none at the end.
    fn next_batch(
        &mut self,
        context: &mut Context<'_>,
    ) -> Result<(Vec<Value>, Vec<Value>), QueryError> {
        let (mut values, mut lines) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while !self.is_done && values.len() < BATCH_ROWS_MAX && bytes < BATCH_BYTES_MAX {
            context.tick(1)?;
            let Some(line) = self.file.read(&mut self.fields).map_err(failed)? else {
                self.is_done = true;
                break;
            };
            let count = self.fields.len();
            bytes += self
                .fields
                .iter()
                .flatten()
                .map(|text| text.len())
                .sum::<usize>();
            let fields = self.fields.iter_mut().map(|field| match field.take() {
                Some(text) => Value::String(text),
                None => Value::Null,
            });
            values.push(match &self.headers {
                None => Value::List(fields.collect()),
                Some(headers) => {
                    if count > headers.len() {
                        let message = format!(
                            "line {line} has {count} fields, but the header names {}",
                            headers.len()
                        );
                        return Err(failed(message));
                    }
                    // Fields that a short line lacks are null.
                    let fields = fields.chain(std::iter::repeat(Value::Null));
                    let map: Map = headers.iter().cloned().zip(fields).collect();
                    Value::Map(Arc::new(map))
                }
            });
            lines.push(Value::Int(i64::try_from(line).unwrap_or(i64::MAX)));
        }
        Ok((values, lines))
    }
}

fn headers(fields: &[Option<Arc<str>>], line: u64) -> Result<Vec<Arc<str>>, QueryError> {
    let mut names: Vec<Arc<str>> = Vec::with_capacity(fields.len());
    for (place, field) in fields.iter().enumerate() {
        let Some(name) = field else {
            let place = place + 1;
            return Err(failed(format!(
                "line {line}: field {place} of the header has no name"
            )));
        };
        if names.contains(name) {
            return Err(failed(format!(
                "line {line}: the header names `{name}` twice"
            )));
        }
        names.push(Arc::clone(name));
    }
    Ok(names)
}

fn failed(message: impl Into<String>) -> QueryError {
    RuntimeError::new(RuntimeKind::ArgumentError, "LoadCsvFailed", message).into()
}
