//! How the programs are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Where a program may lie anywhere in memory, its tables of functions are written anew at each start: some hundred thousand
    // addresses, which take more time and memory than small charts do. All else (stack, heap, libraries) stays random.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
