//! What Spinel's C ABI (`spinel.h`) declares, as Rust sees it. Everything here is as unsafe as C; use the crate `spinel`
//! unless you write another one like it. The comments are those of the header, whose first states the rules.
//!
//! `build.rs` finds the library with `pkg-config`, or in the folder that the environment variable `SPINEL_LIB_DIR`
//! names. The feature `static` links `libspinel.a`.
#![allow(non_camel_case_types)]
#![warn(missing_debug_implementations)]

#[rustfmt::skip]
mod abi;

pub use abi::*;
