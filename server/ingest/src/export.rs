//! Export of a graph at any version, in the forms that an import reads back.
//!
//! JSON Lines holds every value as it is. CSV has one column for each property key, so a key whose
//! values have several types cannot be exported to it; the error names the key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_graph::ids::{KeyId, NodeId};
use retrograph_graph::value::Value;
use retrograph_graph::value::text::to_text;
use retrograph_graph::{GraphError, GraphRead, RelationshipRow, ScanCursor};
use serde_json::{Map as JsonMap, Value as Json, json};

use crate::json;

const SCAN_BATCH: usize = 4_096;

/// Between the items of lists in CSV.
const ARRAY_DELIMITER: &str = ";";

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Nodes written.
    pub nodes: u64,
    /// Relationships written.
    pub relationships: u64,
}

/// A graph was not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The graph cannot be read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The output cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the export")]
    Output(#[from] io::Error),
    /// A value has no form in CSV.
    #[error("property `{key}` {problem}, which CSV cannot hold; export to JSON Lines")]
    NotCsv {
        /// The property key.
        key: Arc<str>,
        /// What is in the way.
        problem: &'static str,
    },
}

/// Calls `visit` for every node.
fn each_node(
    read: &GraphRead,
    mut visit: impl FnMut(NodeId) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut cursor = ScanCursor::default();
    let mut nodes = Vec::new();
    while !cursor.is_done() {
        nodes.clear();
        read.scan_nodes(&mut cursor, SCAN_BATCH, &mut nodes)?;
        nodes.iter().try_for_each(|&node| visit(node))?;
    }
    Ok(())
}

/// Calls `visit` for every relationship.
fn each_relationship(
    read: &GraphRead,
    mut visit: impl FnMut(RelationshipRow) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut cursor = ScanCursor::default();
    let mut relationships = Vec::new();
    while !cursor.is_done() {
        relationships.clear();
        read.scan_relationships(&[], &mut cursor, SCAN_BATCH, &mut relationships)?;
        relationships.iter().try_for_each(|&row| visit(row))?;
    }
    Ok(())
}

/// The names of what a view holds.
struct Names<'a> {
    read: &'a GraphRead,
    keys: BTreeMap<KeyId, Arc<str>>,
}

impl<'a> Names<'a> {
    fn of(read: &'a GraphRead) -> Self {
        Self {
            read,
            keys: read.catalog().keys().into_iter().collect(),
        }
    }

    fn labels(&self, node: NodeId) -> Result<Vec<Arc<str>>, ExportError> {
        let catalog = self.read.catalog();
        let labels = self.read.labels_of(node)?.unwrap_or_default();
        Ok(labels
            .into_iter()
            .filter_map(|label| catalog.label_name(label))
            .collect())
    }

    fn key(&self, id: KeyId) -> Arc<str> {
        self.keys
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string().into())
    }
}

/// The line of JSON Lines that stands for a node; `id` is what relationships of the same export call it.
#[must_use]
pub fn node_line<'p>(
    id: &str,
    labels: &[Arc<str>],
    properties: impl Iterator<Item = (&'p Arc<str>, &'p Value)>,
) -> Json {
    let labels: Vec<&str> = labels.iter().map(|label| &**label).collect();
    json!({
        "type": "node",
        "id": id,
        "labels": labels,
        "properties": properties_of(properties),
    })
}

/// The line of JSON Lines that stands for a relationship between the nodes of two ids.
#[must_use]
pub fn relationship_line<'p>(
    type_name: &str,
    [start, end]: [&str; 2],
    properties: impl Iterator<Item = (&'p Arc<str>, &'p Value)>,
) -> Json {
    json!({
        "type": "relationship",
        "label": type_name,
        "start": {"id": start},
        "end": {"id": end},
        "properties": properties_of(properties),
    })
}

fn properties_of<'p>(properties: impl Iterator<Item = (&'p Arc<str>, &'p Value)>) -> Json {
    let entries = properties.map(|(key, value)| (key.to_string(), json::write(value)));
    Json::Object(entries.collect::<JsonMap<_, _>>())
}

/// Writes the graph as JSON Lines, nodes first.
///
/// # Errors
/// If it cannot be read or written.
pub fn export_jsonl(read: &GraphRead, out: &mut dyn Write) -> Result<ExportReport, ExportError> {
    let names = Names::of(read);
    let mut report = ExportReport::default();
    let named = |properties: Vec<(KeyId, Value)>| -> Vec<(Arc<str>, Value)> {
        let properties = properties.into_iter();
        properties
            .map(|(key, value)| (names.key(key), value))
            .collect()
    };
    each_node(read, |node| {
        let Some(data) = read.node(node)? else {
            return Ok(());
        };
        let properties = named(data.properties()?);
        let properties = properties.iter().map(|(key, value)| (key, value));
        let line = node_line(&node.0.to_string(), &names.labels(node)?, properties);
        report.nodes += 1;
        Ok(writeln!(out, "{line}")?)
    })?;
    each_relationship(read, |(id, type_id, start, end)| {
        let Some(data) = read.relationship(id)? else {
            return Ok(());
        };
        let properties = named(data.properties()?);
        let properties = properties.iter().map(|(key, value)| (key, value));
        let type_name = read.catalog().type_name(type_id).unwrap_or_default();
        let ends = [start.0.to_string(), end.0.to_string()];
        let line = relationship_line(&type_name, [&*ends[0], &*ends[1]], properties);
        report.relationships += 1;
        Ok(writeln!(out, "{line}")?)
    })?;
    out.flush()?;
    Ok(report)
}

/// The columns of a CSV file: for each key the type of its values.
#[derive(Default)]
struct Columns(BTreeMap<KeyId, (&'static str, bool)>);

impl Columns {
    fn add(&mut self, names: &Names<'_>, properties: &[(KeyId, Value)]) -> Result<(), ExportError> {
        for (key, value) in properties {
            let not_csv = |problem| ExportError::NotCsv {
                key: names.key(*key),
                problem,
            };
            let (item, is_list) = match value {
                Value::List(items) => {
                    if items
                        .iter()
                        .any(|item| to_text(item).contains(ARRAY_DELIMITER))
                    {
                        return Err(not_csv("has list items with a semicolon"));
                    }
                    (items.first(), true)
                }
                value => (Some(value), false),
            };
            // An empty list has no item to tell a type from.
            let name = match item {
                Some(item) => {
                    csv_type(item).ok_or_else(|| not_csv("has a value of another type"))?
                }
                None => "string",
            };
            match self.0.insert(*key, (name, is_list)) {
                Some(before) if before != (name, is_list) => {
                    return Err(not_csv("has values of several types"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&self, names: &Names<'_>) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, (name, is_list))| {
            format!(
                "{}:{name}{}",
                names.key(*key),
                if *is_list { "[]" } else { "" }
            )
        })
    }

    fn fields(&self, properties: &[(KeyId, Value)]) -> impl Iterator<Item = Option<String>> {
        self.0.keys().map(|key| {
            let (_, value) = properties.iter().find(|(other, _)| other == key)?;
            Some(match value {
                Value::List(items) => items
                    .iter()
                    .map(to_text)
                    .collect::<Vec<_>>()
                    .join(ARRAY_DELIMITER),
                value => to_text(value),
            })
        })
    }
}

fn csv_type(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Bool(_) => "boolean",
        Value::Int(_) => "long",
        Value::Float(_) => "double",
        Value::String(_) => "string",
        Value::Date(_) => "date",
        Value::LocalTime(_) => "localtime",
        Value::Time(_) => "time",
        Value::LocalDateTime(_) => "localdatetime",
        Value::DateTime(_) => "datetime",
        Value::Duration(_) => "duration",
        _ => return None,
    })
}

/// Writes the graph as `nodes.csv` and `relationships.csv` into a directory, which is made if needed.
///
/// # Errors
/// If it cannot be read or written, or a property has values that CSV cannot hold.
pub fn export_csv(read: &GraphRead, directory: &Path) -> Result<ExportReport, ExportError> {
    let names = Names::of(read);
    let (mut node_columns, mut relationship_columns) = (Columns::default(), Columns::default());
    each_node(read, |node| match read.node(node)? {
        Some(data) => node_columns.add(&names, &data.properties()?),
        None => Ok(()),
    })?;
    each_relationship(read, |(id, ..)| match read.relationship(id)? {
        Some(data) => relationship_columns.add(&names, &data.properties()?),
        None => Ok(()),
    })?;

    let mut report = ExportReport::default();
    std::fs::create_dir_all(directory).map_err(|source| ExportError::Write {
        path: directory.to_owned(),
        source,
    })?;
    let mut nodes = CsvFile::create(directory.join("nodes.csv"))?;
    let header = [":ID".to_owned(), ":LABEL".to_owned()];
    nodes.write(
        header
            .into_iter()
            .chain(node_columns.header(&names))
            .map(Some),
    )?;
    each_node(read, |node| {
        let Some(data) = read.node(node)? else {
            return Ok(());
        };
        report.nodes += 1;
        let fixed = [
            node.0.to_string(),
            names.labels(node)?.join(ARRAY_DELIMITER),
        ]
        .map(Some);
        nodes.write(
            fixed
                .into_iter()
                .chain(node_columns.fields(&data.properties()?)),
        )
    })?;
    nodes.finish()?;
    let mut relationships = CsvFile::create(directory.join("relationships.csv"))?;
    let header = [":START_ID", ":END_ID", ":TYPE"].map(str::to_owned);
    relationships.write(
        header
            .into_iter()
            .chain(relationship_columns.header(&names))
            .map(Some),
    )?;
    each_relationship(read, |(id, type_id, start, end)| {
        let Some(data) = read.relationship(id)? else {
            return Ok(());
        };
        report.relationships += 1;
        let type_name = read
            .catalog()
            .type_name(type_id)
            .unwrap_or_default()
            .to_string();
        let fixed = [start.0.to_string(), end.0.to_string(), type_name].map(Some);
        let properties = data.properties()?;
        relationships.write(
            fixed
                .into_iter()
                .chain(relationship_columns.fields(&properties)),
        )
    })?;
    relationships.finish()?;
    Ok(report)
}

/// A CSV file being written. An absent value is nothing, an empty string is quoted.
struct CsvFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl CsvFile {
    fn create(path: PathBuf) -> Result<Self, ExportError> {
        match File::create(&path) {
            Ok(file) => Ok(Self {
                path,
                out: BufWriter::new(file),
            }),
            Err(source) => Err(ExportError::Write { path, source }),
        }
    }

    fn write(&mut self, fields: impl Iterator<Item = Option<String>>) -> Result<(), ExportError> {
        let mut line = String::new();
        for (number, field) in fields.enumerate() {
            if number > 0 {
                line.push(',');
            }
            let Some(field) = field else { continue };
            let needs_quotes = field.is_empty() || field.contains([',', '"', '\n', '\r']);
            if needs_quotes {
                line.push('"');
                line.push_str(&field.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(&field);
            }
        }
        line.push('\n');
        self.out
            .write_all(line.as_bytes())
            .map_err(|source| ExportError::Write {
                path: self.path.clone(),
                source,
            })
    }

    fn finish(mut self) -> Result<(), ExportError> {
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .map_err(|source| ExportError::Write {
                path: self.path.clone(),
                source,
            })
    }
}
