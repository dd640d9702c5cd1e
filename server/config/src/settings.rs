//! The settings there are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::declaration::{Declaration, Section, settings};
use crate::load::Reader;
use crate::value::{Bytes, CertificateName, Endpoint, LogFormat, LogLevel, Presence, Ratio, Value};

settings! {
    /// The data and what clients find in it.
    [""] general: General {
        /// The data directory.
        data: PathBuf = "retrograph-data";
        /// The graph of clients that name none; made if there is none of that name. Not set: the only
        /// graph there is.
        default_graph: Option<String>, flag "graph";
        /// The folder whose files LOAD CSV may read, as file:///name.csv. Not set: none may be read.
        import_dir: Option<PathBuf>;
    }

    /// Who may connect.
    ["access"] access: Access {
        /// Ask nobody who they are: whoever can connect may do everything. On loopback addresses only.
        open: bool = "false", flag "no-auth";
        /// With open access: who commits, as recorded with commits. Not set: the user of the system.
        actor: Option<String>, flag "actor";
        /// The identity providers whose tokens (JWT) are accepted, in a JSON file. Not set: none are.
        token_issuers: Option<PathBuf>, flag "token-issuers";
        /// Let other machines connect without TLS, passwords crossing the network as they are.
        plaintext: bool = "false", flag "allow-plaintext";
    }

    /// The certificate with which connections of clients are encrypted. New files are noticed within
    /// seconds.
    ["tls"] tls: Tls {
        /// The chain in PEM, the server's own certificate first. Not set: connections are not encrypted.
        certificate: Option<PathBuf>;
        /// The private key of the certificate, in PEM.
        key: Option<PathBuf>;
        /// The authorities of clients' certificates, in PEM. Not set: clients are not asked for certificates.
        client_authorities: Option<PathBuf>;
        /// Lists of clients' certificates that their authorities have revoked (CRL), in PEM; each authority then
        /// needs one. Not set: no certificate is revoked.
        client_revocations: Option<PathBuf>;
        /// Whether clients have to show a certificate: `optional` or `required`.
        client_certificates: Presence = "optional";
        /// What of a client's certificate names the user: `common-name`, `email`, `dns` or `uri`.
        client_user: CertificateName = "common-name";
    }

    /// What all listeners share.
    ["server"] server: Server {
        /// Connections there may be; further ones are refused. There are fewer where the system does not allow
        /// as many open files.
        connections_max: usize = "10000", from "1" to "1000000";
        /// Queries and open transactions there may be at the same time, each with a thread of its own.
        workers_max: usize = "1000", from "1" to "100000";
        /// How long a client of Bolt or gRPC may read nothing of what is sent to it; then what it asked for ends.
        stall: Duration = "10m", from "100ms" to "24h";
    }

    /// When queries run and what they take together. Tenants and users have limits of their own.
    ["admission"] admission: Admission {
        /// Queries that run at the same time. Not set: 8 for each core, at least 16.
        slots: Option<usize>;
        /// Queries that may wait for their turn; further ones are rejected.
        queued_max: usize = "1000", from "0" to "1000000";
        /// Queries of one tenant that may wait, unless its limits say.
        tenant_queued_max: usize = "200", from "0" to "1000000";
        /// How long a query waits at most.
        wait_max: Duration = "10s", from "0s" to "1h";
        /// The memory that all queries may take together. Not set: half of what the machine or its control
        /// group has.
        memory_bytes_max: Option<Bytes>;
        /// Queries that take this long are recorded as slow.
        slow_query: Duration = "1s", from "0s" to "24h";
    }

    /// Memory for what is kept at hand of all graphs, beside that of queries.
    ["caches"] caches: Caches {
        /// Read images: arrays of what is read often. Not set: a quarter of the memory that the machine or its
        /// control group has; 0: none are kept.
        image_bytes_max: Option<Bytes>;
        /// Blocks of files of rows. Not set: a sixteenth.
        block_bytes_max: Option<Bytes>;
        /// Rows that are not in files yet. Not set: a sixty-fourth, at least 16MiB and at most 512MiB.
        write_buffer_bytes_max: Option<Bytes>;
        /// Plans of statements. Not set: a part of 128, at least 4MiB and at most 64MiB.
        plan_bytes_max: Option<Bytes>;
    }

    /// Drivers that speak Bolt.
    ["bolt"] bolt: Bolt {
        /// Where drivers connect; port 0 takes a free one.
        listen: SocketAddr = "127.0.0.1:7687", flag "listen";
        /// Where drivers are told to find the server, as HOST:PORT. Not set: where they found it.
        advertise: Option<String>, flag "advertise";
        /// Go by a server name that starts with `Neo4j/`, which some drivers insist on, such as Java's.
        compatible_agent: bool = "false", flag "compatible-agent";
        /// A connection that has nothing open for this long gives its thread back.
        worker_idle: Duration = "10s", from "10ms" to "24h";
        /// What the rows may take that are kept of unread results of a transaction while its next query
        /// runs.
        kept_bytes_max: Bytes = "64MiB", from "64KiB" to "1TiB";
        /// The longest message of a client that has logged in.
        message_bytes_max: Bytes = "64MiB", from "64KiB" to "1GiB";
        /// How deep lists and maps of a message may be nested.
        message_depth_max: usize = "100", from "8" to "1000";
        /// The memory that the values of a message may take.
        message_memory_max: Bytes = "256MiB", from "1MiB" to "1TiB";
        /// How long a client may take to agree on TLS, and then to log in.
        authentication_time: Duration = "30s", from "100ms" to "1h";
        /// Messages of a connection that may wait while one is executed.
        queued_messages_max: usize = "1000", from "1" to "100000";
        /// Bytes of those messages.
        queued_bytes_max: Bytes = "1MiB", from "4KiB" to "1GiB";
        /// Results of one transaction that may be open.
        open_results_max: usize = "1000", from "1" to "100000";
    }

    /// Clients that speak gRPC.
    ["grpc"] grpc: Grpc {
        /// Where clients connect; port 0 takes a free one. Not set: nowhere.
        listen: Option<SocketAddr>;
        /// How long a connection may take to agree on TLS, and then to its first call that is let in.
        first_call_time: Duration = "30s", from "100ms" to "1h";
        /// The longest message of a client.
        message_bytes_max: Bytes = "16MiB", from "64KiB" to "1GiB";
        /// How long a transaction may wait for its next call; clients may ask for less. Then it is rolled
        /// back.
        transaction_idle: Duration = "1m", from "100ms" to "24h";
        /// Transactions of several queries that may be open.
        transactions_max: usize = "1000", from "1" to "100000";
    }

    /// What the server says of itself on standard error. Never what users write or send: no statements, no
    /// values, no passwords, tokens or keys.
    ["log"] log: Log {
        /// From which level on: `error`, `warn`, `info` or `debug`.
        level: LogLevel = "info";
        /// How lines are written: `text`, or `json`, one object a line.
        format: LogFormat = "text";
    }

    /// Health for probes, metrics for scrapers. In plain text and without logins, as neither has a user: on
    /// addresses that only they can reach.
    ["http"] http: Http {
        /// Where /health/live, /health/ready and /build are told. Not set: nowhere.
        listen: Option<SocketAddr>;
        /// Where /metrics is told; may be the same address. Not set: nowhere.
        metrics: Option<SocketAddr>;
        /// How long a client may take over the head of a request, to come with the next one, and to read
        /// something of an answer.
        client_time: Duration = "10s", from "100ms" to "1h";
    }

    /// Traces of single requests, sent to an OpenTelemetry collector by OTLP over gRPC. Never values of
    /// queries, rows or secrets.
    ["traces"] traces: Traces {
        /// The collector, such as http://127.0.0.1:4317, or https:// where its certificate is of an authority
        /// that the system knows. Not set: no traces are kept.
        endpoint: Option<Endpoint>;
        /// The share of traces that are kept, of those that no client decided on.
        sample_ratio: Ratio = "1", from "0" to "1";
        /// Tell queries as well, without their literals. Names of labels, properties and variables remain, and
        /// whoever reads traces reads them.
        query_text: bool = "false";
    }
}

impl Settings {
    /// Settings that do not go together: the key of the one to change, and what is wrong.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        match (&self.tls.certificate, &self.tls.key) {
            (Some(_), None) => found.push(("tls.certificate", "needs `tls.key` beside it")),
            (None, Some(_)) => found.push(("tls.key", "needs `tls.certificate` beside it")),
            _ => {}
        }
        if self.tls.client_authorities.is_some() && self.tls.certificate.is_none() {
            found.push((
                "tls.client_authorities",
                "needs `tls.certificate`: clients show certificates within TLS only",
            ));
        }
        if self.tls.client_authorities.is_none()
            && self.tls.client_certificates == Presence::Required
        {
            found.push((
                "tls.client_certificates",
                "needs `tls.client_authorities`, by which certificates are verified",
            ));
        }
        if self.tls.client_authorities.is_none() && self.tls.client_revocations.is_some() {
            found.push((
                "tls.client_revocations",
                "needs `tls.client_authorities`, whose certificates it is about",
            ));
        }
        if self.access.open && self.access.plaintext {
            found.push((
                "access.plaintext",
                "means nothing beside `access.open`, which serves this machine alone",
            ));
        }
        if self.access.open && self.access.token_issuers.is_some() {
            found.push((
                "access.token_issuers",
                "means nothing beside `access.open`, which asks nobody for a token",
            ));
        }
        if !self.access.open && self.access.actor.is_some() {
            found.push((
                "access.actor",
                "needs `access.open`: users that log in are recorded by their names",
            ));
        }
        found
    }
}

/// All settings as they are declared.
pub fn declarations() -> impl Iterator<Item = &'static Declaration> {
    SECTIONS.iter().flat_map(|section| section.settings)
}
