//! A connection: bytes in, actions and bytes out.

use std::collections::VecDeque;

use crate::chunk::Dechunker;
use crate::handshake::{Agreement, Handshake};
use crate::limits::{Limits, MessageLimits};
use crate::machine::{Action, Greeting, Machine, Outcome, State, Step, UTC_PATCH};
use crate::message::request::{Hello, Request, is_interrupt, is_portion};
use crate::message::response::Response;
use crate::message::signature;
use crate::structure::Dialect;
use crate::value::Map;
use crate::version::Version;

/// What the server says and allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The name and version that clients are told, such as `Retrograph/0.1.0`.
    pub agent: String,
    /// The name of the connection.
    pub connection_id: String,
    /// Hints to drivers.
    pub hints: Map,
    /// What a client may do.
    pub limits: Limits,
}

/// The server's end of a connection. See the crate for how it is driven.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    greeting: Greeting,
    handshake: Handshake,
    /// There is one once the version is known.
    protocol: Option<Protocol>,
    /// Bytes that have arrived and are not yet part of a message.
    input: Vec<u8>,
    dechunker: Dechunker,
    /// Messages that wait for what is being done.
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    output: Vec<u8>,
    actions: VecDeque<Action>,
    is_closed: bool,
}

#[derive(Debug)]
struct Protocol {
    version: Version,
    dialect: Dialect,
    machine: Machine,
    hello: Hello,
}

impl Connection {
    /// A connection on which nothing has arrived.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let limits = settings.limits;
        Self {
            limits,
            greeting: Greeting {
                agent: settings.agent,
                connection_id: settings.connection_id,
                hints: settings.hints,
                by_manifest: false,
            },
            handshake: Handshake::default(),
            protocol: None,
            input: Vec::new(),
            dechunker: Dechunker::default(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            output: Vec::new(),
            actions: [Action::StartTimer(limits.authentication_time)].into(),
            is_closed: false,
        }
    }

    /// Takes bytes from the client. To keep memory bounded, call it while [`Self::wants_input`] only.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            self.input.extend_from_slice(bytes);
            self.advance();
        }
    }

    /// Whether more bytes should be read: not while too many messages wait.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.is_closed && self.takes_messages()
    }

    /// How many bytes are held of what has arrived: of messages that wait, or are not complete.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.input.len() + self.dechunker.held_bytes() + self.queued_bytes
    }

    /// Gives the connection up: the client is told why, and nothing else from now on.
    pub fn give_up(&mut self, failure: &crate::Failure) {
        if !self.is_closed {
            self.close_with(failure, failure.message.clone());
            self.input = Vec::new();
            self.dechunker = Dechunker::default();
        }
    }

    /// The next thing to do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What the client wants of the rows of the query that is being run, if it has asked already. It is the
    /// next action once [`Action::Run`] is completed, unless that fails or is interrupted; an executor that
    /// knows it beforehand can go on at once.
    #[must_use]
    pub fn ahead(&self) -> Option<Action> {
        let protocol = self.protocol.as_ref()?;
        let message = self.queue.front().filter(|message| is_portion(message))?;
        let limits = self.message_limits();
        let request = Request::decode(message, protocol.version, protocol.dialect, limits);
        protocol.machine.ahead(&request.ok()?)
    }

    /// Says what came of the last action that is to be completed.
    pub fn complete(&mut self, outcome: Outcome) {
        let Some(protocol) = &mut self.protocol else {
            return;
        };
        let was_authenticated = protocol.machine.is_authenticated();
        if let Some(step) = protocol.machine.complete(outcome) {
            match (was_authenticated, protocol.machine.is_authenticated()) {
                (false, true) => self.actions.push_back(Action::StopTimer),
                (true, false) => {
                    let timer = Action::StartTimer(self.limits.authentication_time);
                    self.actions.push_back(timer);
                }
                _ => {}
            }
            self.follow(step);
            self.advance();
        }
    }

    /// Sends rows of the result that is being pulled; see [`crate::Records`]. Without one they are
    /// dropped.
    pub fn records(&mut self, bytes: &[u8]) {
        if self.is_streaming() {
            self.output.extend_from_slice(bytes);
        }
    }

    /// Whether rows may be sent now.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.protocol
            .as_ref()
            .is_some_and(|protocol| protocol.machine.is_streaming())
    }

    /// What is to be sent; leaves nothing.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether nothing more will come of the connection but what is still to be sent.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The version, once it is known.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.protocol.as_ref().map(|protocol| protocol.version)
    }

    /// How values are encoded, once it is known.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.protocol.as_ref().map(|protocol| protocol.dialect)
    }

    /// What the client said of itself; empty before.
    #[must_use]
    pub fn hello(&self) -> Option<&Hello> {
        self.protocol.as_ref().map(|protocol| &protocol.hello)
    }

    /// The state, once the version is known.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.protocol
            .as_ref()
            .map(|protocol| protocol.machine.state())
    }

    /// Whether the client has proved who it is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.protocol
            .as_ref()
            .is_some_and(|protocol| protocol.machine.is_authenticated())
    }

    /// Whether an action has not been completed yet.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.protocol
            .as_ref()
            .is_some_and(|protocol| protocol.machine.is_busy())
    }

    /// Before authentication one message is looked at after the other, so that the limits of each are
    /// those of the state that it finds.
    fn takes_messages(&self) -> bool {
        if !self.is_authenticated() {
            return !self.is_busy();
        }
        self.queue.len() < self.limits.queued_messages_max
            && self.queued_bytes < self.limits.queued_bytes_max
    }

    fn message_limits(&self) -> MessageLimits {
        if self.is_authenticated() {
            self.limits.authenticated
        } else {
            self.limits.unauthenticated
        }
    }

    /// Goes on as far as possible with what has arrived.
    fn advance(&mut self) {
        loop {
            self.read_input();
            if self.is_closed || self.is_busy() {
                return;
            }
            let Some(message) = self.queue.pop_front() else {
                return;
            };
            self.queued_bytes -= message.len();
            self.handle(&message);
        }
    }

    /// Cuts what has arrived into messages.
    fn read_input(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while !self.is_closed && !rest.is_empty() && self.takes_messages() {
            if self.protocol.is_none() {
                self.shake_hands(&mut rest);
                continue;
            }
            let limits = self.message_limits();
            match self.dechunker.next(&mut rest, limits.bytes_max) {
                Ok(None) => {}
                Ok(Some(message)) => {
                    if is_interrupt(&message) {
                        self.interrupt(&message);
                    }
                    self.queued_bytes += message.len();
                    self.queue.push_back(message);
                    if !self.is_authenticated() {
                        // Its turn comes before the next one is looked at.
                        break;
                    }
                }
                Err(error) => {
                    let message = match self.is_authenticated() {
                        true => error.to_string(),
                        false => format!("{error}, the limit before authentication"),
                    };
                    self.close_with(&crate::Failure::invalid(message.clone()), message);
                }
            }
        }
        self.input = rest.to_vec();
    }

    fn shake_hands(&mut self, input: &mut &[u8]) {
        match self.handshake.advance(input, &mut self.output) {
            Ok(None) => {}
            Ok(Some(Agreement {
                version,
                by_manifest,
            })) => {
                self.greeting.by_manifest = by_manifest;
                self.protocol = Some(Protocol {
                    version,
                    dialect: version.dialect(),
                    machine: Machine::new(version, self.limits.open_results_max),
                    hello: Hello::default(),
                });
            }
            Err(error) => self.close(error.to_string()),
        }
    }

    /// RESET and GOODBYE take effect on arrival.
    fn interrupt(&mut self, message: &[u8]) {
        let Some(protocol) = &mut self.protocol else {
            return;
        };
        if message.get(1) == Some(&signature::GOODBYE) {
            if protocol.machine.is_busy() {
                self.actions.push_back(Action::Interrupt);
            }
            self.close("the client said goodbye".to_owned());
        } else if protocol.machine.interrupt() {
            self.actions.push_back(Action::Interrupt);
        }
    }

    fn handle(&mut self, message: &[u8]) {
        let limits = self.message_limits();
        let Some(protocol) = &mut self.protocol else {
            return;
        };
        let request = Request::decode(message, protocol.version, protocol.dialect, limits);
        let step = match request {
            Ok(request) => {
                if let (State::Negotiation, Request::Hello(hello)) =
                    (protocol.machine.state(), &request)
                {
                    protocol.dialect.utc |= hello.patches.iter().any(|patch| patch == UTC_PATCH);
                    protocol.hello = Hello {
                        auth: None,
                        ..hello.clone()
                    };
                }
                protocol.machine.request(request, &self.greeting)
            }
            Err(error) => protocol.machine.reject(&error),
        };
        self.follow(step);
    }

    fn follow(&mut self, step: Step) {
        match step {
            Step::Respond(response) => self.respond(&response),
            Step::Act(action) => self.actions.push_back(action),
            Step::Close(None, reason) => self.close(reason),
            Step::Close(Some(failure), reason) => self.close_with(&failure, reason),
        }
    }

    fn respond(&mut self, response: &Response) {
        if let Some(protocol) = &self.protocol {
            response.encode(&mut self.output, protocol.version, protocol.dialect);
        }
    }

    fn close_with(&mut self, failure: &crate::Failure, reason: String) {
        self.respond(&Response::Failure(failure.clone()));
        self.close(reason);
    }

    fn close(&mut self, reason: String) {
        self.is_closed = true;
        self.queue.clear();
        self.queued_bytes = 0;
        if let Some(protocol) = &mut self.protocol {
            protocol.machine.close();
        }
        self.actions.push_back(Action::Close { reason });
    }
}
