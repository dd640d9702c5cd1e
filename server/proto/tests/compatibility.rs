//! What is published stays: the .proto files are compared with `baseline/retrograph.v1.binpb`, the descriptors
//! of what clients were built with.
//!
//! Additions have to be entered in the baseline, so that they stay as well:
//!
//! ```text
//! UPDATE_PROTO_BASELINE=1 cargo test -p retrograph-proto
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

const PACKAGE: &str = "retrograph.v1";

/// What clients rely on: for each thing that is published, by a name that stays, what may not change about it.
type Published = BTreeMap<String, String>;

fn published(descriptors: &FileDescriptorSet) -> Published {
    let mut all = Published::new();
    let ours = |file: &&prost_types::FileDescriptorProto| file.package() == PACKAGE;
    for file in descriptors.file.iter().filter(ours) {
        for message in &file.message_type {
            of_message(PACKAGE, message, &mut all);
        }
        for of in &file.enum_type {
            of_enum(PACKAGE, of, &mut all);
        }
        for service in &file.service {
            let name = format!("{PACKAGE}.{}", service.name());
            all.insert(format!("service {name}"), String::new());
            for method in &service.method {
                let streams = |is: bool| if is { "stream " } else { "" };
                all.insert(
                    format!("method {name}.{}", method.name()),
                    format!(
                        "({}{}) returns ({}{})",
                        streams(method.client_streaming()),
                        method.input_type(),
                        streams(method.server_streaming()),
                        method.output_type(),
                    ),
                );
            }
        }
    }
    all
}

fn of_message(within: &str, message: &DescriptorProto, all: &mut Published) {
    let name = format!("{within}.{}", message.name());
    all.insert(format!("message {name}"), String::new());
    for field in &message.field {
        let label = match field.label() {
            Label::Repeated => "repeated ",
            _ if field.proto3_optional() => "optional ",
            _ => "",
        };
        let of = match field.r#type() {
            Type::Message | Type::Enum => field.type_name().to_owned(),
            plain => plain.as_str_name().to_owned(),
        };
        let oneof = match field.oneof_index {
            Some(index) if !field.proto3_optional() => {
                let index = usize::try_from(index).unwrap();
                format!(" in oneof {}", message.oneof_decl[index].name())
            }
            _ => String::new(),
        };
        all.insert(
            format!("field {} of message {name}", field.number()),
            format!("{label}{of} {}{oneof}", field.name()),
        );
    }
    for nested in &message.nested_type {
        of_message(&name, nested, all);
    }
    for nested in &message.enum_type {
        of_enum(&name, nested, all);
    }
}

fn of_enum(within: &str, of: &EnumDescriptorProto, all: &mut Published) {
    let name = format!("{within}.{}", of.name());
    all.insert(format!("enum {name}"), String::new());
    for value in &of.value {
        all.insert(
            format!("value {} of enum {name}", value.number()),
            value.name().to_owned(),
        );
    }
}

/// What clients would no longer find as it was.
fn broken(before: &Published, now: &Published) -> Vec<String> {
    let broken = before.iter().filter_map(|(what, was)| match now.get(what) {
        None => Some(format!("{what} ({was}) is gone")),
        Some(is) if is != was => Some(format!("{what} was `{was}` and is `{is}`")),
        Some(_) => None,
    });
    broken.collect()
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline/retrograph.v1.binpb")
}

fn current() -> FileDescriptorSet {
    FileDescriptorSet::decode(retrograph_proto::DESCRIPTORS).unwrap()
}

#[test]
fn what_is_published_stays() {
    let now = published(&current());
    let is_update = std::env::var_os("UPDATE_PROTO_BASELINE").is_some();
    let before = match std::fs::read(baseline()) {
        Ok(bytes) => published(&FileDescriptorSet::decode(&*bytes).unwrap()),
        Err(_) if is_update => Published::new(),
        Err(error) => panic!("{}: {error}", baseline().display()),
    };
    let broken = broken(&before, &now);
    assert!(
        broken.is_empty(),
        "clients that are in use would break:\n  {}\nPut it back as it was, and add what is new under a new \
         name and a new number beside it; mark the old one `deprecated = true` if it is not to be used any \
         more. What cannot be expressed so belongs into a new package, retrograph.v2. See \
         docs/reference/grpc.md, Compatibility.",
        broken.join("\n  ")
    );
    if is_update {
        let mut entered = current();
        for file in &mut entered.file {
            // Comments may change.
            file.source_code_info = None;
        }
        std::fs::write(baseline(), entered.encode_to_vec()).unwrap();
        return;
    }
    let added: Vec<&String> = now
        .keys()
        .filter(|what| !before.contains_key(*what))
        .collect();
    assert!(
        added.is_empty(),
        "not entered in the baseline: {added:?}\nIf it is as clients are to find it from now on, run \
         UPDATE_PROTO_BASELINE=1 cargo test -p retrograph-proto, and commit the file."
    );
}

#[test]
fn changes_that_break_clients_are_found() {
    let now = published(&current());
    let find = |change: &dyn Fn(&mut FileDescriptorSet)| {
        let mut changed = current();
        change(&mut changed);
        broken(&now, &published(&changed))
    };
    fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
        let ours = set.file.iter_mut().filter(|file| file.package() == PACKAGE);
        let mut all = ours.flat_map(|file| &mut file.message_type);
        all.find(|message| message.name() == name).unwrap()
    }
    assert_eq!(find(&|_| {}), Vec::<String>::new());
    // A number given to another field, a name, a type, a field that is gone.
    let changes: [&dyn Fn(&mut FileDescriptorSet); 9] = [
        &|set| message(set, "Row").field[0].number = Some(2),
        &|set| message(set, "Row").field[0].name = Some("other".to_owned()),
        &|set| message(set, "Date").field[0].set_type(Type::Int64),
        &|set| drop(message(set, "Summary").field.remove(0)),
        &|set| message(set, "Summary").field[0].set_label(Label::Repeated),
        &|set| message(set, "Value").field[1].oneof_index = None,
        &|set| message(set, "Row").name = Some("Line".to_owned()),
        &|set| {
            let ours = set.file.iter_mut().filter(|file| file.package() == PACKAGE);
            let mut services = ours.flat_map(|file| &mut file.service);
            let method = &mut services.next().unwrap().method[0];
            method.server_streaming = Some(!method.server_streaming());
        },
        &|set| {
            let ours = set.file.iter_mut().filter(|file| file.package() == PACKAGE);
            let mut enums = ours.flat_map(|file| &mut file.enum_type);
            let value = &mut enums.next().unwrap().value[1];
            value.number = Some(77);
        },
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert!(!find(change).is_empty(), "change {place}");
    }
}
