//! Stopping runs.

use std::fmt;

use spinel_sys as sys;

use crate::error::{check, Result};

/// Cancels runs from another thread: see [`Call::cancel`](crate::Call::cancel). Once cancelled it stays so.
pub struct CancelToken(*mut sys::spinel_cancel_token);

// SAFETY: the library lets any thread use a token.
unsafe impl Send for CancelToken {}
unsafe impl Sync for CancelToken {}

impl CancelToken {
    /// A token that is not cancelled. Fails only without memory.
    pub fn new() -> Result<Self> {
        let mut token = std::ptr::null_mut();
        // SAFETY: both pointers are valid.
        check(|error| unsafe { sys::spinel_cancel_token_create(&mut token, error) })?;
        Ok(CancelToken(token))
    }

    /// Makes the runs that were given this token return [`Cancelled`](crate::ErrorCode::Cancelled) soon.
    pub fn cancel(&self) {
        // SAFETY: the token lives.
        unsafe { sys::spinel_cancel_token_cancel(self.0) };
    }

    pub(crate) fn raw(&self) -> *const sys::spinel_cancel_token {
        self.0
    }
}

impl Drop for CancelToken {
    fn drop(&mut self) {
        // SAFETY: the token is ours.
        unsafe { sys::spinel_cancel_token_release(self.0) };
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CancelToken")
    }
}
