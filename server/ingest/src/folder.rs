//! The folder whose files LOAD CSV may read.
//!
//! A URL `file:///name.csv` names a file below the folder, whatever the folder's own path is. The file
//! is looked up with all links resolved, and must lie below the folder then as well, so that neither
//! `..` nor a symbolic link leads out. Nothing is fetched over a network.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use retrograph_engine::{CsvFile, CsvSource};

use crate::csv::reader::{Outcome, Reader, Record};

const READ_BUFFER_BYTES: usize = 1 << 16;

/// A folder of CSV files.
#[derive(Debug)]
pub struct ImportFolder {
    root: PathBuf,
}

impl ImportFolder {
    /// The folder at a path.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        if !root.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                format!("{} is no folder", path.display()),
            ));
        }
        Ok(Self { root })
    }

    /// The file that a URL names.
    fn resolve(&self, url: &str) -> Result<PathBuf, String> {
        let Some(path) = url.strip_prefix("file:///") else {
            return Err(match url.split_once("://") {
                Some(("file", _)) => format!("`{url}` names a host; write file:///name.csv"),
                Some((scheme, _)) => format!(
                    "LOAD CSV does not read over a network, so `{scheme}:` is refused; put the file into \
                     the import folder and write file:///name.csv"
                ),
                None => format!("`{url}` is no URL of a file; write file:///name.csv"),
            });
        };
        let path = percent_decoded(path).ok_or_else(|| format!("`{url}` is malformed"))?;
        let relative = Path::new(&path);
        let outside = || format!("`{url}` leads out of the import folder");
        let stays = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if path.contains('\0') || !relative.components().all(stays) {
            return Err(outside());
        }
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file `{path}` in the import folder"),
            _ => format!("`{url}` cannot be read: {error}"),
        };
        let found = self
            .root
            .join(relative)
            .canonicalize()
            .map_err(unreadable)?;
        if !found.starts_with(&self.root) {
            return Err(outside());
        }
        if !found.is_file() {
            return Err(format!("`{url}` is no file"));
        }
        Ok(found)
    }
}

impl CsvSource for ImportFolder {
    fn open(&self, url: &str, terminator: u8) -> Result<Box<dyn CsvFile>, String> {
        let path = self.resolve(url)?;
        let file = File::open(&path).map_err(|error| format!("`{url}` cannot be read: {error}"))?;
        let input = BufReader::with_capacity(READ_BUFFER_BYTES, file);
        Ok(Box::new(FolderFile {
            url: url.to_owned(),
            reader: Reader::new(input, terminator, b'"'),
            record: Record::default(),
        }))
    }
}

struct FolderFile {
    url: String,
    reader: Reader<BufReader<File>>,
    record: Record,
}

impl CsvFile for FolderFile {
    fn read(&mut self, fields: &mut Vec<Option<Arc<str>>>) -> Result<Option<u64>, String> {
        let record = &mut self.record;
        let outcome = self.reader.read(record);
        match outcome.map_err(|error| format!("`{}` cannot be read: {error}", self.url))? {
            Outcome::End => Ok(None),
            Outcome::Malformed(bad) => Err(format!(
                "{}:{}:{}: {}",
                self.url, bad.line, bad.column, bad.reason
            )),
            Outcome::Record => {
                fields.clear();
                fields.extend((0..record.len()).map(|at| {
                    let text = record.field(at);
                    (!text.is_empty() || record.is_quoted(at)).then(|| Arc::from(text))
                }));
                Ok(Some(record.line))
            }
        }
    }
}

/// A path with its `%20` and the like resolved.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("import");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(outer.path().join("secret.csv"), "x\n").unwrap();
        std::fs::write(root.join("a b.csv"), "x\n").unwrap();
        std::fs::write(root.join("sub/c.csv"), "x\n").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret.csv"), root.join("link.csv"))
                .unwrap();
            std::os::unix::fs::symlink(outer.path(), root.join("up")).unwrap();
        }
        let folder = ImportFolder::new(&root).unwrap();
        for good in ["file:///a b.csv", "file:///a%20b.csv", "file:///sub/c.csv"] {
            assert!(folder.resolve(good).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("file:///../secret.csv", "leads out"),
            ("file:///sub/../../secret.csv", "leads out"),
            ("file:///%2e%2e/secret.csv", "leads out"),
            ("file:////etc/passwd", "leads out"),
            ("file:///link.csv", "leads out"),
            ("file:///up/secret.csv", "leads out"),
            ("file:///a\0.csv", "leads out"),
            ("file:///sub", "is no file"),
            ("file:///nope.csv", "no file `nope.csv`"),
            ("file:///%zz", "malformed"),
            ("file://host/a.csv", "names a host"),
            ("http://example.com/a.csv", "over a network"),
            ("/etc/passwd", "no URL"),
        ] {
            let error = folder.resolve(bad).unwrap_err();
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }
}
