//! Flags for the settings of a server, as they are declared in `retrograph-config`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, FromArgMatches};
use retrograph_config::settings::{SECTIONS, declarations};
use retrograph_config::{CONFIG_VARIABLE, Declaration, Loaded, Settings, Sources, load};

use crate::failure::{Failure, Kind};
use crate::terminal;

/// The key of the setting whose flag all commands have.
const DATA: &str = "data";

/// The flag that names the file.
const CONFIG: &str = "config";

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct SettingArguments {
    file: Option<PathBuf>,
    flags: BTreeMap<String, OsString>,
}

impl SettingArguments {
    /// Reads all settings, from wherever they are given.
    pub fn load(&self, data: Option<&Path>) -> Loaded {
        let mut flags = self.flags.clone();
        if let Some(data) = data {
            flags.insert(DATA.to_owned(), data.into());
        }
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let named = environment.get(std::ffi::OsStr::new(CONFIG_VARIABLE));
        let named = named.filter(|path| !path.is_empty()).map(PathBuf::from);
        load(&Sources {
            flags,
            file: self.file.clone().or(named),
            environment,
        })
    }

    /// The settings, if nothing is wrong with them.
    pub fn settings(&self, data: Option<&Path>) -> Result<Settings, Failure> {
        let loaded = self.load(data);
        for warning in &loaded.warnings {
            terminal::complain(&format!("warning: {warning}"));
        }
        loaded.settings.ok_or_else(|| {
            let problems = loaded.problems.iter().map(ToString::to_string);
            Failure::of(Kind::Usage, problems.collect::<Vec<_>>().join("\nerror: "))
        })
    }
}

impl clap::Args for SettingArguments {
    fn augment_args(mut command: Command) -> Command {
        command = command.arg(
            Arg::new(CONFIG)
                .long(CONFIG)
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("A TOML file of settings [default: $RETROGRAPH_CONFIG, else none]"),
        );
        for section in SECTIONS {
            for declaration in section.settings {
                if declaration.key() != DATA {
                    command = command.arg(flag(declaration));
                }
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(declaration: &Declaration) -> Arg {
    let meaning = declaration.meaning();
    let help = match declaration.default {
        Some(default) if declaration.type_name != "boolean" => {
            format!("{} [default: {default}]", meaning.trim_end_matches('.'))
        }
        _ => meaning,
    };
    let flag = Arg::new(declaration.key())
        .long(declaration.flag())
        .value_name(declaration.type_name.to_uppercase())
        .value_parser(clap::value_parser!(OsString))
        .help_heading(match declaration.section {
            "" => "General".to_owned(),
            section => format!("Section [{section}]"),
        })
        .help(help);
    match declaration.type_name {
        "boolean" => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        _ => flag,
    }
}

impl FromArgMatches for SettingArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut arguments = Self::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(file) = matches.get_one::<PathBuf>(CONFIG) {
            self.file = Some(file.clone());
        }
        for key in declarations()
            .map(Declaration::key)
            .filter(|key| key != DATA)
        {
            if let Some(text) = matches.get_one::<OsString>(&key) {
                self.flags.insert(key, text.clone());
            }
        }
        Ok(())
    }
}
