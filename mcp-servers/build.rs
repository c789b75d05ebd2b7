//! The migrations are part of the binaries: a new one makes them anew.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
