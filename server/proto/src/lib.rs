//! The gRPC interface, package `retrograph.v1`.
//!
//! The files in `proto/` are the interface; [`v1`] is the Rust made of them: messages, clients over any
//! `tonic` transport, and the traits a server implements. [`DESCRIPTORS`] describes all of it to programs, as
//! server reflection does.
//!
//! What is published stays: see `docs/reference/grpc.md` for what may change in these files.

/// Messages, clients and server traits of `retrograph.v1`.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    reason = "generated; what is to be said stands in the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("retrograph.v1");
}

/// The compiled .proto files with all they import: a serialised `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The domain of the `google.rpc.ErrorInfo` that goes with every error.
pub const ERROR_DOMAIN: &str = "retrograph";
