//! How the programs are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        // Where a program may lie anywhere in memory, its tables of functions are written anew at each start: some hundred
        // thousand addresses, which take more time and memory than small charts do. All else (stack, heap, libraries) stays
        // random.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        // Linux maps code by 16 pages. Rendering a chart runs a tenth of the program, which would lie in half of these
        // pieces; side by side it is in a fifth of them, and the process is a third smaller.
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            // Cargo links in this folder; its name would be kept for another checkout that builds in the same place.
            println!("cargo::rustc-link-arg-bins=-Wl,-T,layout.ld");
            // The library that unwinds the stack, too, is within the program: another one takes time at each start.
            println!("cargo::rustc-link-arg-bins=-Wl,--whole-archive,-l:libgcc_eh.a,--no-whole-archive");
        }
    }
}
