//! Stopping loads and runs.

use std::fmt;
use std::sync::Arc;

use spinel_sys as sys;

use crate::error::{check, Result};

/// Cancels loads and runs from another thread: see [`EngineBuilder::cancel`](crate::EngineBuilder::cancel) and
/// [`Call::cancel`](crate::Call::cancel). Clones are the same token. Once cancelled it stays so.
#[derive(Clone)]
pub struct CancelToken(Arc<Handle>);

struct Handle(*mut sys::spinel_cancel_token);

// SAFETY: the library lets any thread use a token.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl CancelToken {
    /// A token that is not cancelled. Fails only without memory.
    pub fn new() -> Result<Self> {
        let mut token = std::ptr::null_mut();
        // SAFETY: both pointers are valid.
        check(|error| unsafe { sys::spinel_cancel_token_create(&mut token, error) })?;
        Ok(CancelToken(Arc::new(Handle(token))))
    }

    /// Makes the loads and runs that were given this token return [`Cancelled`](crate::ErrorCode::Cancelled) soon.
    pub fn cancel(&self) {
        // SAFETY: the token lives.
        unsafe { sys::spinel_cancel_token_cancel(self.0 .0) };
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: the token lives.
        unsafe { sys::spinel_cancel_token_is_cancelled(self.raw()) != 0 }
    }

    pub(crate) fn raw(&self) -> *const sys::spinel_cancel_token {
        self.0 .0
    }
}

impl Drop for Handle {
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
