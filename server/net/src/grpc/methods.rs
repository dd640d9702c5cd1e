//! The methods there are: under which name each is counted, and whether its calls are traced.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::metrics::{Register, Requests};

/// A method, or all that are none of ours.
pub struct Method {
    /// Its name with that of the service, such as `retrograph.v1.Query/Run`; absent if its calls are not
    /// traced.
    pub traced: Option<Arc<str>>,
    /// What is counted of it.
    pub requests: Arc<Requests>,
}

/// The methods by the paths of their calls.
pub struct Methods {
    known: HashMap<String, Method>,
    /// What else is asked for. Its name is the client's, of which there is no end.
    other: Method,
}

impl Methods {
    /// Those that the .proto files describe.
    pub fn new(register: &Register) -> Self {
        let count = |name: String| register.requests("grpc", name);
        let mut known = HashMap::new();
        for (described, is_traced) in [
            (retrograph_proto::DESCRIPTORS, true),
            // Probes ask every few seconds.
            (tonic_health::pb::FILE_DESCRIPTOR_SET, false),
        ] {
            // What the build made can be read.
            let files = FileDescriptorSet::decode(described)
                .unwrap_or_default()
                .file;
            for file in &files {
                for service in &file.service {
                    for method in &service.method {
                        let (service, method) = (service.name(), method.name());
                        let name = format!("{}.{service}/{method}", file.package());
                        known.insert(
                            format!("/{name}"),
                            Method {
                                traced: is_traced.then(|| name.into()),
                                requests: count(format!("{service}/{method}")),
                            },
                        );
                    }
                }
            }
        }
        Self {
            known,
            other: Method {
                traced: None,
                requests: count("other".to_owned()),
            },
        }
    }

    /// The method of a call.
    pub fn of(&self, path: &str) -> &Method {
        self.known.get(path).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_paths_and_others_are_all_one() {
        let methods = Methods::new(&Register::default());
        let run = methods.of("/retrograph.v1.Query/Run");
        assert_eq!(run.traced.as_deref(), Some("retrograph.v1.Query/Run"));
        assert!(methods.of("/grpc.health.v1.Health/Check").traced.is_none());
        let (one, other) = (
            methods.of("/x/y"),
            methods.of("/retrograph.v1.Query/Nothing"),
        );
        assert!(Arc::ptr_eq(&one.requests, &other.requests));
        assert!(!Arc::ptr_eq(&one.requests, &run.requests));
    }
}
