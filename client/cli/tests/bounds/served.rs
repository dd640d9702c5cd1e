//! A server process, and what can be seen of it from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use retrograph_bolt::client::{Answer, Client, ClientError, anonymous};
use retrograph_bolt::message::request::Run;
use retrograph_bolt::{Value, Version};

use crate::support::Retrograph;

/// Longer than anything takes; only a test that hangs gets there.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server with an empty graph `g`, on all its listeners; ended when dropped.
pub struct Served {
    process: Child,
    pub bolt: SocketAddr,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    log: Arc<Mutex<String>>,
    _retrograph: Retrograph,
}

impl Served {
    /// Lets anybody in.
    pub fn start(more: &[&str]) -> Self {
        let free = "127.0.0.1:0";
        let retrograph = Retrograph::with_graph();
        let mut arguments = vec!["serve", "--no-auth", "--graph", "g", "--listen", free];
        arguments.extend(["--grpc-listen", free, "--http-listen", free]);
        arguments.extend(more);
        let command = &mut retrograph.command(&arguments);
        let mut process = command.spawn().expect("the server starts");
        let mut stderr = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let mut address = |scheme: &str| {
            loop {
                let mut line = String::new();
                let read = stderr.read_line(&mut line).expect("it is text");
                assert!(read > 0, "the server ended before it listened: {said}");
                said.push_str(&line);
                let start = format!("listening on {scheme}://");
                if let Some(rest) = line.strip_prefix(&start) {
                    let address = rest.split_whitespace().next().expect("an address");
                    break address.parse().expect("an address");
                }
            }
        };
        let (bolt, grpc, http) = (address("bolt"), address("grpc"), address("http"));
        let log = Arc::new(Mutex::new(said));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                lines.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self {
            process,
            bolt,
            grpc,
            http,
            log,
            _retrograph: retrograph,
        }
    }

    /// What it has logged by now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log has so many lines with a text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, lines: usize) {
        wait_until(
            || {
                self.log()
                    .lines()
                    .filter(|line| line.contains(text))
                    .count()
                    >= lines
            },
            || format!("`{text}` is not logged {lines} times: {}", self.log()),
        );
    }

    /// A line of `/proc/<id>/status` in kilobytes, or as a number.
    fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("the server lives");
        let line = status.lines().find(|line| line.starts_with(name));
        let line = line.expect("it is told");
        let number = line.split_ascii_whitespace().nth(1).expect("a number");
        number.parse().expect("a number")
    }

    /// How many bytes of memory it has.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:") * 1_024
    }

    /// How many files it may have open.
    pub fn open_files_max(&self) -> usize {
        let path = format!("/proc/{}/limits", self.process.id());
        let limits = std::fs::read_to_string(path).expect("the server lives");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let number = line.and_then(|line| line.split_ascii_whitespace().nth(3));
        number.expect("it is told").parse().expect("a number")
    }

    /// A client that is logged in.
    #[track_caller]
    pub fn client(&self) -> Client<TcpStream> {
        try_client(self.bolt).expect("the server lets it in")
    }

    /// Others are served, on each listener.
    #[track_caller]
    pub fn serves(&self) {
        let mut client = self.client();
        for number in 0..20 {
            let text = format!("UNWIND range(1, 100) AS n RETURN sum(n) + {number} AS sum");
            let rows = ask(&mut client, &text).expect("an answer");
            assert_eq!(rows.0, [[Value::Int(5_050 + number)]]);
        }
        let (status, _) = get(self.http, "/health/ready");
        assert_eq!(status, 200);
        crate::frames::checks(self.grpc);
    }

    /// Waits until nothing runs but the question.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let mut client = self.client();
        let query = "SHOW TRANSACTIONS YIELD transactionId RETURN count(*) AS n";
        wait_until(
            || ask(&mut client, query).expect("an answer").0 == [[Value::Int(1)]],
            || format!("something runs on: {}", self.log()),
        );
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let _ = std::io::stderr().write_all(self.log().as_bytes());
        }
    }
}

/// Looks until it is so.
#[track_caller]
pub fn wait_until(mut is_so: impl FnMut() -> bool, complaint: impl FnOnce() -> String) {
    let since = Instant::now();
    while !is_so() {
        if since.elapsed() > PATIENCE {
            panic!("{}", complaint());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.set_nodelay(true).expect("a socket");
    socket
}

/// Logs in.
pub fn try_client(address: SocketAddr) -> Result<Client<TcpStream>, ClientError> {
    Client::open(connect(address), Version::new(5, 8), "bounds", anonymous())
}

pub fn run(text: &str) -> Run {
    Run {
        query: text.to_owned(),
        ..Run::default()
    }
}

/// The rows of a query.
pub fn ask(client: &mut Client<TcpStream>, text: &str) -> Result<Answer, ClientError> {
    client.ask(run(text))?;
    client.answer()
}

/// The code and the text of a query's failure.
#[track_caller]
pub fn fails(client: &mut Client<TcpStream>, text: &str) -> (String, String) {
    match ask(client, text) {
        Err(ClientError::Failed { code, message }) => (code, message),
        Err(error) => panic!("{error}"),
        Ok((rows, _)) => panic!("{} rows", rows.len()),
    }
}

/// Asks over HTTP; the status and the body.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = connect(address);
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("text");
    let status = answer.split(' ').nth(1).expect("a status");
    (status.parse().expect("a status"), answer)
}

/// Reads until the server closes.
pub fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the server does not close the connection")
        }
        _ => bytes,
    }
}

/// Says something beside the test's own output, which is shown only if it fails.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
