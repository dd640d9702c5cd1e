//! JSON Lines: one change a line, in the format of APOC's exports with a few keys more.
//!
//! ```text
//! {"type":"node","id":"7","labels":["Person"],"properties":{"name":"Ana"}}
//! {"type":"relationship","label":"KNOWS","start":{"id":"7"},"end":{"id":"8"},"properties":{}}
//! {"type":"node","id":"7","op":"update","properties":{"name":"Anna"},"time":"2026-01-10T12:00:00Z"}
//! ```
//!
//! More keys: `space` (of a node, and within `start` and `end`), `op` (`create`, `merge`, `update`,
//! `delete`), `time` (ISO 8601, or milliseconds since 1970). Values that JSON has no type for are
//! objects with one key, see [`crate::json`].

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;
use serde_json::Value as Json;

use crate::change::{Change, ExternalId, Mode, Properties};
use crate::json;
use crate::lines::{self, RECORD_BYTES_MAX};
use crate::source::{Event, Item, Place, Progress, Reject, Source, SourceError};

/// A file of JSON Lines as a source.
pub struct JsonLinesSource {
    path: PathBuf,
    name: Arc<str>,
    size: u64,
    reader: BufReader<File>,
    line: u64,
    consumed: u64,
    buffer: Vec<u8>,
    line_bytes_max: usize,
}

impl JsonLinesSource {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let error = |source| SourceError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            name: path.display().to_string().into(),
            size: file.metadata().map_err(error)?.len(),
            reader: BufReader::with_capacity(1 << 20, file),
            line: 0,
            consumed: 0,
            buffer: Vec::new(),
            line_bytes_max: RECORD_BYTES_MAX,
        })
    }
}

impl Source for JsonLinesSource {
    fn describe(&self) -> String {
        format!("JSON Lines {}", self.name)
    }

    fn fingerprint(&self) -> String {
        let name = self
            .path
            .file_name()
            .unwrap_or(self.path.as_os_str())
            .to_string_lossy();
        format!("jsonl {name}:{}", self.size)
    }

    fn next(&mut self) -> Result<Option<Event>, SourceError> {
        loop {
            self.buffer.clear();
            let line = lines::read_line(&mut self.reader, &mut self.buffer, self.line_bytes_max)
                .map_err(|source| SourceError::Read {
                    path: self.path.clone(),
                    source,
                })?;
            if line.count == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.consumed += line.count;
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            let place = |column| Place {
                file: self.name.clone(),
                line: self.line,
                column,
            };
            let read = match line.is_cut {
                true => Err((0, lines::too_long("line", self.line_bytes_max))),
                false => read_line(&self.buffer),
            };
            return Ok(Some(match read {
                Ok((change, time)) => Event::Item(Item {
                    change,
                    time,
                    place: place(0),
                }),
                Err((column, reason)) => Event::Reject(Reject {
                    place: place(column),
                    reason,
                    text: String::from_utf8_lossy(self.buffer.trim_ascii())
                        .chars()
                        .take(500)
                        .collect(),
                }),
            }));
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            done: self.consumed,
            total: self.size,
        }
    }
}

/// The change of a line, or the column (0 if unknown) and what is wrong.
fn read_line(line: &[u8]) -> Result<(Change, Option<SystemTime>), (u64, String)> {
    let json: Json = serde_json::from_slice(line)
        .map_err(|error| (error.column() as u64, format!("not JSON: {error}")))?;
    change(&json).map_err(|reason| (0, reason))
}

fn change(json: &Json) -> Result<(Change, Option<SystemTime>), String> {
    const KEYS: &[&str] = &[
        "type",
        "id",
        "space",
        "labels",
        "label",
        "start",
        "end",
        "properties",
        "op",
        "time",
    ];
    let object = json.as_object().ok_or("a line must be a JSON object")?;
    if let Some(unknown) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!(
            "unknown key `{unknown}`; known are {}",
            KEYS.join(", ")
        ));
    }
    let mode = match object
        .get("op")
        .map(|op| op.as_str().ok_or("`op` must be a string"))
    {
        None => Mode::Create,
        Some(op) => match op? {
            "create" => Mode::Create,
            "merge" => Mode::Merge,
            "update" => Mode::Update,
            "delete" => Mode::Delete,
            other => {
                return Err(format!(
                    "op `{other}` is none of create, merge, update, delete"
                ));
            }
        },
    };
    let time = object.get("time").map(time).transpose()?;
    let properties = properties(object.get("properties"))?;
    let change = match object.get("type").and_then(Json::as_str) {
        Some("node") => {
            let key = object.get("id").map(|_| external_id(json)).transpose()?;
            if key.is_none() && mode != Mode::Create {
                return Err("a node to merge, update or delete needs an `id`".to_owned());
            }
            Change::Node {
                key,
                labels: names(object.get("labels"))?,
                properties,
                mode,
            }
        }
        Some("relationship") => {
            let type_name = object
                .get("label")
                .and_then(Json::as_str)
                .ok_or("a relationship needs its type as the string `label`")?
                .into();
            let start = object
                .get("start")
                .ok_or("a relationship needs a `start`")?;
            let end = object.get("end").ok_or("a relationship needs an `end`")?;
            let (start, end) = (external_id(start)?, external_id(end)?);
            Change::Relationship {
                type_name,
                start,
                end,
                properties,
                mode,
            }
        }
        _ => return Err("`type` must be \"node\" or \"relationship\"".to_owned()),
    };
    Ok((change, time))
}

fn external_id(json: &Json) -> Result<ExternalId, String> {
    let id = match json.get("id") {
        Some(Json::String(id)) => id.as_str().into(),
        Some(Json::Number(id)) => id.to_string().into(),
        _ => return Err("`id` must be a string or a number".to_owned()),
    };
    let space = match json.get("space") {
        None => "".into(),
        Some(Json::String(space)) => space.as_str().into(),
        Some(_) => return Err("`space` must be a string".to_owned()),
    };
    Ok(ExternalId { space, id })
}

fn names(json: Option<&Json>) -> Result<Vec<Arc<str>>, String> {
    let Some(json) = json else {
        return Ok(Vec::new());
    };
    json.as_array()
        .and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(Arc::from))
                .collect()
        })
        .ok_or_else(|| "`labels` must be a list of strings".to_owned())
}

fn properties(json: Option<&Json>) -> Result<Properties, String> {
    match json {
        None | Some(Json::Null) => Ok(Properties::new()),
        Some(Json::Object(object)) => object
            .iter()
            .map(|(key, json)| {
                let value = value(json).map_err(|reason| format!("property `{key}`: {reason}"))?;
                Ok((key.as_str().into(), value))
            })
            .collect(),
        Some(_) => Err("`properties` must be an object".to_owned()),
    }
}

fn value(json: &Json) -> Result<Value, String> {
    let value = json::read(json)?;
    if value.is_null() || value.is_storable() {
        return Ok(value);
    }
    Err(format!("a property cannot be a {}", value.type_name()))
}

fn time(json: &Json) -> Result<SystemTime, String> {
    if let Some(milliseconds) = json.as_i64() {
        return milliseconds
            .checked_mul(1_000)
            .map(SystemTime)
            .ok_or_else(|| format!("`time` {milliseconds} is too large"));
    }
    let text = json
        .as_str()
        .ok_or("`time` must be ISO 8601 text or milliseconds since 1970")?;
    let time = DateTime::parse(text).map_err(|error| format!("`time` `{text}`: {error}"))?;
    time.epoch_second
        .checked_mul(1_000_000)
        .and_then(|us| us.checked_add(i64::from(time.nanosecond / 1_000)))
        .map(SystemTime)
        .ok_or_else(|| format!("`time` `{text}` lies outside the times that can be recorded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_rejected_and_the_next_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changes.jsonl");
        let node = r#"{"type":"node","id":"7","properties":{}}"#;
        let long = r#"{"type":"node","id":"8","properties":{"text":"0123456789"}}"#;
        std::fs::write(&path, format!("{node}\n{long}\n{node}\n")).unwrap();
        let mut source = JsonLinesSource::open(&path).unwrap();
        source.line_bytes_max = node.len() + 1;
        let mut next = || match source.next().unwrap() {
            Some(Event::Item(item)) => Ok(item.place.line),
            Some(Event::Reject(reject)) => Err((reject.place.line, reject.reason)),
            _ => panic!("the file has three lines"),
        };
        assert_eq!(next(), Ok(1));
        let (line, reason) = next().unwrap_err();
        assert_eq!(line, 2);
        assert!(reason.contains("longer than"), "{reason}");
        assert_eq!(next(), Ok(3));
    }
}
