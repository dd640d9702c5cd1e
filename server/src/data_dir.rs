//! The data directory: its layout, its format and its lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use retrograph_raft::GroupId;

/// The format of the directory that this program writes. Stores and logs have formats of their own.
const FORMAT: u32 = 1;

const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";

/// A data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// There is no data directory.
    #[error("{} is no data directory; `import`, `demo` and `graph create` make one", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error(
        "{} is not empty and no data directory (it has no {FORMAT_FILE} file); name another one \
         with --data",
        path.display()
    )]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("{} is in use by process {owner}; stop it, or name another directory with --data", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
        /// The process, as far as it is known.
        owner: String,
    },
    /// A newer program wrote it.
    #[error(
        "{} has format {found}, this program reads up to {FORMAT}: use a newer program",
        path.display()
    )]
    NewerFormat {
        /// The path.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The format file cannot be understood.
    #[error("{} does not say a format: `{text}`; restore it from a backup", path.display())]
    BadFormat {
        /// The file.
        path: PathBuf,
        /// What it says.
        text: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// An open data directory. The lock is released when it is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Opens a directory, making it where `create` allows it.
    pub(crate) fn open(path: &Path, create: bool) -> Result<Self, DataDirError> {
        let missing = || DataDirError::Missing {
            path: path.to_owned(),
        };
        let format_file = path.join(FORMAT_FILE);
        let is_new = !format_file.exists();
        if is_new {
            let is_foreign = path.is_dir() && holds_something_else(path)?;
            if is_foreign {
                return Err(DataDirError::Foreign {
                    path: path.to_owned(),
                });
            }
            if !create {
                return Err(missing());
            }
            create_private(path).map_err(|source| io_error("create", path, source))?;
        }
        let lock = lock(path)?;
        if is_new {
            write_durably(path, &format_file, format!("{FORMAT}\n").as_bytes())
                .map_err(|source| io_error("write", &format_file, source))?;
        }
        check_format(path, &format_file)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Whether [`Self::open`] would make or open the directory; leaves nothing behind.
    pub(crate) fn check(path: &Path) -> Result<(), DataDirError> {
        if path.join(FORMAT_FILE).exists() {
            drop(Self::open(path, false)?);
        } else if path.is_dir() && holds_something_else(path)? {
            return Err(DataDirError::Foreign {
                path: path.to_owned(),
            });
        }
        let is_there = |path: &&Path| path.exists();
        let absolute =
            std::path::absolute(path).map_err(|source| io_error("find", path, source))?;
        let Some(nearest) = absolute.ancestors().find(is_there) else {
            return Ok(());
        };
        let probe = nearest.join(format!(".retrograph-probe-{}", std::process::id()));
        let written = File::create(&probe).and_then(|file| file.sync_all());
        let removed = written.and_then(|()| fs::remove_file(&probe));
        removed.map_err(|source| io_error("write into", nearest, source))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) fn group(&self, group: GroupId) -> PathBuf {
        self.path.join("groups").join(group.to_string())
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A lock file alone is what a start leaves that was killed before it wrote the format.
fn holds_something_else(path: &Path) -> Result<bool, DataDirError> {
    let entries = fs::read_dir(path).map_err(|source| io_error("read", path, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| io_error("read", path, source))?;
        if entry.file_name() != LOCK_FILE {
            return Ok(true);
        }
    }
    Ok(false)
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let lock_path = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(|source| io_error("open", &lock_path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only for the message.
            let _ = file.read_to_string(&mut owner);
            let owner = if owner.trim().is_empty() {
                "unknown"
            } else {
                owner.trim()
            };
            return Err(DataDirError::InUse {
                path: path.to_owned(),
                owner: owner.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io_error("lock", &lock_path, source)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|source| io_error("write", &lock_path, source))?;
    Ok(file)
}

fn write_durably(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(directory)?.sync_all()
}

fn check_format(path: &Path, format_file: &Path) -> Result<(), DataDirError> {
    let text =
        fs::read_to_string(format_file).map_err(|source| io_error("read", format_file, source))?;
    match text.trim().parse::<u32>() {
        Ok(found) if found > FORMAT => Err(DataDirError::NewerFormat {
            path: path.to_owned(),
            found,
        }),
        Ok(_) => Ok(()),
        Err(_) => Err(DataDirError::BadFormat {
            path: format_file.to_owned(),
            text: text.trim().chars().take(40).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_opens_it_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        assert!(matches!(
            DataDir::open(&path, false),
            Err(DataDirError::Missing { .. })
        ));
        let first = DataDir::open(&path, true).unwrap();
        let second = DataDir::open(&path, false).unwrap_err();
        assert!(
            second.to_string().contains(&std::process::id().to_string()),
            "{second}"
        );
        drop(first);
        DataDir::open(&path, false).unwrap();
    }

    #[test]
    fn a_check_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/data");
        DataDir::check(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let open = DataDir::open(&path, true).unwrap();
        assert!(matches!(
            DataDir::check(&path),
            Err(DataDirError::InUse { .. })
        ));
        drop(open);
        DataDir::check(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            DataDir::check(&file.join("data")),
            Err(DataDirError::Io { .. })
        ));
    }

    #[test]
    fn foreign_and_newer_directories_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
        assert!(matches!(
            DataDir::open(dir.path(), true),
            Err(DataDirError::Foreign { .. })
        ));

        let path = dir.path().join("data");
        drop(DataDir::open(&path, true).unwrap());
        fs::write(path.join(FORMAT_FILE), "99\n").unwrap();
        let error = DataDir::open(&path, false).unwrap_err();
        assert!(matches!(error, DataDirError::NewerFormat { found: 99, .. }));
        fs::write(path.join(FORMAT_FILE), "what?").unwrap();
        assert!(matches!(
            DataDir::open(&path, false),
            Err(DataDirError::BadFormat { .. })
        ));
    }
}
