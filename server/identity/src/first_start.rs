//! The first administrator.
//!
//! A database without users gets one, `admin`, whose random password is written to a file that only the
//! owner of the data directory can read. The command on the same machine finds it there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::distr::{Alphanumeric, SampleString};

use crate::{Credentials, Directory, DirectoryError, Secret};

/// The file in the data directory: one line, `user:password`.
pub const CREDENTIAL_FILE: &str = "admin.credential";

const USER: &str = "admin";
const PASSWORD_CHARACTERS: usize = 32;

/// The first administrator cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirstStartError {
    /// In the directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The file cannot be written or read.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The file does not hold what this program writes.
    #[error("{} is not `user:password` on one line", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// Makes the first administrator if there is no user at all. Returns where their password is, if one was
/// made.
///
/// # Errors
/// If the file or the user cannot be made; nothing is left half done that the next start does not mend.
pub fn ensure_admin(
    directory: &Directory,
    data: &Path,
) -> Result<Option<PathBuf>, FirstStartError> {
    if !directory.users()?.is_empty() {
        return Ok(None);
    }
    let path = data.join(CREDENTIAL_FILE);
    let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_CHARACTERS);
    // The file first: a user whose password nobody knows would be in the way of the next start.
    write(&path, &format!("{USER}:{password}\n")).map_err(|source| FirstStartError::File {
        action: "write",
        path: path.clone(),
        source,
    })?;
    directory.create_admin(USER, &password.into())?;
    Ok(Some(path))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // What a start left behind that ended before it made the user.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The credentials of the first administrator, if their file is still there.
///
/// # Errors
/// If it cannot be read, as by anybody but the owner, or holds something else.
pub fn read_credential(data: &Path) -> Result<Option<Credentials>, FirstStartError> {
    let path = data.join(CREDENTIAL_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Secret::from(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FirstStartError::File {
                action: "read",
                path,
                source,
            });
        }
    };
    match text.expose().trim_end().split_once(':') {
        Some((user, password)) if !user.is_empty() => Ok(Some(Credentials::Basic {
            user: user.to_owned(),
            secret: password.into(),
        })),
        _ => Err(FirstStartError::Malformed { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authenticator;
    use retrograph_graph::ids::SystemTime;
    use retrograph_server::{Database, OpenOptions as Opening};
    use std::sync::Arc;

    #[test]
    fn the_first_administrator_logs_in_with_what_the_owner_reads() {
        let place = tempfile::tempdir().expect("a place");
        let database = Database::open(place.path(), Opening::creating()).expect("opened");
        let directory = Arc::new(Directory::open(database).expect("a directory"));
        std::fs::write(place.path().join(CREDENTIAL_FILE), "left behind").expect("written");
        let path = ensure_admin(&directory, place.path())
            .expect("made")
            .expect("the first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path)
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(ensure_admin(&directory, place.path()).expect("read"), None);
        let credentials = read_credential(place.path()).expect("read").expect("there");
        let authenticator = Authenticator::new(directory).expect("an authenticator");
        let admin = authenticator
            .authenticate(&credentials, None, SystemTime(1))
            .expect("recognised");
        assert!(admin.is_operator);
        std::fs::remove_file(path).expect("removed");
        assert!(read_credential(place.path()).expect("read").is_none());
    }
}
