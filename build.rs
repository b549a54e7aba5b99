//! How the programs are linked.

use std::env::var;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    if !var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        return;
    }
    // Where a program may lie anywhere in memory, its tables of functions are written anew at each start: some hundred
    // thousand addresses, which take more time and memory than small charts do. All else (stack, heap, libraries) stays
    // random.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    if var("PROFILE").is_ok_and(|profile| profile == "release") {
        // Linux maps code by 16 pages. Rendering a chart runs a tenth of the program, which would lie in half of these
        // pieces; side by side it is in a fifth of them, and the process is a third smaller. Cargo links in this folder;
        // with its whole name the path would be kept for another checkout that builds in the same place.
        println!("cargo::rustc-link-arg-bins=-Wl,-T,layout.ld");
        if let Some(unwinder) = unwinder() {
            println!("cargo::rustc-link-arg-bins=-Wl,--whole-archive,{unwinder},--no-whole-archive");
        }
    }
}

/// The archive of what unwinds the stack, if the compiler has it: as a library of its own it takes time at each start.
fn unwinder() -> Option<String> {
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().ok()?;
    let path = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
    // The bare name comes back where there is none.
    path.starts_with('/').then_some(path)
}
