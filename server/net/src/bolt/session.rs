//! A connection as a task: between the socket and the worker.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use retrograph_bolt::failure::code;
use retrograph_bolt::message::request::AuthToken;
use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Action, Connection, Dialect, Failure, Outcome, Settings, State, Version};
use retrograph_engine::{CancelToken, Loan};
use retrograph_identity::{Credentials, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc as replies, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::opened::{Opened, PATIENCE};
use super::service::Service;
use super::worker::{Ahead, Client, Command, Reply, Worker};
use crate::client_certificate::Certified;
use crate::connections::Refusal;
use crate::failures;
use crate::identity::{Access, Identity};
use crate::metrics::End;
use crate::target::Caller;
use crate::workers::{Place, STACK_BYTES, WAIT};

/// How much is read at once.
const READ_BYTES: usize = 16 << 10;

/// Replies of the worker are not taken while this much waits to be sent.
const UNSENT_BYTES_MAX: usize = 256 << 10;

/// What has arrived of messages is not counted up to this.
const INTAKE_BYTES_FREE: usize = 256 << 10;

/// How many replies may wait to be taken.
const REPLIES_MAX: usize = 4;

/// How long, and for how many bytes, a connection that is over is read on.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 1 << 20;

/// The other end of a worker.
struct Handle {
    commands: mpsc::Sender<Command>,
    replies: replies::Receiver<Reply>,
}

/// See the module.
pub struct Session {
    service: Arc<Service>,
    connection: Connection,
    /// Its name, and where the client is.
    name: Arc<str>,
    peer: SocketAddr,
    /// Whom its certificate is of, if it has shown one.
    certified: Option<Certified>,
    /// Whom it acts for, once that is known.
    identity: Option<Identity>,
    /// Finds out whom it acts for.
    login: Option<JoinHandle<Result<Identity, Failure>>>,
    login_began: Instant,
    worker: Option<Handle>,
    /// Whether what the worker sends is ignored, up to the outcome of its command.
    is_unwanted: bool,
    /// What RUN is answered, until it is sent, and when that is at the latest.
    opening: Option<(Instant, Arc<Opened>)>,
    /// What waits for a worker, and until when.
    waiting: Vec<Command>,
    waits_until: Instant,
    /// Stops the query that is running, if any.
    cancel: CancelToken,
    authentication_ends: Option<Instant>,
    /// The memory of long rows that wait to be sent.
    loans: Vec<Loan>,
    /// The memory of long messages that arrive.
    intake: Option<Loan>,
    /// Why it is not let in, whoever it is.
    refusal: Option<Refusal>,
}

/// Why a connection's loop turns.
enum Event {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Reply(Option<Reply>),
    /// RUN is to be answered, without rows if need be.
    Due,
    LoggedIn(Result<Identity, Failure>),
    /// There is a worker for what waits, or there will be none.
    Place(Option<Place>),
    /// The client did not authenticate in time.
    Late,
    /// The client does not read.
    Stalled,
    Idle,
    Stop,
}

impl Session {
    pub fn new(
        service: Arc<Service>,
        connection_id: String,
        peer: SocketAddr,
        certified: Option<Certified>,
        refusal: Option<Refusal>,
    ) -> Self {
        let name = connection_id.as_str().into();
        let connection = Connection::new(Settings {
            agent: service.options.agent.clone(),
            connection_id,
            hints: Map::new(),
            limits: service.options.limits,
        });
        Self {
            service,
            connection,
            name,
            peer,
            certified,
            identity: None,
            login: None,
            login_began: Instant::now(),
            worker: None,
            is_unwanted: false,
            opening: None,
            waiting: Vec::new(),
            waits_until: Instant::now(),
            cancel: CancelToken::new(),
            authentication_ends: None,
            loans: Vec::new(),
            intake: None,
            refusal,
        }
    }

    /// Serves the connection until it is over.
    pub async fn run<R, W>(mut self, mut reader: R, mut writer: W, mut stop: watch::Receiver<bool>)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        debug!(connection = &*self.name, peer = %self.peer, "connected");
        let mut input = vec![0; READ_BYTES];
        let mut unsent: Vec<u8> = Vec::new();
        let mut sent = 0;
        // Bytes that TLS holds back are not sent before they are flushed.
        let mut is_unflushed = false;
        let mut moved = Instant::now();
        // When the client last took something, or there was nothing to take.
        let mut taken = Instant::now();
        let stall = self.service.options.stall;
        loop {
            self.act();
            self.take_in();
            if sent == unsent.len() {
                self.loans.clear();
                unsent = self.connection.take_output();
                sent = 0;
                moved = Instant::now();
                if !is_unflushed {
                    taken = Instant::now();
                }
            }
            let is_sending = sent < unsent.len();
            if self.connection.is_closed() && !is_sending && !is_unflushed {
                break;
            }
            let is_idle = self.worker.is_some()
                && !is_sending
                && !self.connection.is_busy()
                && self.connection.state() == Some(State::Ready);
            let event = {
                let worker = self.worker.as_mut();
                let takes_reply = worker.is_some() && unsent.len() - sent < UNSENT_BYTES_MAX;
                let reply = async {
                    match worker {
                        Some(worker) => worker.replies.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let late = async {
                    match self.authentication_ends {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                let login = async {
                    match self.login.as_mut() {
                        Some(login) => login.await,
                        None => std::future::pending().await,
                    }
                };
                let output = async {
                    match is_sending {
                        true => Event::Written(writer.write(&unsent[sent..]).await),
                        false => Event::Flushed(writer.flush().await),
                    }
                };
                let due = async {
                    match self.opening {
                        Some((at, _)) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                let (reply, late, login, due) = (pin!(reply), pin!(late), pin!(login), pin!(due));
                let workers = &self.service.shared.workers;
                let waits_until = self.waits_until;
                let is_waiting = !self.waiting.is_empty();
                tokio::select! {
                    _ = stop.changed() => Event::Stop,
                    event = output, if is_sending || is_unflushed => event,
                    reply = reply, if takes_reply => Event::Reply(reply),
                    login = login => Event::LoggedIn(login.unwrap_or_else(|_| Err(login_failed()))),
                    place = workers.place_until(waits_until), if is_waiting => Event::Place(place),
                    read = reader.read(&mut input), if self.connection.wants_input() => {
                        Event::Read(read)
                    }
                    () = late => Event::Late,
                    () = due => Event::Due,
                    () = sleep_until(taken + stall), if is_sending || is_unflushed => Event::Stalled,
                    () = sleep_until(moved + self.service.options.worker_idle), if is_idle => Event::Idle,
                    () = workers.wanted(), if is_idle => Event::Idle,
                }
            };
            match event {
                Event::Read(Ok(0) | Err(_)) | Event::Written(Ok(0) | Err(_)) => break,
                Event::Flushed(Err(_)) => break,
                Event::Flushed(Ok(())) => {
                    is_unflushed = false;
                    taken = Instant::now();
                }
                Event::Stop => break,
                Event::Late => {
                    info!(connection = &*self.name, peer = %self.peer, "closed, as nobody logged in in time");
                    break;
                }
                Event::Stalled => {
                    warn!(
                        connection = &*self.name,
                        peer = %self.peer,
                        seconds = stall.as_secs_f64(),
                        "closed, as the client read nothing of what was sent to it"
                    );
                    break;
                }
                Event::Read(Ok(read)) => {
                    moved = Instant::now();
                    self.connection.receive(&input[..read]);
                }
                Event::Written(Ok(written)) => {
                    moved = Instant::now();
                    taken = Instant::now();
                    is_unflushed = true;
                    sent += written;
                }
                Event::Due => {
                    let opened = self.opening.take().and_then(|(_, opened)| opened.take());
                    self.open(opened);
                }
                Event::Reply(Some(reply)) => {
                    self.opening = None;
                    self.answer(reply);
                    // What waits is sent before more is asked for; what comes now goes behind it.
                    if sent > 0 {
                        unsent.drain(..sent);
                        sent = 0;
                    }
                    unsent.append(&mut self.connection.take_output());
                }
                Event::Reply(None) => {
                    self.worker = None;
                    let failure = Failure::new(
                        code::UNKNOWN_ERROR,
                        "the thread that ran the query has failed",
                    );
                    self.connection.complete(Outcome::Failed(failure));
                }
                Event::LoggedIn(result) => {
                    self.login = None;
                    let outcome = match result {
                        Ok(identity) => {
                            self.identity = Some(identity);
                            Outcome::Done(self.logged_in())
                        }
                        Err(failure) => Outcome::Failed(failure),
                    };
                    self.count_login(&outcome);
                    self.connection.complete(outcome);
                }
                Event::Place(place) => {
                    self.worker = place.and_then(|place| self.start_worker(place));
                    let waiting = std::mem::take(&mut self.waiting);
                    match &self.worker {
                        Some(worker) => {
                            for command in waiting {
                                let _ = worker.commands.send(command);
                            }
                        }
                        None => {
                            self.opening = None;
                            self.connection.complete(Outcome::Failed(too_busy()));
                        }
                    }
                }
                Event::Idle => self.worker = None,
            }
        }
        debug!(connection = &*self.name, "over");
        // The worker sees that nobody waits any more, and rolls back.
        self.cancel.cancel();
        self.worker = None;
        let _ = timeout(LINGER, writer.shutdown()).await;
        linger(&mut reader, &mut input).await;
    }

    /// Takes memory for what has arrived, if that is much; gives up if there is none.
    fn take_in(&mut self) {
        let held = self.connection.held_bytes();
        if held <= INTAKE_BYTES_FREE {
            self.intake = None;
            return;
        }
        let Some(identity) = &self.identity else {
            // What strangers send is limited to less.
            return;
        };
        let turns = &self.service.shared.turns;
        let loan = self.intake.get_or_insert_with(|| {
            let turns = turns.turns_of(identity, &"".into());
            Loan::new(Some(turns))
        });
        if let Err(error) = loan.cover("A message of the client", held) {
            warn!(connection = &*self.name, peer = %self.peer, "a message was refused for want of memory");
            self.connection.give_up(&failures::of_query(&error, ""));
            self.intake = None;
        }
    }

    /// Does what is to be done.
    fn act(&mut self) {
        while let Some(action) = self.connection.next_action() {
            let command = match action {
                Action::StartTimer(time) => {
                    self.authentication_ends = Some(Instant::now() + time);
                    continue;
                }
                Action::StopTimer => {
                    self.authentication_ends = None;
                    continue;
                }
                Action::Authenticate(token) => {
                    if let Some(refusal) = self.refusal {
                        let failure = Failure::new(code::OVERLOADED, refusal.to_string());
                        self.connection.complete(Outcome::Failed(failure));
                        continue;
                    }
                    let shared = Arc::clone(&self.service.shared);
                    let address = self.peer.ip();
                    let certified = self.certified.clone();
                    // A password takes its time on purpose.
                    self.login_began = Instant::now();
                    self.login = Some(tokio::task::spawn_blocking(move || {
                        log_in(&shared.access, &token, certified.as_ref(), address)
                    }));
                    continue;
                }
                Action::Logoff => {
                    self.identity = None;
                    // It acts for whom it was started for.
                    self.worker = None;
                    self.connection.complete(Outcome::Done(Map::new()));
                    continue;
                }
                Action::Interrupt => {
                    self.cancel.cancel();
                    if !self.waiting.is_empty() {
                        self.waiting.clear();
                        self.opening = None;
                        let failure = Failure::new(code::TERMINATED, "the request was interrupted");
                        self.connection.complete(Outcome::Failed(failure));
                    }
                    continue;
                }
                Action::Close { .. } => continue,
                Action::Run { run, result } => {
                    // One token for all of a transaction: the first result may still be running when
                    // the second is asked for.
                    if result.is_none() || self.cancel.is_cancelled() {
                        self.cancel = CancelToken::new();
                    }
                    Command::Run {
                        run,
                        result,
                        ahead: self.ahead(),
                        cancel: self.cancel.clone(),
                    }
                }
                Action::Begin(extra) => Command::Begin(extra),
                Action::Commit => Command::Commit,
                Action::Rollback => Command::Rollback,
                Action::Route(route) => Command::Route(route),
                Action::Reset if self.worker.is_none() => {
                    // Nothing is open.
                    self.connection.complete(Outcome::Done(Map::new()));
                    continue;
                }
                Action::Pull { rows, result } => Command::Pull { rows, result },
                Action::Discard { rows, result } => Command::Discard { rows, result },
                Action::Reset => Command::Reset,
            };
            self.command(command);
        }
    }

    /// What the client has asked for together with the query that it runs.
    fn ahead(&mut self) -> Option<Box<Ahead>> {
        let command = self.connection.ahead().and_then(Command::on_rows)?;
        let opened = Arc::default();
        self.opening = Some((Instant::now() + PATIENCE, Arc::clone(&opened)));
        Some(Box::new(Ahead { command, opened }))
    }

    /// Takes what the worker has.
    fn answer(&mut self, reply: Reply) {
        self.open(reply.opened);
        if self.is_unwanted {
            self.is_unwanted = reply.outcome.is_none();
            return;
        }
        self.loans.extend(reply.loan);
        self.connection.records(&reply.records);
        if let Some(outcome) = reply.outcome {
            self.connection.complete(outcome);
        }
    }

    /// Answers RUN whose rows the worker goes on to.
    fn open(&mut self, opened: Option<Map>) {
        if let Some(opened) = opened {
            self.connection.complete(Outcome::Done(opened));
            // The client may have had the rows ignored meanwhile.
            self.is_unwanted = !self.connection.is_streaming();
            if !self.is_unwanted {
                self.connection.next_action();
            }
        }
    }

    fn count_login(&self, outcome: &Outcome) {
        let end = match outcome {
            Outcome::Failed(failure) => End::of_code(&failure.code),
            _ => End::Done,
        };
        if end != End::Done {
            let metrics = &self.service.shared.metrics;
            metrics.failed_logins.fetch_add(1, Ordering::Relaxed);
            warn!(connection = &*self.name, peer = %self.peer, "a login failed");
        }
        let login = &self.service.counters.login;
        login.count(self.login_began.elapsed(), end);
    }

    fn logged_in(&self) -> Map {
        match (&self.service.options.advertised, self.connection.version()) {
            (Some(address), Some(version)) if version.has_home_database() => {
                map([("advertised_address", address.as_str())])
            }
            _ => Map::new(),
        }
    }

    fn command(&mut self, command: Command) {
        if self.worker.is_none() {
            let Some(place) = self.service.shared.workers.place() else {
                self.waiting.push(command);
                self.waits_until = Instant::now() + WAIT;
                return;
            };
            self.worker = self.start_worker(place);
        }
        match &self.worker {
            // If the worker has failed, the end of its replies says so.
            Some(worker) => drop(worker.commands.send(command)),
            None => self.connection.complete(Outcome::Failed(too_busy())),
        }
    }

    fn start_worker(&self, place: Place) -> Option<Handle> {
        let (version, dialect) = self.known()?;
        let identity = self.identity.clone()?;
        let hello = self.connection.hello().cloned().unwrap_or_default();
        let client = Client {
            caller: Caller {
                protocol: "bolt",
                connection: Arc::clone(&self.name),
                peer: self.peer.to_string().into(),
                identity,
                user_agent: hello.user_agent.into(),
            },
            version,
            dialect,
            notifications: hello.notifications,
            advertised: self.service.options.advertised.clone(),
            found: self.found(),
            kept_bytes_max: self.service.options.kept_bytes_max,
        };
        let (command_sender, commands) = mpsc::channel();
        let (reply_sender, replies) = replies::channel(REPLIES_MAX);
        let worker = Worker::new(
            Arc::clone(&self.service.shared),
            client,
            Arc::clone(&self.service.counters),
            commands,
            reply_sender,
        );
        let spawned = std::thread::Builder::new()
            .name("retrograph-bolt".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _place = place;
                worker.run();
            });
        spawned.ok().map(|_| Handle {
            commands: command_sender,
            replies,
        })
    }

    fn known(&self) -> Option<(Version, Dialect)> {
        Some((self.connection.version()?, self.connection.dialect()?))
    }

    /// Where the client found the server.
    fn found(&self) -> String {
        let routing = self
            .connection
            .hello()
            .and_then(|hello| hello.routing.as_ref());
        match routing.and_then(|routing| routing.get("address")) {
            Some(retrograph_bolt::Value::String(address)) => address.clone(),
            _ => self.service.address.to_string(),
        }
    }
}

/// Whom a token belongs to.
fn log_in(
    access: &Access,
    token: &AuthToken,
    certified: Option<&Certified>,
    address: IpAddr,
) -> Result<Identity, Failure> {
    Identity::of(access, || credentials(token, certified), address)
}

fn credentials(token: &AuthToken, certified: Option<&Certified>) -> Result<Credentials, Failure> {
    let secret = || Secret::from(token.credentials.clone().unwrap_or_default());
    if let ("none", Some(certified)) = (token.scheme.as_str(), certified) {
        return Ok(certified.credentials());
    }
    match (token.scheme.as_str(), &token.principal) {
        ("basic", Some(user)) => Ok(Credentials::Basic {
            user: user.clone(),
            secret: secret(),
        }),
        ("bearer", _) => Ok(Credentials::Bearer(secret())),
        ("none", _) => Err(Failure::new(
            code::UNAUTHORIZED,
            "this server asks who you are: log in with a user and a password, an API key, or a \
             certificate that names a user",
        )),
        (scheme, _) => Err(Failure::new(
            code::UNAUTHORIZED,
            format!("the scheme `{scheme}` is not known here; `basic` and `bearer` are"),
        )),
    }
}

/// What a client is told for which there is no worker.
fn too_busy() -> Failure {
    Failure::new(
        code::DATABASE_UNAVAILABLE,
        "too many connections run queries at the same time; try again",
    )
}

fn login_failed() -> Failure {
    Failure::new(
        code::UNKNOWN_ERROR,
        "the thread that looked up the user has failed",
    )
}

/// Reads on for a moment: a socket that is closed with bytes unread takes back what it has just sent, and
/// the client would not learn what was wrong.
async fn linger(reader: &mut (impl AsyncRead + Unpin), input: &mut [u8]) {
    let read_all = async {
        let mut read = 0;
        while read < LINGER_BYTES_MAX {
            match reader.read(input).await {
                Ok(0) | Err(_) => break,
                Ok(bytes) => read += bytes,
            }
        }
    };
    let _ = timeout(LINGER, read_all).await;
}
