//! The page of the documentation that describes the settings.

use std::fmt::Write;

use crate::declaration::Declaration;
use crate::settings::SECTIONS;

const HEAD: &str = "\
# Configuration

This page is written from the declarations in `server/config/src/settings.rs`.

`retrograph serve` is configured by flags, by variables of the environment, and by a TOML file that
`--config FILE` or the variable `RETROGRAPH_CONFIG` names. There is one precedence: **flag, then
environment, then file, then default**. Without `--config` no file is read.

    # retrograph.toml
    data = \"/var/lib/retrograph\"

    [tls]
    certificate = \"server.crt\"
    key = \"server.key\"

    [bolt]
    listen = \"0.0.0.0:7687\"

Relative paths in the file are relative to the folder of the file; those of flags and variables to where
the command was started. Times have a unit (`500ms`, `10s`, `2m`, `1h`), bytes may have one (`64MiB`,
binary units only). A variable that is set to nothing counts as not set. A flag of a boolean setting may
stand alone, or with a value: `--no-auth=false`.

    $ retrograph config check --config retrograph.toml    # everything that can be known before starting
    $ retrograph config show --config retrograph.toml     # what is in effect, and where it comes from

`config check` names each problem with its place and exits with code 2: unknown keys, values of a wrong
type or out of range, settings that contradict each other, a certificate or key that cannot be read, do not go
together or are not valid today, a data directory that cannot be used, addresses that cannot be had
or that others could reach unprotected. With `--running` it leaves the data directory and the addresses alone,
which a running server has.

No flag takes a secret: what is on a command line can be read by everybody on the machine.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS {
        let title = match section.name {
            "" => "General".to_owned(),
            name => format!("`[{name}]`"),
        };
        // Writing into a String does not fail.
        let _ = write!(page, "\n## {title}\n\n{}\n\n", section.meaning());
        page.push_str("| setting | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for declaration in section.settings {
            let _ = writeln!(page, "{}", row(declaration));
        }
    }
    page
}

fn row(declaration: &Declaration) -> String {
    let range = match declaration.range {
        Some((least, most)) => format!(", {least} to {most}"),
        None => String::new(),
    };
    let default = match declaration.default {
        Some(default) => format!("`{default}`"),
        None => "not set".to_owned(),
    };
    format!(
        "| `{}`<br>`--{}`<br>`{}` | {}{range} | {default} | {} |",
        declaration.key(),
        declaration.flag(),
        declaration.variable(),
        declaration.type_name,
        declaration.meaning()
    )
}
