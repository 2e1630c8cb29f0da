//! Hands the linker script of `rt` to the linker.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg=-T{folder}/../rt/link.ld");
    println!("cargo:rerun-if-changed=../rt/link.ld");
}
