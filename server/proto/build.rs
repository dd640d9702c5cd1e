//! Makes Rust code of the .proto files, in Rust throughout: nobody needs `protoc`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 8] = [
    "retrograph/v1/value.proto",
    "retrograph/v1/query.proto",
    "retrograph/v1/transactions.proto",
    "retrograph/v1/schema.proto",
    "retrograph/v1/time.proto",
    "retrograph/v1/jobs.proto",
    "retrograph/v1/admin.proto",
    "retrograph/v1/tenants.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // Maps keep one order, so that the same answer is the same bytes.
    tonic_prost_build::configure()
        .build_transport(false)
        .use_arc_self(true)
        .btree_map(".")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    Ok(())
}
