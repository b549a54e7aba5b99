//! How the programs are linked.

use std::env::var;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    println!("cargo::rustc-check-cfg=cfg(static_libc)");
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
        println!("cargo::rerun-if-env-changed=OPENSSL_STATIC");
        println!("cargo::rerun-if-env-changed=OPENSSL_LIB_DIR");
        if var("CARGO_CFG_TARGET_ENV").is_ok_and(|library| library == "gnu")
            && openssl_is_archives_alone()
            && let Some(archives) = archives()
        {
            println!("cargo::rustc-cfg=static_libc");
            println!("cargo::rustc-link-arg-bin=mooring=-static");
            println!("cargo::rustc-link-arg-bin=mooring=-L{}", archives.display());
            // Linkers that read archives once: of these two each needs the other.
            println!("cargo::rustc-link-arg-bin=mooring=-Wl,--start-group,-lgcc_s,-lc,--end-group");
        }
    }
}

/// Whether OpenSSL comes from a folder that has none of the system's shared libraries (`openssl_within` in
/// `bootstrap/lib/prerequisites.sh` makes one): the linker looks there first.
fn openssl_is_archives_alone() -> bool {
    let folder = |path: String| PathBuf::from(path).join("libssl.so").try_exists();
    var("OPENSSL_STATIC").is_ok_and(|value| value != "0")
        && var("OPENSSL_LIB_DIR").is_ok_and(|path| folder(path).is_ok_and(|shared| !shared))
}

/// A folder with the archives of the system's libraries, if the compiler has all of them. A program that loads nothing
/// starts in two thirds of the time: finding libraries and their functions is most of what a small chart takes besides.
///
/// `-C target-feature=+crt-static` says the same, but for macros too, which have to be libraries. So rustc asks for shared
/// libraries here, and the linker, which looks into this folder first, finds their archives.
fn archives() -> Option<PathBuf> {
    let folder = PathBuf::from(var("OUT_DIR").ok()?).join("archives");
    fs::create_dir_all(&folder).ok()?;
    for (library, archive) in [
        ("c", "libc.a"),
        ("dl", "libdl.a"),
        ("gcc_s", "libgcc_eh.a"),
        ("m", "libm.a"),
        ("pthread", "libpthread.a"),
        ("rt", "librt.a"),
        ("util", "libutil.a"),
    ] {
        let asked = Command::new("cc").arg(format!("-print-file-name={archive}")).output().ok()?;
        let path = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
        // The bare name comes back where there is none.
        if !path.starts_with('/') {
            return None;
        }
        let link = folder.join(format!("lib{library}.a"));
        if fs::read_link(&link).is_ok() {
            fs::remove_file(&link).ok()?;
        }
        symlink(path, link).ok()?;
    }
    Some(folder)
}
