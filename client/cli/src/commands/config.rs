//! `retrograph config`: what is wrong with the configuration of a server, and what is in effect.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use retrograph_config::{CertificateName, Loaded, Origin, Presence, Problem, Settings};
use retrograph_identity::read_issuers;
use retrograph_ingest::ImportFolder;
use retrograph_net::Protection;
use retrograph_net::client_certificate::{ClientCertificates, UserName};
use retrograph_net::tls::TlsFiles;
use retrograph_server::Database;

use crate::args::ConfigAction;
use crate::failure::{Failure, Kind, chain};
use crate::settings::SettingArguments;
use crate::terminal;

/// Runs the action.
pub fn run(data: Option<&Path>, action: &ConfigAction) -> Result<(), Failure> {
    match action {
        ConfigAction::Check { running, settings } => check(data, settings, *running),
        ConfigAction::Show { settings } => show(data, settings),
    }
}

/// Tells every problem; fails if there is one.
fn check(data: Option<&Path>, arguments: &SettingArguments, running: bool) -> Result<(), Failure> {
    let loaded = arguments.load(data);
    let mut problems = loaded.problems.clone();
    if let Some(settings) = &loaded.settings {
        problems.extend(surroundings(settings, &loaded, running));
    }
    for warning in &loaded.warnings {
        terminal::complain(&format!("warning: {warning}"));
    }
    for problem in &problems {
        terminal::complain(&format!("error: {problem}"));
    }
    match problems.len() {
        0 => {
            writeln!(terminal::results(), "nothing is wrong")?;
            Ok(())
        }
        count => {
            let found = terminal::count(count as u64, "problem");
            Err(Failure::of(
                Kind::Usage,
                format!("{found} with the configuration"),
            ))
        }
    }
}

/// What is wrong with the files, directories and addresses that settings name.
fn surroundings(settings: &Settings, loaded: &Loaded, running: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut judge = |key: &str, result: Result<(), String>| {
        if let Err(message) = result {
            problems.push(Problem::new(loaded.place(key), message));
        }
    };
    let files = tls_files(settings);
    if let Some(files) = &files {
        judge(
            "tls.certificate",
            files.check().map_err(|error| chain(&error)),
        );
    }
    if let Some(clients) = client_certificates(settings) {
        let trusted = ClientCertificates {
            revocations: None,
            ..clients.clone()
        };
        let trusted = trusted.check();
        if trusted.is_ok() {
            let lists = clients.check().map_err(|error| chain(&error));
            judge("tls.client_revocations", lists);
        }
        judge(
            "tls.client_authorities",
            trusted.map_err(|error| chain(&error)),
        );
    }
    if let Some(folder) = &settings.general.import_dir {
        let readable = ImportFolder::new(folder).map(drop);
        let unusable = |error| format!("cannot use {} as import folder: {error}", folder.display());
        judge("import_dir", readable.map_err(unusable));
    }
    if let Some(path) = &settings.access.token_issuers {
        let described = read_issuers(path).map(drop);
        judge(
            "access.token_issuers",
            described.map_err(|error| chain(&error)),
        );
    }
    let protection = Protection {
        asks_nobody: settings.access.open,
        has_tls: files.is_some(),
        is_plaintext_exposed: settings.access.plaintext,
    };
    let clients = [
        ("bolt.listen", Some(settings.bolt.listen)),
        ("grpc.listen", settings.grpc.listen),
    ];
    for (key, address) in clients {
        let checked = address.map_or(Ok(()), |address| protection.check(address));
        judge(key, checked.map_err(|error| chain(&error)));
    }
    if !running {
        for (key, address) in clients {
            judge(key, address.map_or(Ok(()), can_be_had));
        }
        let http = [
            ("http.listen", settings.http.listen),
            ("http.metrics", settings.http.metrics),
        ];
        for (key, address) in http {
            judge(key, address.map_or(Ok(()), can_be_had));
        }
        let usable = Database::check(&settings.general.data);
        judge("data", usable.map_err(|error| chain(&error)));
    }
    problems
}

fn can_be_had(address: SocketAddr) -> Result<(), String> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot listen on {address}: {error}")),
    }
}

/// The files of the certificate, if connections are to be encrypted.
pub fn tls_files(settings: &Settings) -> Option<TlsFiles> {
    let (certificate, key) = (settings.tls.certificate.clone(), settings.tls.key.clone());
    certificate
        .zip(key)
        .map(|(certificate, key)| TlsFiles { certificate, key })
}

/// How clients are asked for certificates, if they are.
pub fn client_certificates(settings: &Settings) -> Option<ClientCertificates> {
    let tls = &settings.tls;
    let authorities = tls.client_authorities.clone()?;
    Some(ClientCertificates {
        authorities,
        revocations: tls.client_revocations.clone(),
        is_required: tls.client_certificates == Presence::Required,
        user: match tls.client_user {
            CertificateName::CommonName => UserName::CommonName,
            CertificateName::Email => UserName::Email,
            CertificateName::Dns => UserName::Dns,
            CertificateName::Uri => UserName::Uri,
        },
    })
}

/// Prints the settings in effect as a file that says the same.
fn show(data: Option<&Path>, arguments: &SettingArguments) -> Result<(), Failure> {
    let loaded = arguments.load(data);
    let mut out = terminal::results();
    let mut section = "";
    for effective in &loaded.effective {
        let declaration = effective.declaration;
        if declaration.section != section {
            section = declaration.section;
            writeln!(out, "\n[{section}]")?;
        }
        let origin = match &effective.origin {
            Origin::Default => "default".to_owned(),
            origin => format!("from {origin}"),
        };
        let line = match &effective.value {
            Some(value) => format!("{} = {value}", declaration.name),
            None => format!("# {} is not set", declaration.name),
        };
        writeln!(out, "{line:<44} # {origin}")?;
    }
    out.flush()?;
    drop(out);
    arguments.settings(data).map(drop)
}
