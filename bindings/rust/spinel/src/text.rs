//! Texts and lists of texts across the boundary.

use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::path::{Path, PathBuf};

use spinel_sys as sys;

use crate::error::{check, Error, Result};

/// A copy of the library's text; "" for null.
///
/// # Safety
/// `pointer` is null or points to a text that ends with NUL.
pub(crate) unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    CStr::from_ptr(pointer).to_string_lossy().into_owned()
}

/// # Safety
/// As `text()`, for each of the `count` pointers; `pointers` may be null if there are none.
pub(crate) unsafe fn texts(pointers: *const *const c_char, count: usize) -> Vec<String> {
    (0..count).map(|i| text(*pointers.add(i))).collect()
}

/// # Safety
/// As `text()`, and not null.
pub(crate) unsafe fn path(pointer: *const c_char) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        std::ffi::OsString::from_vec(CStr::from_ptr(pointer).to_bytes().to_vec()).into()
    }
    #[cfg(not(unix))]
    {
        text(pointer).into()
    }
}

pub(crate) fn c_text(value: &str, what: &str) -> Result<CString> {
    CString::new(value).map_err(|_| Error::invalid(format!("{what} {value:?} contains a NUL byte")))
}

#[cfg(unix)]
pub(crate) fn c_path(path: &Path) -> Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::invalid(format!("the path {path:?} contains a NUL byte")))
}

#[cfg(not(unix))]
pub(crate) fn c_path(path: &Path) -> Result<CString> {
    c_text(
        path.to_str().ok_or_else(|| Error::invalid(format!("the path {path:?} is not Unicode")))?,
        "the path",
    )
}

/// The pointer of an optional text.
pub(crate) fn pointer(value: &Option<CString>) -> *const c_char {
    value.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Null for an empty list.
pub(crate) fn or_null<T>(values: &[T]) -> *const T {
    if values.is_empty() {
        std::ptr::null()
    } else {
        values.as_ptr()
    }
}

/// A list that the library gave, copied and released.
pub(crate) fn owned_list(
    call: impl FnOnce(*mut *mut sys::spinel_strings, *mut *mut sys::spinel_error) -> i32,
) -> Result<Vec<String>> {
    let mut list = std::ptr::null_mut();
    check(|error| call(&mut list, error))?;
    // SAFETY: the list is ours, and its texts live until it is released.
    unsafe {
        let out = list_texts(list);
        sys::spinel_strings_release(list);
        Ok(out)
    }
}

/// # Safety
/// `list` is null or a list of the library's.
pub(crate) unsafe fn list_texts(list: *const sys::spinel_strings) -> Vec<String> {
    (0..sys::spinel_strings_count(list)).map(|i| text(sys::spinel_strings_get(list, i))).collect()
}
