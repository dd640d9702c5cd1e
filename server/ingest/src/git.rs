//! The history of a git repository as a graph, read with the `git` command:
//!
//! ```text
//! (:Author {email, name}) -[:AUTHORED {at}]-> (:Commit {hash, subject, authoredAt, committedAt})
//! (:Commit) -[:PARENT {position}]-> (:Commit)
//! (:Commit) -[:TOUCHED {operation}]-> (:File {path})         operation: A, M, D, T
//! ```
//!
//! Commits come parents first and otherwise by their times; the time of everything in a commit is its
//! committer's. Merge commits touch no files of their own (as in `git log`). Text that is not UTF-8 is
//! converted with replacement characters.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;

use crate::change::{Change, ExternalId, Mode, Properties};
use crate::source::{Event, Item, Place, Progress, Source, SourceError};

/// Fields of a commit, in the order in which `git log` is asked for them.
const FORMAT: &str = "--format=%x01%H%x02%P%x02%an%x02%ae%x02%at%x02%ct%x02%s";
const COMMIT_MARK: u8 = 1;
const FIELD_SEPARATOR: char = '\u{2}';

/// A git repository as a source.
pub struct GitSource {
    repository: PathBuf,
    head: String,
    commits_total: u64,
    commits_read: u64,
    child: Child,
    output: BufReader<ChildStdout>,
    /// A token read ahead: the next commit's header.
    ahead: Option<Vec<u8>>,
    pending: VecDeque<Event>,
    authors: HashSet<Arc<str>>,
    files: HashSet<Arc<str>>,
}

impl GitSource {
    /// Starts to read the history that is reachable from `revision`.
    ///
    /// # Errors
    /// If `git` cannot be run, the path is no repository, or the revision does not exist.
    pub fn open(repository: &Path, revision: &str) -> Result<Self, SourceError> {
        let head = run(
            repository,
            &["rev-parse", "--verify", &format!("{revision}^{{commit}}")],
        )?;
        let count = run(repository, &["rev-list", "--count", &head])?;
        let mut child = git(repository)
            .args([
                "log",
                "--reverse",
                "--date-order",
                "--no-renames",
                "--raw",
                "-z",
            ])
            .args(["--no-abbrev", "--root", "--no-color", "--no-show-signature"])
            .args([FORMAT, &head, "--"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot_run)?;
        let Some(stdout) = child.stdout.take() else {
            return Err(failed("git log", "it has no output".to_owned()));
        };
        Ok(Self {
            repository: repository.to_owned(),
            commits_total: count.parse().unwrap_or(0),
            head,
            commits_read: 0,
            child,
            output: BufReader::with_capacity(1 << 18, stdout),
            ahead: None,
            pending: VecDeque::new(),
            authors: HashSet::new(),
            files: HashSet::new(),
        })
    }

    fn read_token(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(token) = self.ahead.take() {
            return Ok(Some(token));
        }
        let mut token = Vec::new();
        let count = self
            .output
            .read_until(0, &mut token)
            .map_err(|source| SourceError::Read {
                path: self.repository.clone(),
                source,
            })?;
        if count == 0 {
            return self.finish().map(|()| None);
        }
        if token.last() == Some(&0) {
            token.pop();
        }
        Ok(Some(token))
    }

    /// At the end of its output: whether `git log` ended well.
    fn finish(&mut self) -> Result<(), SourceError> {
        let mut message = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // What it said is only wanted for the message; without it the status still counts.
            let _ = stderr.read_to_string(&mut message);
        }
        let status = self.child.wait().map_err(cannot_run)?;
        if status.success() {
            Ok(())
        } else {
            Err(failed("git log", format!("{status}: {}", message.trim())))
        }
    }

    /// Reads one commit into `pending`; false at the end.
    fn read_commit(&mut self) -> Result<bool, SourceError> {
        let Some(header) = self.read_token()? else {
            return Ok(false);
        };
        let header = match header.split_first() {
            Some((&COMMIT_MARK, rest)) => String::from_utf8_lossy(rest).into_owned(),
            _ => {
                let text = String::from_utf8_lossy(&header).into_owned();
                return Err(failed("git log", format!("unexpected output `{text}`")));
            }
        };
        let fields: Vec<&str> = header.splitn(7, FIELD_SEPARATOR).collect();
        let [hash, parents, name, email, authored, committed, subject] = fields[..] else {
            return Err(failed("git log", format!("unexpected output `{header}`")));
        };
        let committed: i64 = committed.parse().unwrap_or(0);
        let authored: i64 = authored.parse().unwrap_or(committed);
        self.commits_read += 1;

        let place = Place {
            file: format!("commit {hash}").into(),
            line: 0,
            column: 0,
        };
        let mut emit = Emit {
            events: &mut self.pending,
            place,
            time: SystemTime(committed.saturating_mul(1_000_000)),
        };
        let commit = external("Commit", hash);
        emit.node(
            "Commit",
            &commit,
            vec![
                ("hash".into(), Value::String(hash.into())),
                ("subject".into(), Value::String(subject.into())),
                ("authoredAt".into(), instant(authored)),
                ("committedAt".into(), instant(committed)),
            ],
        );
        let author = external("Author", email);
        if self.authors.insert(author.id.clone()) {
            emit.node(
                "Author",
                &author,
                vec![
                    ("email".into(), Value::String(email.into())),
                    ("name".into(), Value::String(name.into())),
                ],
            );
        }
        emit.relationship(
            "AUTHORED",
            &author,
            &commit,
            vec![("at".into(), instant(authored))],
        );
        for (position, parent) in parents.split_whitespace().enumerate() {
            let position = Value::Int(position as i64);
            emit.relationship(
                "PARENT",
                &commit,
                &external("Commit", parent),
                vec![("position".into(), position)],
            );
        }
        self.read_files(&commit, committed)?;
        Ok(true)
    }

    fn read_files(&mut self, commit: &ExternalId, committed: i64) -> Result<(), SourceError> {
        while let Some(token) = self.read_token()? {
            if token.first() == Some(&COMMIT_MARK) {
                self.ahead = Some(token);
                break;
            }
            // `:100644 100644 <sha> <sha> M`, then the path as a token of its own.
            let status = String::from_utf8_lossy(&token);
            let status = status.trim_start();
            if status.is_empty() {
                continue;
            }
            let operation = status.rsplit(' ').next().unwrap_or("").chars().next();
            let (true, Some(operation)) = (status.starts_with(':'), operation) else {
                return Err(failed("git log", format!("unexpected output `{status}`")));
            };
            let Some(path) = self.read_token()? else {
                return Err(failed("git log", "a change without a path".to_owned()));
            };
            let file = external("File", &String::from_utf8_lossy(&path));
            let is_new = self.files.insert(file.id.clone());
            let mut emit = Emit {
                events: &mut self.pending,
                place: Place {
                    file: format!("commit {}", commit.id).into(),
                    line: 0,
                    column: 0,
                },
                time: SystemTime(committed.saturating_mul(1_000_000)),
            };
            if is_new {
                let path = Value::String(file.id.clone());
                emit.node("File", &file, vec![("path".into(), path)]);
            }
            let operation = Value::String(operation.to_string().into());
            emit.relationship(
                "TOUCHED",
                commit,
                &file,
                vec![("operation".into(), operation)],
            );
        }
        Ok(())
    }
}

impl Drop for GitSource {
    fn drop(&mut self) {
        // An import that stops early leaves `git log` behind; it is of no use any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Source for GitSource {
    fn describe(&self) -> String {
        format!(
            "git {} at {}",
            self.repository.display(),
            &self.head[..self.head.len().min(12)]
        )
    }

    fn fingerprint(&self) -> String {
        format!("git {}", self.head)
    }

    fn next(&mut self) -> Result<Option<Event>, SourceError> {
        while self.pending.is_empty() {
            if !self.read_commit()? {
                return Ok(None);
            }
        }
        Ok(self.pending.pop_front())
    }

    fn progress(&self) -> Progress {
        Progress {
            done: self.commits_read,
            total: self.commits_total,
        }
    }
}

/// Makes the events of one commit.
struct Emit<'a> {
    events: &'a mut VecDeque<Event>,
    place: Place,
    time: SystemTime,
}

impl Emit<'_> {
    fn push(&mut self, change: Change) {
        let (time, place) = (Some(self.time), self.place.clone());
        self.events.push_back(Event::Item(Item {
            change,
            time,
            place,
        }));
    }

    fn node(&mut self, label: &str, key: &ExternalId, properties: Properties) {
        self.push(Change::Node {
            key: Some(key.clone()),
            labels: vec![label.into()],
            properties,
            mode: Mode::Create,
        });
    }

    fn relationship(
        &mut self,
        type_name: &str,
        start: &ExternalId,
        end: &ExternalId,
        properties: Properties,
    ) {
        self.push(Change::Relationship {
            type_name: type_name.into(),
            start: start.clone(),
            end: end.clone(),
            properties,
            mode: Mode::Create,
        });
    }
}

fn external(space: &str, id: &str) -> ExternalId {
    ExternalId {
        space: space.into(),
        id: id.into(),
    }
}

fn instant(epoch_second: i64) -> Value {
    let utc = DateTime {
        epoch_second,
        nanosecond: 0,
        offset_seconds: 0,
        zone: None,
    };
    Value::DateTime(Arc::new(utc))
}

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).env("LC_ALL", "C");
    command
}

/// The trimmed output of a git command.
fn run(repository: &Path, arguments: &[&str]) -> Result<String, SourceError> {
    let output = git(repository)
        .args(arguments)
        .output()
        .map_err(cannot_run)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(&format!("git {}", arguments.join(" ")), message));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cannot_run(error: std::io::Error) -> SourceError {
    failed("git", format!("cannot be run ({error}); install git"))
}

fn failed(command: &str, message: String) -> SourceError {
    SourceError::Command {
        command: command.to_owned(),
        message,
    }
}
