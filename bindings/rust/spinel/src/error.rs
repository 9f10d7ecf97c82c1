//! What failed calls give.

use std::fmt;

use spinel_sys as sys;

use crate::text::text;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An option, shape, dtype or name is not what the call takes.
    InvalidArgument,
    /// A file, folder, input, output or target that was named does not exist.
    NotFound,
    /// The operating system failed to read or write.
    Io,
    /// The ONNX file is damaged or breaks the specification.
    BadModel,
    /// An image, array or label file is damaged or not of a known format.
    BadData,
    /// Valid, but this build or version cannot do it.
    Unsupported,
    /// One of [`Limits`](crate::Limits) would be exceeded.
    LimitExceeded,
    /// There is no memory left.
    OutOfMemory,
    /// The caller cancelled the work.
    Cancelled,
    /// The engine was released.
    Released,
    /// A fault of Spinel itself; please report it.
    Internal,
    /// A code of a newer library.
    Unknown(i32),
}

const CODES: [(i32, ErrorCode); 11] = [
    (sys::SPINEL_INVALID_ARGUMENT, ErrorCode::InvalidArgument),
    (sys::SPINEL_NOT_FOUND, ErrorCode::NotFound),
    (sys::SPINEL_IO, ErrorCode::Io),
    (sys::SPINEL_BAD_MODEL, ErrorCode::BadModel),
    (sys::SPINEL_BAD_DATA, ErrorCode::BadData),
    (sys::SPINEL_UNSUPPORTED, ErrorCode::Unsupported),
    (sys::SPINEL_LIMIT_EXCEEDED, ErrorCode::LimitExceeded),
    (sys::SPINEL_OUT_OF_MEMORY, ErrorCode::OutOfMemory),
    (sys::SPINEL_CANCELLED, ErrorCode::Cancelled),
    (sys::SPINEL_RELEASED, ErrorCode::Released),
    (sys::SPINEL_INTERNAL, ErrorCode::Internal),
];

impl ErrorCode {
    pub(crate) fn from_number(number: i32) -> Self {
        CODES.iter().find(|(known, _)| *known == number).map_or(ErrorCode::Unknown(number), |(_, code)| *code)
    }

    pub(crate) fn number(self) -> i32 {
        match self {
            ErrorCode::Unknown(number) => number,
            _ => CODES.iter().find(|(_, code)| *code == self).map_or(0, |(number, _)| *number),
        }
    }

    /// The code's name, such as `"bad_model"`; `"unknown"` for one of a newer library.
    pub fn name(self) -> &'static str {
        // SAFETY: the name is a constant of the library.
        unsafe { std::ffi::CStr::from_ptr(sys::spinel_code_name(self.number())) }
            .to_str()
            .unwrap_or("unknown")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A failure: what kind, what happened where and why and what to do about it, and in which node of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    message: String,
    node: Option<String>,
}

/// What every call that may fail returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// One of the caller's own, for an operator or an inspection that fails.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Error { code, message: message.into(), node: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorCode::InvalidArgument, message)
    }

    /// # Safety
    /// `error` is one that the library gave, or null; it is released.
    pub(crate) unsafe fn take(code: i32, error: *mut sys::spinel_error) -> Self {
        let node = text(sys::spinel_error_node(error));
        let out = Error {
            code: ErrorCode::from_number(code),
            message: text(sys::spinel_error_message(error)),
            node: if node.is_empty() { None } else { Some(node) },
        };
        sys::spinel_error_release(error);
        out
    }

    /// The kind of failure.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What failed, where, why and what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The name of the ONNX node that failed, if it was one.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Calls a function of the library, whose last parameter is the error.
pub(crate) fn check(call: impl FnOnce(*mut *mut sys::spinel_error) -> i32) -> Result<()> {
    let mut error = std::ptr::null_mut();
    match call(&mut error) {
        sys::SPINEL_OK => Ok(()),
        // SAFETY: on failure the error is ours.
        code => Err(unsafe { Error::take(code, error) }),
    }
}
