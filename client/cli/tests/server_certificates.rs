//! The command at a server that asks for certificates.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use retrograph_client_harness::Failure;
use retrograph_client_harness::certificates::Authority;
use support::{Outcome, Retrograph};

/// A server that turns away whoever has no certificate of `clients`.
struct Server {
    retrograph: Retrograph,
    child: Child,
    url: String,
    clients: Authority,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let retrograph = Retrograph::with_graph();
        let (servers, clients) = (Authority::new("servers")?, Authority::new("clients")?);
        servers.server()?.write(retrograph.directory(), "server")?;
        retrograph.file("servers.pem", &servers.pem());
        retrograph.file("clients.pem", &clients.pem());
        let mut command = retrograph.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--grpc-listen", "127.0.0.1:0"]);
        command.args(["--tls-certificate", "server.pem", "--tls-key", "server.key"]);
        command.args(["--tls-client-authorities", "clients.pem"]);
        command.args(["--tls-client-certificates", "required"]);
        let mut child = command.spawn()?;
        let mut said = BufReader::new(child.stderr.take().ok_or("it is piped")?);
        let url = loop {
            let mut line = String::new();
            if said.read_line(&mut line)? == 0 {
                return Err("the server ended before it listened".into());
            }
            if let Some(address) = line.trim().strip_prefix("listening on grpc+s://") {
                break format!("https://{address}");
            }
        };
        // What else it says is of no interest, but must not fill the pipe.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Ok(Self {
            retrograph,
            child,
            url,
            clients,
        })
    }

    fn ask(&self, options: &[&str], variables: &[(&str, &str)]) -> Result<Outcome, Failure> {
        let text = "SHOW CURRENT USER YIELD user";
        let mut command = self
            .retrograph
            .command(&["query", "g", text, "--output", "csv"]);
        command.args(["--server", &self.url]).args(options);
        command.envs(variables.iter().copied());
        Ok(Outcome::of(command.output()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_certificate_is_shown_as_flags_or_the_environment_say() -> Result<(), Failure> {
    let server = Server::start()?;
    let own = server.clients.client("admin")?;
    own.write(server.retrograph.directory(), "own")?;
    let both = format!("{}{}", own.certificate, own.key);
    server.retrograph.file("both.pem", &both);
    let trusting = ["--ca", "servers.pem"];
    let flags = ["--client-certificate", "own.pem", "--client-key", "own.key"];
    let admin = "user\nadmin\n";
    let by_flags = server.ask(&[&trusting[..], &flags].concat(), &[])?;
    assert_eq!(by_flags.success(), admin);
    let in_one = ["--client-certificate", "both.pem"];
    let in_one = server.ask(&[&trusting[..], &in_one].concat(), &[])?;
    assert_eq!(in_one.success(), admin);
    let variables = [
        ("RETROGRAPH_CA", "servers.pem"),
        ("RETROGRAPH_CLIENT_CERTIFICATE", "own.pem"),
        ("RETROGRAPH_CLIENT_KEY", "own.key"),
    ];
    assert_eq!(server.ask(&[], &variables)?.success(), admin);

    // The password of the data directory opens nothing here, and is not sent beside a certificate.
    let without = server.ask(&trusting, &[])?.failure(3);
    assert!(!without.contains("authentication"), "{without}");
    server
        .clients
        .client("nobody")?
        .write(server.retrograph.directory(), "nobody")?;
    let nobody = [
        "--client-certificate",
        "nobody.pem",
        "--client-key",
        "nobody.key",
    ];
    let nobody = server
        .ask(&[&trusting[..], &nobody].concat(), &[])?
        .failure(3);
    assert!(nobody.contains("--client-certificate"), "{nobody}");

    let distrusted = server
        .ask(&[&["--ca", "clients.pem"], &flags[..]].concat(), &[])?
        .failure(3);
    assert!(
        distrusted.contains("do not trust each other"),
        "{distrusted}"
    );
    let lonely = server.ask(&["--client-key", "own.key"], &[])?.failure(3);
    assert!(lonely.contains("--client-certificate"), "{lonely}");
    let missing = server
        .ask(&["--client-certificate", "none.pem"], &[])?
        .failure(3);
    assert!(missing.contains("none.pem"), "{missing}");
    let wrong = server
        .ask(&["--client-certificate", "own.key"], &[])?
        .failure(3);
    assert!(wrong.contains("PEM"), "{wrong}");
    Ok(())
}
