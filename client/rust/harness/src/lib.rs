//! Servers for the tests and the examples of the Rust client.
//!
//! The client knows the protocol alone; here is the other end: a real server on a free port of this machine, with
//! an empty graph `harbor` in a directory that goes when the server does.

pub mod certificates;

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use retrograph_identity::{Authenticator, Directory, ensure_admin, procedures, read_credential};
use retrograph_net::{Access, Options, Server, Stop, grpc};
use retrograph_server::{Database, OpenOptions};
use tempfile::TempDir;

/// What an example may fail with.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A server that runs until this is dropped.
pub struct Running {
    database: Arc<Database>,
    address: SocketAddr,
    scheme: &'static str,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    directory: Arc<TempDir>,
}

impl Running {
    /// A server that asks nobody who they are.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn open() -> Result<Self, Failure> {
        let directory = Arc::new(tempfile::tempdir()?);
        let database = database(&directory)?;
        let access = Access::Open {
            actor: "tester".into(),
        };
        Self::start(database, directory, "127.0.0.1:0".parse()?, access, |_| {})
    }

    /// A server whose users log in, set up further by `change`. Returns the name and the password of the first
    /// one, an administrator, as well.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn with_users(
        change: impl FnOnce(&mut Options),
    ) -> Result<(Self, String, String), Failure> {
        let directory = Arc::new(tempfile::tempdir()?);
        let database = database(&directory)?;
        let users = Arc::new(Directory::open(Arc::clone(&database))?);
        ensure_admin(&users, database.path())?;
        let credential = read_credential(database.path())?.ok_or("the administrator is there")?;
        let retrograph_identity::Credentials::Basic { user, secret } = credential else {
            return Err("the administrator has a password".into());
        };
        let authenticator = Arc::new(Authenticator::new(users)?);
        for procedure in procedures(&authenticator) {
            database.engine().register_procedure(procedure);
        }
        let access = Access::Users(authenticator);
        let address = "127.0.0.1:0".parse()?;
        let running = Self::start(database, directory, address, access, change)?;
        Ok((running, user, secret.expose().to_owned()))
    }

    fn start(
        database: Arc<Database>,
        directory: Arc<TempDir>,
        address: SocketAddr,
        access: Access,
        change: impl FnOnce(&mut Options),
    ) -> Result<Self, Failure> {
        let mut options = Options::new(access);
        options.grpc = Some(grpc::Options::new(address));
        change(&mut options);
        let scheme = match options.tls {
            Some(_) => "https",
            None => "http",
        };
        // A server has a runtime of its own, which cannot be made within that of an asynchronous test.
        let listening = Arc::clone(&database);
        let server = std::thread::spawn(move || Server::listen(listening, options))
            .join()
            .map_err(|_| "listening failed")??;
        Ok(Self {
            database,
            address: server.grpc_address().ok_or("it listens")?,
            scheme,
            stop: server.stop(),
            thread: Some(std::thread::spawn(move || server.run())),
            directory,
        })
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Its database, to look behind the protocol.
    #[must_use]
    pub const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The directory that goes with the server, for other files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops the server, calls `meanwhile`, and starts it again at the same address on the same database. For
    /// servers that ask nobody who they are.
    ///
    /// # Errors
    /// If it cannot be started again.
    pub fn restart(mut self, meanwhile: impl FnOnce()) -> Result<Self, Failure> {
        self.end();
        meanwhile();
        let access = Access::Open {
            actor: "tester".into(),
        };
        let (database, directory) = (Arc::clone(&self.database), Arc::clone(&self.directory));
        Self::start(database, directory, self.address, access, |_| {})
    }

    fn end(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the server failed"
            );
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn database(directory: &TempDir) -> Result<Arc<Database>, Failure> {
    let options = OpenOptions::creating();
    let database = Database::open(&directory.path().join("data"), options)?;
    database.create_graph("harbor")?;
    Ok(database)
}

/// Runs an example against a server that asks nobody who they are; it is told where that is.
///
/// # Panics
/// If the server cannot be started, or the example fails.
#[allow(clippy::panic, reason = "an example that fails is a test that fails")]
pub fn with_server<F: Future<Output = Result<(), Failure>>>(example: impl FnOnce(String) -> F) {
    if let Err(error) = Running::open().and_then(|running| run(example(running.url()))) {
        panic!("the example failed: {error:?}");
    }
}

/// Runs an example against a server whose users log in; it is told where that is, and the password of `admin`.
///
/// # Panics
/// If the server cannot be started, or the example fails.
#[allow(clippy::panic, reason = "an example that fails is a test that fails")]
pub fn with_administrator<F: Future<Output = Result<(), Failure>>>(
    example: impl FnOnce(String, String) -> F,
) {
    let started = Running::with_users(|_| {});
    let ran = started.and_then(|(running, _, password)| run(example(running.url(), password)));
    if let Err(error) = ran {
        panic!("the example failed: {error:?}");
    }
}

fn run(example: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(example)
}
