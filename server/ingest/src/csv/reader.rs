//! A strict reader of RFC 4180: what is malformed is reported with its place, never guessed at.
//!
//! A record that is malformed is skipped to the next line end, so that one bad line does not take the
//! rest of the file with it. Fields may span lines inside quotes; a quote inside quotes is doubled;
//! lines end with LF or CRLF; a byte order mark is skipped.

use std::io::{self, BufRead};
use std::ops::Range;

use crate::lines::{self, RECORD_BYTES_MAX};

/// One record: its fields as ranges of a buffer that is reused.
#[derive(Debug, Default)]
pub(crate) struct Record {
    text: String,
    fields: Vec<Range<usize>>,
    quoted: Vec<bool>,
    /// Where each field begins: its line, and its offset and that of its line in `raw`.
    starts: Vec<(u64, usize, usize)>,
    /// The lines of the record as read.
    raw: Vec<u8>,
    /// The line on which the record begins.
    pub(crate) line: u64,
}

impl Record {
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn field(&self, index: usize) -> &str {
        &self.text[self.fields[index].clone()]
    }

    /// Whether the field was quoted: `""` is an empty string, nothing between two delimiters is no
    /// value.
    pub(crate) fn is_quoted(&self, index: usize) -> bool {
        self.quoted[index]
    }

    /// The line and column at which a field begins.
    pub(crate) fn place(&self, index: usize) -> (u64, u64) {
        let (line, line_start, at) = self.starts[index];
        (line, self.column(line_start, at))
    }

    /// The column, in characters from 1, of an offset of `raw`.
    fn column(&self, line_start: usize, at: usize) -> u64 {
        let bytes = &self.raw[line_start.min(at)..at];
        1 + bytes.iter().filter(|&&b| (b & 0xC0) != 0x80).count() as u64
    }

    fn malformed(&self, line: u64, line_start: usize, at: usize, reason: String) -> Malformed {
        Malformed {
            line,
            column: self.column(line_start, at),
            reason,
            text: lossy(first_line(&self.raw[line_start..])),
        }
    }

    /// Appends bytes of `raw` to the text of the current field.
    fn push_text(
        &mut self,
        range: Range<usize>,
        line: u64,
        line_start: usize,
    ) -> Result<(), Malformed> {
        match std::str::from_utf8(&self.raw[range.clone()]) {
            Ok(text) => {
                self.text.push_str(text);
                Ok(())
            }
            Err(error) => {
                let at = range.start + error.valid_up_to();
                let reason = format!(
                    "invalid UTF-8: byte 0x{:02X}; convert the file to UTF-8",
                    self.raw[at]
                );
                Err(self.malformed(line, line_start, at, reason))
            }
        }
    }
}

/// Why a record is malformed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) reason: String,
    /// The line as read, as far as it was.
    pub(crate) text: String,
}

/// What reading gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Record,
    Malformed(Malformed),
    End,
}

/// Reads records from bytes.
pub(crate) struct Reader<R> {
    input: R,
    delimiter: u8,
    quote: u8,
    line: u64,
    consumed: u64,
    record_bytes_max: usize,
}

/// What came of reading a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineRead {
    Whole,
    /// The record is longer than allowed.
    Cut,
    /// There is none.
    End,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(input: R, delimiter: u8, quote: u8) -> Self {
        Self {
            input,
            delimiter,
            quote,
            line: 0,
            consumed: 0,
            record_bytes_max: RECORD_BYTES_MAX,
        }
    }

    /// Bytes read so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Appends one physical line, with its end, to `raw`, as far as there is room in the record.
    fn read_line(&mut self, raw: &mut Vec<u8>) -> io::Result<LineRead> {
        let before = raw.len();
        let room = self.record_bytes_max.saturating_sub(before);
        let line = lines::read_line(&mut self.input, raw, room)?;
        if line.count == 0 {
            return Ok(LineRead::End);
        }
        self.line += 1;
        self.consumed += line.count;
        if line.is_cut {
            return Ok(LineRead::Cut);
        }
        if self.line == 1 && raw[before..].starts_with(b"\xEF\xBB\xBF") {
            raw.drain(before..before + 3);
        }
        Ok(LineRead::Whole)
    }

    fn too_long(&self, record: &Record, at: (u64, usize, usize)) -> Malformed {
        let reason = lines::too_long("record", self.record_bytes_max);
        record.malformed(at.0, at.1, at.2, reason)
    }

    /// Reads the next record into `record`. Empty lines are skipped.
    pub(crate) fn read(&mut self, record: &mut Record) -> io::Result<Outcome> {
        loop {
            record.raw.clear();
            match self.read_line(&mut record.raw)? {
                LineRead::End => return Ok(Outcome::End),
                LineRead::Cut => {
                    return Ok(Outcome::Malformed(self.too_long(record, (self.line, 0, 0))));
                }
                LineRead::Whole => {}
            }
            if !trim_line_end(&record.raw).is_empty() {
                break;
            }
        }
        record.line = self.line;
        record.text.clear();
        record.fields.clear();
        record.quoted.clear();
        record.starts.clear();

        let mut line_start = 0;
        let mut at = 0;
        loop {
            let field_start = record.text.len();
            record.starts.push((self.line, line_start, at));
            let is_quoted = record.raw.get(at) == Some(&self.quote);
            let field = if is_quoted {
                self.read_quoted(record, &mut line_start, &mut at)?
            } else {
                self.read_plain(record, line_start, &mut at)
            };
            if let Err(malformed) = field {
                return Ok(Outcome::Malformed(malformed));
            }
            record.quoted.push(is_quoted);
            record.fields.push(field_start..record.text.len());

            match &record.raw[at..] {
                [] | [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r'] => return Ok(Outcome::Record),
                [b, ..] if *b == self.delimiter => at += 1,
                _ => {
                    let reason = "text after a closing quote; double a quote that belongs to the \
                                  text"
                        .to_owned();
                    return Ok(Outcome::Malformed(
                        record.malformed(self.line, line_start, at, reason),
                    ));
                }
            }
        }
    }

    /// Reads a quoted field, which may span lines; `at` ends behind the closing quote.
    fn read_quoted(
        &mut self,
        record: &mut Record,
        line_start: &mut usize,
        at: &mut usize,
    ) -> io::Result<Result<(), Malformed>> {
        let opened = (self.line, *line_start, *at);
        *at += 1;
        loop {
            match record.raw[*at..].iter().position(|&b| b == self.quote) {
                Some(length) => {
                    let text = *at..*at + length;
                    if let Err(malformed) = record.push_text(text, self.line, *line_start) {
                        return Ok(Err(malformed));
                    }
                    *at += length + 1;
                    if record.raw.get(*at) != Some(&self.quote) {
                        return Ok(Ok(()));
                    }
                    record.text.push(char::from(self.quote));
                    *at += 1;
                }
                None => {
                    let text = *at..record.raw.len();
                    if let Err(malformed) = record.push_text(text, self.line, *line_start) {
                        return Ok(Err(malformed));
                    }
                    *at = record.raw.len();
                    *line_start = *at;
                    match self.read_line(&mut record.raw)? {
                        LineRead::Whole => {}
                        LineRead::Cut => {
                            let mut malformed = self.too_long(record, opened);
                            malformed.reason += "; is the quote opened here never closed?";
                            return Ok(Err(malformed));
                        }
                        LineRead::End => {
                            let reason = "the quote opened here is never closed".to_owned();
                            let (line, line_start, at) = opened;
                            return Ok(Err(record.malformed(line, line_start, at, reason)));
                        }
                    }
                }
            }
        }
    }

    /// Reads a field without quotes; `at` ends at the delimiter or line end behind it.
    fn read_plain(
        &self,
        record: &mut Record,
        line_start: usize,
        at: &mut usize,
    ) -> Result<(), Malformed> {
        let stop = |&b: &u8| b == self.delimiter || b == b'\n' || b == self.quote;
        let length = record.raw[*at..]
            .iter()
            .position(stop)
            .unwrap_or(record.raw.len() - *at);
        let end = *at + length;
        let next = record.raw.get(end);
        if next == Some(&self.quote) {
            let reason = "a quote inside a field that does not begin with one; quote the whole \
                          field and double the quote"
                .to_owned();
            return Err(record.malformed(self.line, line_start, end, reason));
        }
        let ends_line = next.is_none_or(|&b| b == b'\n');
        let has_return = ends_line && end > *at && record.raw[end - 1] == b'\r';
        record.push_text(*at..end - usize::from(has_return), self.line, line_start)?;
        *at = end;
        Ok(())
    }
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn first_line(bytes: &[u8]) -> &[u8] {
    trim_line_end(
        bytes
            .split_inclusive(|&b| b == b'\n')
            .next()
            .unwrap_or(bytes),
    )
}

fn lossy(bytes: &[u8]) -> String {
    const TEXT_CHARS_MAX: usize = 500;
    String::from_utf8_lossy(bytes)
        .chars()
        .take(TEXT_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &[u8]) -> Vec<Result<Vec<String>, (u64, u64, String)>> {
        let mut reader = Reader::new(text, b',', b'"');
        let mut record = Record::default();
        let mut rows = Vec::new();
        loop {
            match reader.read(&mut record).unwrap() {
                Outcome::Record => rows.push(Ok((0..record.len())
                    .map(|i| record.field(i).to_owned())
                    .collect())),
                Outcome::Malformed(bad) => rows.push(Err((bad.line, bad.column, bad.reason))),
                Outcome::End => return rows,
            }
        }
    }

    fn ok(fields: &[&str]) -> Result<Vec<String>, (u64, u64, String)> {
        Ok(fields.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn reads_quotes_line_ends_and_empty_fields() {
        assert_eq!(
            read_all(b"\xEF\xBB\xBFa,b,c\r\n1,\"x, \"\"y\"\"\nz\",\n\n,,\nlast,1,2"),
            vec![
                ok(&["a", "b", "c"]),
                ok(&["1", "x, \"y\"\nz", ""]),
                ok(&["", "", ""]),
                ok(&["last", "1", "2"]),
            ]
        );
    }

    #[test]
    fn a_record_that_is_too_long_is_malformed_and_the_next_is_read() {
        let text = b"a,b\n123456789,1\nc,d\ne,\"f\ng\nhijk\nl,m\n";
        let mut reader = Reader::new(&text[..], b',', b'"');
        reader.record_bytes_max = 8;
        let mut record = Record::default();
        assert_eq!(reader.read(&mut record).unwrap(), Outcome::Record);
        let malformed = |outcome: Outcome| match outcome {
            Outcome::Malformed(bad) => (bad.line, bad.column, bad.reason),
            other => panic!("{other:?}"),
        };
        let reason = "the record is longer than 8 bytes, which is the most that is read";
        let first = malformed(reader.read(&mut record).unwrap());
        assert_eq!(first, (2, 1, reason.to_owned()));
        assert_eq!(reader.read(&mut record).unwrap(), Outcome::Record);
        assert_eq!((record.field(0), record.line), ("c", 3));
        let second = malformed(reader.read(&mut record).unwrap());
        let reason = format!("{reason}; is the quote opened here never closed?");
        assert_eq!(second, (4, 3, reason));
        assert_eq!(reader.read(&mut record).unwrap(), Outcome::Record);
        assert_eq!((record.field(0), record.line), ("l", 7));
    }

    #[test]
    fn tells_an_empty_string_from_no_value() {
        let mut reader = Reader::new(&b"\"\",\n"[..], b',', b'"');
        let mut record = Record::default();
        assert_eq!(reader.read(&mut record).unwrap(), Outcome::Record);
        assert!(record.is_quoted(0) && !record.is_quoted(1));
        assert_eq!(record.place(1), (1, 4));
    }

    #[test]
    fn names_the_place_of_what_is_malformed_and_goes_on() {
        let rows = read_all(b"a,b\n1,\"x\"y\nab\"c,1\n\xC3\xA4,\xFFz\n5,6\n7,\"open\nmore\n");
        assert_eq!(rows[0], ok(&["a", "b"]));
        let error = |row: usize| rows[row].clone().unwrap_err();
        assert_eq!((error(1).0, error(1).1), (2, 6));
        assert!(error(1).2.contains("after a closing quote"));
        assert_eq!((error(2).0, error(2).1), (3, 3));
        assert_eq!((error(3).0, error(3).1), (4, 3));
        assert!(error(3).2.contains("0xFF"));
        assert_eq!(rows[4], ok(&["5", "6"]));
        assert_eq!((error(5).0, error(5).1), (6, 3));
        assert!(error(5).2.contains("never closed"));
    }
}
