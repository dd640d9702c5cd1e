//! CSV with typed headers: files of nodes first, then files of relationships.
//!
//! With history, rows carry times (`:TIME`). They are then read into memory and sorted by time,
//! because the files of a set are in no common order; rows without a time come first.

mod header;
pub(crate) mod reader;
mod value;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use crate::change::{Change, ExternalId, Mode, Properties};
use crate::source::{Event, Item, Place, Progress, Reject, Source, SourceError};
use header::{Field, FileKind, Header};
use reader::{Outcome, Reader, Record};

const READ_BUFFER_BYTES: usize = 1 << 20;

/// Some files of one kind that share a header.
#[derive(Clone, Debug)]
pub struct FileGroup {
    /// Labels that every node of the files gets, or the type of their relationships.
    pub names: Vec<Arc<str>>,
    /// The first line of the first file is the header of all of them.
    pub files: Vec<PathBuf>,
}

impl FileGroup {
    /// Reads `[Label1:Label2=]header.csv,data.csv,…`.
    ///
    /// # Errors
    /// If no file is named.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (names, files) = text.split_once('=').unwrap_or(("", text));
        let files: Vec<PathBuf> = files
            .split(',')
            .map(str::trim)
            .filter(|f| !f.is_empty())
            .map(PathBuf::from)
            .collect();
        if files.is_empty() {
            return Err(format!(
                "`{text}` names no file; write [Label=]file.csv[,file.csv…]"
            ));
        }
        let names = names.split(':').map(str::trim).filter(|n| !n.is_empty());
        Ok(Self {
            names: names.map(Arc::from).collect(),
            files,
        })
    }
}

/// How CSV files are read.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Files of nodes.
    pub nodes: Vec<FileGroup>,
    /// Files of relationships.
    pub relationships: Vec<FileGroup>,
    /// Between fields.
    pub delimiter: u8,
    /// Between the items of a list.
    pub array_delimiter: char,
    /// Around fields.
    pub quote: u8,
    /// Files after the first of a group begin with a header line of their own, to be skipped.
    pub ignore_data_headers: bool,
    /// Rows are yielded in the order of their times.
    pub sort_by_time: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            relationships: Vec::new(),
            delimiter: b',',
            array_delimiter: ';',
            quote: b'"',
            ignore_data_headers: false,
            sort_by_time: false,
        }
    }
}

/// CSV files as a source.
pub struct CsvSource {
    options: CsvOptions,
    groups: Vec<(FileKind, FileGroup)>,
    sizes: Vec<(PathBuf, u64)>,
    /// The group and file being read.
    group: usize,
    file: usize,
    header: Option<Header>,
    reader: Option<Reader<BufReader<File>>>,
    file_name: Arc<str>,
    record: Record,
    bytes_of_earlier_files: u64,
    sorted: Option<std::vec::IntoIter<Event>>,
}

impl CsvSource {
    /// Opens the files and reads their headers, so that a wrong header is known before anything is
    /// loaded.
    ///
    /// # Errors
    /// A file that cannot be read, or a wrong header.
    pub fn open(options: CsvOptions) -> Result<Self, SourceError> {
        let nodes = options
            .nodes
            .iter()
            .map(|group| (FileKind::Nodes, group.clone()));
        let relationships = options
            .relationships
            .iter()
            .map(|group| (FileKind::Relationships, group.clone()));
        let groups: Vec<_> = nodes.chain(relationships).collect();
        let mut sizes = Vec::new();
        for path in groups.iter().flat_map(|(_, group)| &group.files) {
            let size = std::fs::metadata(path)
                .map_err(|source| SourceError::Read {
                    path: path.clone(),
                    source,
                })?
                .len();
            sizes.push((path.clone(), size));
        }
        let mut source = Self {
            options,
            groups,
            sizes,
            group: 0,
            file: 0,
            header: None,
            reader: None,
            file_name: "".into(),
            record: Record::default(),
            bytes_of_earlier_files: 0,
            sorted: None,
        };
        source.check_headers()?;
        if source.options.sort_by_time {
            source.sort()?;
        }
        Ok(source)
    }

    fn check_headers(&mut self) -> Result<(), SourceError> {
        for group in 0..self.groups.len() {
            self.group = group;
            self.file = 0;
            self.open_file()?;
        }
        self.group = 0;
        self.reader = None;
        self.header = None;
        Ok(())
    }

    fn sort(&mut self) -> Result<(), SourceError> {
        let mut events = Vec::new();
        while let Some(event) = self.read_event()? {
            events.push(event);
        }
        // Stable, and nodes were read before relationships: at equal times they stay before them.
        events.sort_by_key(|event| match event {
            Event::Item(item) => item.time,
            Event::Reject(_) => None,
        });
        self.sorted = Some(events.into_iter());
        Ok(())
    }

    /// Opens the current file; the first of a group yields the header.
    fn open_file(&mut self) -> Result<(), SourceError> {
        let (kind, group) = &self.groups[self.group];
        let path = &group.files[self.file];
        let read_error = |source| SourceError::Read {
            path: path.clone(),
            source,
        };
        self.file_name = path.display().to_string().into();
        let input =
            BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path).map_err(read_error)?);
        let mut reader = Reader::new(input, self.options.delimiter, self.options.quote);
        let is_first = self.file == 0;
        if is_first || self.options.ignore_data_headers {
            let outcome = reader.read(&mut self.record).map_err(read_error)?;
            if is_first {
                self.header = Some(read_header(outcome, &self.record, *kind, &self.file_name)?);
            }
        }
        self.reader = Some(reader);
        Ok(())
    }

    fn read_event(&mut self) -> Result<Option<Event>, SourceError> {
        loop {
            if self.group >= self.groups.len() {
                return Ok(None);
            }
            if self.reader.is_none() {
                self.open_file()?;
            }
            let (Some(reader), Some(header)) = (&mut self.reader, &self.header) else {
                return Ok(None);
            };
            let (kind, group) = &self.groups[self.group];
            let outcome = reader
                .read(&mut self.record)
                .map_err(|source| SourceError::Read {
                    path: group.files[self.file].clone(),
                    source,
                })?;
            match outcome {
                Outcome::Record => {
                    let row = Row {
                        record: &self.record,
                        header,
                        names: &group.names,
                        array_delimiter: self.options.array_delimiter,
                        file: &self.file_name,
                    };
                    return Ok(Some(row.event(*kind, self.options.delimiter)));
                }
                Outcome::Malformed(bad) => {
                    return Ok(Some(Event::Reject(Reject {
                        place: Place {
                            file: self.file_name.clone(),
                            line: bad.line,
                            column: bad.column,
                        },
                        reason: bad.reason,
                        text: bad.text,
                    })));
                }
                Outcome::End => {
                    self.bytes_of_earlier_files += reader.consumed();
                    self.reader = None;
                    self.file += 1;
                    if self.file == group.files.len() {
                        self.file = 0;
                        self.group += 1;
                        self.header = None;
                    }
                }
            }
        }
    }
}

fn read_header(
    outcome: Outcome,
    record: &Record,
    kind: FileKind,
    file: &Arc<str>,
) -> Result<Header, SourceError> {
    let error = |line, column, message: String| SourceError::Header {
        place: Place {
            file: file.clone(),
            line,
            column,
        },
        message,
    };
    match outcome {
        Outcome::Record => {
            Header::parse((0..record.len()).map(|i| record.field(i)), kind).map_err(|bad| {
                let (line, column) = record.place(bad.index);
                error(line, column, bad.message)
            })
        }
        Outcome::Malformed(bad) => Err(error(bad.line, bad.column, bad.reason)),
        Outcome::End => Err(error(
            1,
            1,
            "the file is empty; it needs a header line".to_owned(),
        )),
    }
}

impl Source for CsvSource {
    fn describe(&self) -> String {
        let names: Vec<_> = self.sizes.iter().map(|(path, _)| file_name(path)).collect();
        format!("CSV {}", names.join(", "))
    }

    fn fingerprint(&self) -> String {
        let files: Vec<_> = self
            .sizes
            .iter()
            .map(|(path, size)| format!("{}:{size}", file_name(path)))
            .collect();
        let order = if self.options.sort_by_time {
            " by time"
        } else {
            ""
        };
        format!("csv {}{order}", files.join(" "))
    }

    fn next(&mut self) -> Result<Option<Event>, SourceError> {
        match &mut self.sorted {
            Some(events) => Ok(events.next()),
            None => self.read_event(),
        }
    }

    fn progress(&self) -> Progress {
        let current = self.reader.as_ref().map_or(0, Reader::consumed);
        Progress {
            done: self.bytes_of_earlier_files + current,
            total: self.sizes.iter().map(|&(_, size)| size).sum(),
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// A record with what is needed to make a change of it.
struct Row<'a> {
    record: &'a Record,
    header: &'a Header,
    names: &'a [Arc<str>],
    array_delimiter: char,
    file: &'a Arc<str>,
}

impl Row<'_> {
    fn event(&self, kind: FileKind, delimiter: u8) -> Event {
        match self.item(kind) {
            Ok(item) => Event::Item(item),
            Err((index, reason)) => {
                let last = self.record.len().saturating_sub(1);
                let (line, column) = self.record.place(index.min(last));
                let separator = char::from(delimiter).to_string();
                let fields: Vec<_> = (0..self.record.len())
                    .map(|i| self.record.field(i))
                    .collect();
                Event::Reject(Reject {
                    place: Place {
                        file: self.file.clone(),
                        line,
                        column,
                    },
                    reason,
                    text: fields.join(&separator),
                })
            }
        }
    }

    /// The change, or which field is wrong and why.
    fn item(&self, kind: FileKind) -> Result<Item, (usize, String)> {
        let columns = self.header.fields.len();
        if self.record.len() != columns {
            let reason = format!("{} columns, the header has {columns}", self.record.len());
            return Err((columns, reason));
        }
        let mut key = None;
        let mut start = None;
        let mut end = None;
        let mut names = self.names.to_vec();
        let mut properties = Properties::new();
        let mut time = None;
        for (index, field) in self.header.fields.iter().enumerate() {
            let text = self.record.field(index);
            let is_absent = text.is_empty() && !self.record.is_quoted(index);
            let wrong = |reason: String| (index, reason);
            let required = |what: &str| {
                if text.is_empty() {
                    Err((index, format!("no {what}")))
                } else {
                    Ok(text)
                }
            };
            match field {
                Field::Ignore => {}
                Field::Id { space, property } => {
                    let id = required("id")?;
                    key = Some(ExternalId {
                        space: space.clone(),
                        id: id.into(),
                    });
                    if let Some((name, column_type)) = property {
                        let value = value::parse(*column_type, id).map_err(wrong)?;
                        properties.push((name.clone(), value));
                    }
                }
                Field::Start { space } => {
                    let id = required("start id")?.into();
                    start = Some(ExternalId {
                        space: space.clone(),
                        id,
                    });
                }
                Field::End { space } => {
                    let id = required("end id")?.into();
                    end = Some(ExternalId {
                        space: space.clone(),
                        id,
                    });
                }
                Field::Labels => {
                    let labels = text.split(self.array_delimiter).map(str::trim);
                    names.extend(labels.filter(|label| !label.is_empty()).map(Arc::from));
                }
                Field::RelationshipType => names = vec![required("relationship type")?.into()],
                Field::Time(unit) if !is_absent => {
                    time = Some(value::parse_time(*unit, text).map_err(wrong)?);
                }
                Field::Time(_) => {}
                Field::Property { .. } if is_absent => {}
                Field::Property {
                    name,
                    column_type,
                    is_list,
                } => {
                    let value = if *is_list {
                        let items = text.split(self.array_delimiter).filter(|i| !i.is_empty());
                        let items: Result<Vec<Value>, String> =
                            items.map(|item| value::parse(*column_type, item)).collect();
                        Value::List(items.map_err(wrong)?.into())
                    } else {
                        value::parse(*column_type, text).map_err(wrong)?
                    };
                    properties.push((name.clone(), value));
                }
            }
        }
        let change = match kind {
            FileKind::Nodes => Change::Node {
                key,
                labels: names,
                properties,
                mode: Mode::Create,
            },
            FileKind::Relationships => {
                let type_name = names.pop().ok_or_else(|| {
                    (
                        0,
                        "no relationship type: add a `:TYPE` column or TYPE=file".to_owned(),
                    )
                })?;
                let (Some(start), Some(end)) = (start, end) else {
                    return Err((0, "no start or end id".to_owned()));
                };
                Change::Relationship {
                    type_name,
                    start,
                    end,
                    properties,
                    mode: Mode::Create,
                }
            }
        };
        let place = Place {
            file: self.file.clone(),
            line: self.record.line,
            column: 0,
        };
        Ok(Item {
            change,
            time: time.map(SystemTime),
            place,
        })
    }
}
