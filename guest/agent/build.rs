//! Links the agent as a static Linux executable: the target knows no operating system, but its ELF,
//! with page-sized segments and an entry point, is one that Linux loads.

fn main() {
    for arg in ["-zmax-page-size=4096", "-znorelro", "--no-rosegment", "--build-id=none", "-e_start"] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
    println!("cargo:rerun-if-changed=../../crates/cluster/src/control/wire.rs");
}
