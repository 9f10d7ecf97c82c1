//! Finds the library with pkg-config's command line: no crate is needed for it.
use std::env;
use std::process::{exit, Command};

/// The oldest library that has every function of src/abi.rs.
const VERSION: &str = "0.1.0";

fn pkg_config(arguments: &[&str]) -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let done = Command::new(&program).args(arguments).arg("spinel").output();
    match done {
        Ok(done) if done.status.success() => String::from_utf8_lossy(&done.stdout).into_owned(),
        Ok(done) => {
            eprint!("{}", String::from_utf8_lossy(&done.stderr));
            eprintln!(
                "Spinel {VERSION} or newer was not found. Install it (cmake --install build --prefix P) and set \
                 PKG_CONFIG_PATH=P/lib/pkgconfig, or set SPINEL_LIB_DIR to the folder of libspinel.so."
            );
            exit(1);
        }
        Err(error) => {
            eprintln!("{program} cannot be run ({error}). Install pkg-config or set SPINEL_LIB_DIR.");
            exit(1);
        }
    }
}

fn main() {
    for name in
        ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR", "SPINEL_LIB_DIR"]
    {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    let fixed = env::var("SPINEL_LIB_DIR").ok();
    let is_static = env::var_os("CARGO_FEATURE_STATIC").is_some();
    let flags = match &fixed {
        Some(folder) => format!("-L{folder} -lspinel"),
        None => {
            pkg_config(&["--print-errors", &format!("--atleast-version={VERSION}")]);
            // System folders too: the crate's users may want the path (DEP_SPINEL_LIBDIR).
            let mut arguments = vec!["--libs", "--keep-system-libs"];
            if is_static {
                arguments.push("--static");
            }
            pkg_config(&arguments)
        }
    };
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
            println!("cargo:libdir={folder}");
        } else if flag == "-lspinel" {
            let kind = if is_static { "static" } else { "dylib" };
            println!("cargo:rustc-link-lib={kind}=spinel");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib=dylib={library}");
        }
    }
}
